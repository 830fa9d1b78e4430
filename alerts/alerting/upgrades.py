"""A release that is worse than the one before at equal load.

The verdict is that of the recording rules, or, where `inferfleet judge` runs, the judge's: it sees
more and overrules them on every measure that it judges too. Nothing here reads raw throughput, so a
fall in demand cannot fire.
"""

from typing import Final

from exporter.vocabulary.verdict import Measure

from ..model import Group
from ..values import Values
from .family import Dashboard, Family

LABELS: Final = ("engine", "model", "gpu_model", "class", "release", "baseline", "measure")
_BOARD: Final[Dashboard] = "upgrade"
_SERVED: Final = "{{ $labels.model }} on {{ $labels.gpu_model }}"
_PAIR: Final = "{{ $labels.release }} against {{ $labels.baseline }}"


def _query(record: str, matcher: str = "") -> str:
    """Return a template of one figure about the alert's own subject; nothing where it is not."""
    names = ("measure", "release", "baseline", "class")
    inside = ",".join(f"{name}=%q" for name in names) + matcher
    labels = " ".join(f"$labels.{name}" for name in names)
    text = f"release:inferfleet_matched_load:{record}{{{inside}}}"
    return f'(printf "{text}" {labels} | query)'


_INTERVAL: Final = (
    "{{ with " + _query("lower") + " }} Of the baseline's figure it reaches"
    " {{ . | first | value | humanizePercentage }}{{ end }}"
    "{{ with " + _query("upper") + " }} to"
    " {{ . | first | value | humanizePercentage }} (95 % interval){{ end }}"
    "{{ with " + _query("overlap_seconds") + " }}, from"
    " {{ . | first | value | humanizeDuration }} at the same load.{{ end }}"
)
_REASONS: Final = (
    "{{ range $i, $reason := "
    + _query("reason")
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
    family = Family("upgrades", values)
    for name, measure, short, long in _LOSSES:
        family.add(
            name,
            _loss(family, name, measure),
            f"{_SERVED} {short} since {{{{ $labels.release }}}}",
            f"{_SERVED} {long}: {_PAIR} (class {{{{ $labels.class }}}}).{_INTERVAL}",
            _BOARD,
        )
    family.add(
        "InferfleetUpgradeNotComparable",
        _not_comparable(values),
        f"{_SERVED}: {_PAIR} cannot be compared in {{{{ $labels.measure }}}}",
        f"{_SERVED}: for {_PAIR} there is no verdict on {{{{ $labels.measure }}}} (class "
        f"{{{{ $labels.class }}}}).{_REASONS}",
        _BOARD,
    )
    return family.groups()


def _loss(family: Family, name: str, measure: Measure) -> str:
    on = family.values.labels(*LABELS)
    this = f'measure="{measure}"'
    rules = "release:inferfleet_matched_load"
    judge = _judged(family.values, this)
    estimate = family.values.metric("upgrade_effect_ratio", this, 'bound="estimate"')
    regressed = family.values.metric("upgrade_verdict", this, 'verdict="regression"')
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
        f"(((1 - max by {on} ({estimate})) and on {on} max by {on} ({regressed}) == 1)"
        f" or ({lost} unless on {on} ({judge}))) > {family.limit(name, 'loss')}"
    )


def _judged(values: Values, *matchers: str) -> str:
    return f"max by {values.labels(*LABELS)} ({values.metric('upgrade_verdict', *matchers)})"


def _not_comparable(values: Values) -> str:
    on = values.labels(*LABELS)
    this = 'verdict="not_comparable"'
    own = f"max by {on} (release:inferfleet_matched_load:verdict{{{this}}})"
    return f"({_judged(values, this)} or ({own} unless on {on} {_judged(values)})) == 1"
