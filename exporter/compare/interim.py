"""The upgrades of a fleet, each judged at its interim analyses. Pure arithmetic.

One that waits for its first, and one that changed the servers' class, are told of too.
"""

from .assess.comparison import Question, class_change, compare, pending
from .assess.result import Comparison
from .assess.upgrades import (
    Upgrade,
    class_changes,
    first_work,
    interim_analysis,
    newest_upgrades,
    next_analysis,
)
from .fleet.windows import Fleet


def analyse_upgrades(fleet: Fleet, question: Question, now: float) -> tuple[Comparison, ...]:
    """Return the comparisons of the fleet's upgrades; `now` is Unix seconds.

    Without matchers of both sides these are the newest upgrades of the fleet.
    """
    chosen = bool(question.baseline and question.candidate)
    upgrades = _chosen_upgrade(fleet, question) if chosen else newest_upgrades(fleet, question)
    comparisons = list[Comparison]()
    for upgrade in upgrades:
        comparisons += _analyse(fleet, upgrade, now)
    if not chosen:
        changes = class_changes(fleet, question)
        comparisons += [class_change(fleet, change.question) for change in changes]
    return tuple(comparisons)


def _analyse(fleet: Fleet, upgrade: Upgrade, now: float) -> tuple[Comparison, ...]:
    """Return an upgrade's comparisons of its last analysis, and when the next can answer."""
    analysis = interim_analysis(fleet, upgrade, now)
    if analysis is None:
        first = next_analysis(upgrade, now)
        comparisons = pending(fleet, upgrade.question, now if first is None else first)
    else:
        comparisons = compare(*analysis)
    return tuple(
        each.model_copy(update={"answer_at": _answer_time(each, upgrade, now)})
        for each in comparisons
    )


def _answer_time(comparison: Comparison, upgrade: Upgrade, now: float) -> float | None:
    """Return the next analysis that may decide what is undecided (Unix seconds), or None."""
    if comparison.verdict == "inconclusive":
        return next_analysis(upgrade, now)
    if comparison.verdict == "not_comparable" and comparison.ready_at is not None:
        # an analysis at that very moment has the data
        return next_analysis(upgrade, max(now, comparison.ready_at - 1.0))
    return None


def _chosen_upgrade(fleet: Fleet, question: Question) -> tuple[Upgrade, ...]:
    """Return the one upgrade that the matchers choose, none if its candidate has had no work."""
    start = first_work(fleet, question)
    return () if start is None else (Upgrade(question, start),)
