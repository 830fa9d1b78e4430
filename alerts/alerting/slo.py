"""Error budgets that burn too fast, each seen over a long and a short window.

The long window says that it matters, the short one that it goes on; after the multi-window,
multi-burn-rate alerts of Google's SRE workbook, chapter 5.
"""

from itertools import product

from ..model import Group
from ..promql import series
from ..recording import burn
from ..recording.levels import edge, of_models
from ..recording.workloads import with_workload
from ..values import Burn, ObjectiveSet, Values
from .family import Family


def groups(values: Values) -> tuple[Group, ...]:
    """Return the alerts on objectives."""
    family = Family("slo", values)
    for slo in values.slo.sets():
        _burns(family, slo)
    _edges(family)
    return family.groups()


def _burns(family: Family, slo: ObjectiveSet) -> None:
    values, ttft, itl = family.values, slo.time_to_first_token, slo.inter_token_latency
    for title, objective, share, bad in (
        (
            "TimeToFirstToken",
            "time_to_first_token",
            ttft.objective,
            f"of {{{{ $labels.model }}}}'s first tokens take longer than {ttft.threshold:g} s",
        ),
        (
            "InterTokenLatency",
            "inter_token_latency",
            itl.objective,
            f"of {{{{ $labels.model }}}}'s tokens take longer than {itl.threshold:g} s",
        ),
        (
            "Errors",
            "errors",
            slo.errors.objective,
            "of {{ $labels.model }}'s responses are server errors",
        ),
    ):
        for speed, burns in (("Fast", values.slo.fast), ("Slow", values.slo.slow)):
            name = f"Inferfleet{title}BudgetBurn{speed}"
            slowest = min(window.factor for window in burns)
            budget = 1 - share
            family.add(
                name,
                _expr(family, name, objective, burns, budget, slo.matcher),
                f"{{{{ $value | humanizePercentage }}}} {bad}",
                f"{{{{ $value | humanizePercentage }}}} {bad}, where {budget * 100:.4g} % may "
                f"(objective {share * 100:g} %): the budget burns {slowest:g} times as fast as it "
                "should, or faster, in the long and in the short window.",
                "slo",
            )


def _expr(
    family: Family,
    name: str,
    objective: str,
    burns: tuple[Burn, ...],
    budget: float,
    matcher: str,
) -> str:
    model = family.values.labels("model")
    events, least = burn.events(objective), family.limit(name, "rate")
    parts = [
        f"({series(burn.share(objective, window.long), matcher)} > {window.factor * budget:g}"
        f" and on {model} {burn.share(objective, window.short)} > {window.factor * budget:g}"
        f" and on {model} avg_over_time({events}[{window.long}]) > {least})"
        for window in burns
    ]
    return " or ".join(parts)


def _edges(family: Family) -> None:
    values = family.values
    server = values.labels("target", "objective")
    parts = []
    for objective, slo in product(
        ("time_to_first_token", "inter_token_latency"), values.slo.sets()
    ):
        name, threshold = f"{objective}_seconds", getattr(slo, objective).threshold
        count = values.metric(f"{name}_count")
        bucket = values.metric(f"{name}_bucket", f'le=~"{edge(threshold)}"')
        on = values.labels("target")
        missing = f"group by {on} ({count}) unless on {on} group by {on} ({bucket})"
        missing += of_models(values, slo.matcher)
        parts.append(f'label_replace({missing}, "objective", "{objective}", "", "")')
    family.add(
        "InferfleetSloEdgeMissing",
        with_workload(values, f"max by {server} ({' or '.join(parts)})"),
        "{{ $labels.target }} has no bucket at the objective of {{ $labels.objective }}",
        "The histogram of {{ $labels.target }} has no bucket edge at the objective's seconds, so "
        "its requests count neither as good nor as bad for {{ $labels.objective }}: that objective "
        "is blind to this server.",
        "slo",
    )
