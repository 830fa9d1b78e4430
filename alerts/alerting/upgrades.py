"""A release that is worse than the one before at equal load.

The verdict is that of the recording rules, or, where `inferfleet judge` runs, the judge's: it sees
more and overrules them on every measure that it judges too. Nothing here reads raw throughput, so a
fall in demand cannot fire.
"""

from typing import Final

from exporter.vocabulary.verdict import Measure

from ..model import Group
from ..recording.levels import IDENTITY
from ..recording.workloads import LABELS as WORKLOAD_LABELS
from ..recording.workloads import RELEASE_WORKLOAD
from ..values import Values
from .family import Dashboard, Family

LABELS: Final = ("engine", "model", "gpu_model", "class", "release", "baseline", "measure")
_BOARD: Final[Dashboard] = "upgrade"
_SERVED: Final = "{{ $labels.model }} on {{ $labels.gpu_model }}"
_PAIR: Final = "{{ $labels.release }} against {{ $labels.baseline }}"


def _query(values: Values, record: str) -> str:
    """Return a template of one figure about the alert's own subject; nothing where it is not."""
    names = (*LABELS, *values.keep_labels)
    # a label that the subject has not is empty, and matches what has it not
    inside = ",".join(f"{name}=%q" for name in names)
    labels = " ".join(f"$labels.{name}" for name in names)
    text = f"release:inferfleet_matched_load:{record}{{{inside}}}"
    return f'(printf "{text}" {labels} | query)'


def _interval(values: Values) -> str:
    lower, upper, overlap = (
        _query(values, record) for record in ("lower", "upper", "overlap_seconds")
    )
    return (
        "{{ with " + lower + " }} Of the baseline's figure it reaches"
        " {{ . | first | value | humanizePercentage }}{{ end }}"
        "{{ with " + upper + " }} to"
        " {{ . | first | value | humanizePercentage }} (95 % interval){{ end }}"
        "{{ with " + overlap + " }}, from"
        " {{ . | first | value | humanizeDuration }} at the same load.{{ end }}"
    )


def _reasons(values: Values) -> str:
    return (
        "{{ range $i, $reason := "
        + _query(values, "reason")
        + ' | sortByLabel "reason" }}{{ if $i }}, {{ else }} Reason: {{ end }}'
        "{{ $reason.Labels.reason }}{{ end }}"
    )


_LOSSES: Final[tuple[tuple[str, Measure, str, str], ...]] = (
    (
        "InferfleetDecodeRegression",
        "decode",
        "decodes slower",
        "decodes {{ $value | humanizePercentage }} fewer tokens per second at equal load",
    ),
    (
        "InferfleetPrefillRegression",
        "prefill",
        "computes prompts slower",
        "computes {{ $value | humanizePercentage }} fewer prompt tokens per second at equal load",
    ),
    (
        "InferfleetTimeToFirstTokenRegression",
        "time_to_first_token",
        "answers later",
        "answers {{ $value | humanizePercentage }} slower at equal load",
    ),
    (
        "InferfleetInterTokenLatencyRegression",
        "inter_token_latency",
        "streams slower",
        "streams {{ $value | humanizePercentage }} fewer tokens per second to a request at equal "
        "demand",
    ),
    (
        "InferfleetHitRatioRegression",
        "hit_ratio",
        "finds less in its prefix cache",
        "finds {{ $value | humanizePercentage }} less of its prompts in the prefix cache",
    ),
    (
        "InferfleetSpeculationRegression",
        "speculation",
        "has fewer drafts accepted",
        "has {{ $value | humanizePercentage }} fewer of its draft tokens accepted",
    ),
    (
        "InferfleetEnergyRegression",
        "energy",
        "needs more energy",
        "makes {{ $value | humanizePercentage }} fewer tokens of a joule at equal load",
    ),
)


def groups(values: Values) -> tuple[Group, ...]:
    """Return the alerts on what an upgrade cost."""
    family, interval = Family("upgrades", values), _interval(values)
    for name, measure, short, long in _LOSSES:
        family.add(
            name,
            _with_workload(values, _loss(family, name, measure)),
            f"{_SERVED} {short} since {{{{ $labels.release }}}}",
            f"{_SERVED} {long}: {_PAIR} (class {{{{ $labels.class }}}}).{interval}",
            _BOARD,
        )
    family.add(
        "InferfleetUpgradeNotComparable",
        _with_workload(values, _not_comparable(family)),
        f"{_SERVED}: {_PAIR} cannot be compared in {{{{ $labels.measure }}}}",
        f"{_SERVED}: for {_PAIR} there is no verdict on {{{{ $labels.measure }}}} (class "
        f"{{{{ $labels.class }}}}).{_reasons(values)}",
        _BOARD,
    )
    return family.groups()


def _with_workload(values: Values, expr: str) -> str:
    """Return an alert on a release with the workload, or the namespace, that all of it runs in."""
    release = values.labels(*IDENTITY)
    # whatever is judged is joined, known or not: without a partner the alert would be lost
    judged = f" or on {release} ".join(
        f"group by {release} ({verdicts})"
        for verdicts in (
            "release:inferfleet_matched_load:verdict",
            values.metric("upgrade_verdict"),
        )
    )
    labels = ", ".join(WORKLOAD_LABELS)
    return (
        f"({expr}) * on {release} group_left ({labels})"
        f" ({RELEASE_WORKLOAD} or on {release} {judged})"
    )


def _loss(family: Family, name: str, measure: Measure) -> str:
    on = family.values.labels(*LABELS)
    this = f'measure="{measure}"'
    rules = "release:inferfleet_matched_load"
    judge = _judged(family, this)
    estimate = family.values.metric("upgrade_effect_ratio", this, 'bound="estimate"')
    regressed = _judged(family, this, 'verdict="regression"')
    servers = family.limit(name, "servers")
    least = [
        f'{rules}:verdict{{{this}, verdict="regression"}} == 1',
        f"{rules}:overlap_seconds{{{this}}} >= {family.seconds(name, 'overlap')}",
        f'{rules}:servers{{{this}, side="candidate"}} >= {servers}',
        f'{rules}:servers{{{this}, side="baseline"}} >= {servers}',
    ]
    enough = "".join(f" and on {on} ({condition})" for condition in least)
    lost = f"((1 - max by {on} ({rules}:ratio{{{this}}})){enough})"
    return (
        f"(((1 - max by {on} ({estimate})) and on {on} {regressed} == 1)"
        f" or ({lost} unless on {on} ({judge}))) > {family.limit(name, 'loss')}"
    )


def _judged(family: Family, *matchers: str) -> str:
    """Return the judge's verdicts, those left out that it stopped renewing."""
    values, limit = family.values, family.seconds("InferfleetJudgeStale", "age")
    verdict = values.metric("upgrade_verdict", *matchers)
    last = values.metric("judge_last_success_timestamp_seconds")
    page = values.labels("job", "instance")
    return f"max by {values.labels(*LABELS)} ({verdict} and on {page} time() - {last} <= {limit})"


def _not_comparable(family: Family) -> str:
    values = family.values
    on = values.labels(*LABELS)
    this = 'verdict="not_comparable"'
    own = f"max by {on} (release:inferfleet_matched_load:verdict{{{this}}})"
    return f"({_judged(family, this)} or ({own} unless on {on} {_judged(family)})) == 1"
