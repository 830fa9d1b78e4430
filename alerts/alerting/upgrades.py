"""A release that is worse than the one before at equal load, as the judge says.

The verdicts are those of `inferfleet judge`, or of an exporter with `judge` in its configuration.
Nothing here reads raw throughput, so a fall in demand cannot fire; an upgrade that nobody judges is
told too.
"""

from typing import Final

from exporter.vocabulary.exporter import UPGRADE_LABELS
from exporter.vocabulary.family import PREFIX
from exporter.vocabulary.verdict import Measure, Verdict

from ..model import Group
from ..recording.levels import IDENTITY
from ..recording.workloads import LABELS as WORKLOAD_LABELS
from ..recording.workloads import RELEASE_WORKLOAD
from ..values import Values
from .family import Dashboard, Family

LABELS: Final = (*UPGRADE_LABELS, "measure")
_BOARD: Final[Dashboard] = "upgrade"
_SERVED: Final = "{{ $labels.model }} on {{ $labels.gpu_model }}"
_PAIR: Final = "{{ $labels.release }} against {{ $labels.baseline }}"
_WORK: Final = "release:inferfleet_inter_token_latency_seconds:mean5m"
# what is slower than loads overlap has a direction and no size
_SIZELESS: Final = "1"


def _query(values: Values, name: str, more: str = "", without: tuple[str, ...] = ()) -> str:
    """Return a template of one of the judge's figures about the alert's own subject."""
    names = [label for label in (*LABELS, *values.keep_labels) if label not in without]
    # a label that the subject has not is empty, and matches what has it not
    inside = ",".join(f"{label}=%q" for label in names)
    labels = " ".join(f"$labels.{label}" for label in names)
    return f'(printf "{PREFIX}{name}{{{inside}{more}}}" {labels} | query)'


def _interval(values: Values) -> str:
    lower, upper = (
        _query(values, "upgrade_effect_ratio", f',bound=\\"{bound}\\"')
        for bound in ("lower", "upper")
    )
    of_upgrade = ("measure",)
    level = _query(values, "upgrade_confidence_level_ratio", without=of_upgrade)
    time = _query(values, "upgrade_compared_seconds", ',side=\\"candidate\\"', without=of_upgrade)
    return (
        "{{ with " + lower + " }} Of the baseline's figure it reaches"
        " {{ . | first | value | humanizePercentage }}{{ end }}"
        "{{ with " + upper + " }} to {{ . | first | value | humanizePercentage }}"
        "{{ with " + level + " }} ({{ . | first | value | humanizePercentage }} interval){{ end }}."
        "{{ end }}"
        "{{ with " + time + " }} It rests on"
        " {{ . | first | value | humanizeDuration }} of the new release.{{ end }}"
    )


def _reasons(values: Values) -> str:
    return (
        "{{ range $i, $reason := "
        + _query(values, "upgrade_reason")
        + ' | sortByLabel "reason" }}{{ if $i }}, {{ else }} Reason: {{ end }}'
        "{{ $reason.Labels.reason }}{{ end }}"
    )


_LOSSES: Final[tuple[tuple[str, Measure, str, str], ...]] = (
    (
        "InferfleetDecodeRegression",
        "decode",
        "decodes slower",
        f"decodes {{{{ if lt $value {_SIZELESS}.0 }}}}{{{{ $value | humanizePercentage }}}} fewer"
        "{{ else }}far fewer{{ end }} tokens per second at equal load",
    ),
    (
        "InferfleetPrefillRegression",
        "prefill",
        "computes prompts slower",
        "computes {{ $value | humanizePercentage }} fewer prompt tokens per second at equal load",
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
        _with_workload(values, f"{_judged(family, _verdict('not_comparable'))} == 1"),
        f"{_SERVED}: {_PAIR} cannot be compared in {{{{ $labels.measure }}}}",
        f"{_SERVED}: for {_PAIR} there is no verdict on {{{{ $labels.measure }}}} (class "
        f"{{{{ $labels.class }}}}).{_reasons(values)}",
        _BOARD,
    )
    family.add(
        "InferfleetUpgradeNotJudged",
        _not_judged(family, "InferfleetUpgradeNotJudged"),
        f"Nobody judges the upgrade of {_SERVED}",
        f"{_SERVED} (class {{{{ $labels.class }}}}) has worked under {{{{ $value }}}} releases "
        "within a day, and no judge says what the newer one changed: no upgrade alert can fire.",
        _BOARD,
    )
    return family.groups()


def _with_workload(values: Values, expr: str) -> str:
    """Return an alert on a release with the workload, or the namespace, that all of it runs in."""
    release = values.labels(*IDENTITY)
    # whatever is judged is joined, known or not: without a partner the alert would be lost
    judged = f"group by {release} ({values.metric('upgrade_verdict')})"
    labels = ", ".join(WORKLOAD_LABELS)
    return (
        f"({expr}) * on {release} group_left ({labels})"
        f" ({RELEASE_WORKLOAD} or on {release} {judged})"
    )


def _loss(family: Family, name: str, measure: Measure) -> str:
    on = family.values.labels(*LABELS)
    this = f'measure="{measure}"'
    estimate = family.values.metric("upgrade_effect_ratio", this, 'bound="estimate"')
    regressed = f"{_judged(family, this, _verdict('regression'))} == {_SIZELESS}"
    limit = family.limit(name, "loss")
    lost = f"(1 - max by {on} ({estimate})) and on {on} ({regressed})"
    return f"(({lost}) or on {on} ({regressed} unless on {on} {estimate})) > {limit}"


def _verdict(verdict: Verdict) -> str:
    return f'verdict="{verdict}"'


def _judged(family: Family, *matchers: str, by: tuple[str, ...] = LABELS) -> str:
    """Return the judge's verdicts, those left out that it stopped renewing."""
    values, limit = family.values, family.seconds("InferfleetJudgeStale", "age")
    verdict = values.metric("upgrade_verdict", *matchers)
    judged = values.metric("upgrade_judged_timestamp_seconds")
    upgrade = values.labels("job", "instance", *UPGRADE_LABELS)
    fresh = f"time() - {judged} <= {limit}"
    return f"max by {values.labels(*by)} ({verdict} and on {upgrade} {fresh})"


def _not_judged(family: Family, name: str) -> str:
    """Return the classes that worked under several releases, without a verdict on any of them."""
    values, window = family.values, family.limit(name, "window")
    pool = ("model", "gpu_model", "class")
    releases = f"count by {values.labels(*pool)} (count_over_time({_WORK}[{window}])) > 1"
    return f"{releases} unless on {values.labels(*pool)} {_judged(family, by=pool)}"
