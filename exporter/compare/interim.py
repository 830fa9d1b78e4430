"""The upgrades of a fleet, each judged at its interim analyses. Pure arithmetic."""

from .assess.comparison import Question, compare
from .assess.result import Comparison
from .assess.upgrades import Upgrade, first_work, interim_analysis, newest_upgrades
from .fleet.windows import Fleet


def analyse_upgrades(fleet: Fleet, question: Question, now: float) -> tuple[Comparison, ...]:
    """Return the comparisons of the upgrades that have come to an analysis; `now` is Unix seconds.

    Without matchers of both sides these are the newest upgrades of the fleet.
    """
    chosen = bool(question.baseline and question.candidate)
    upgrades = _chosen_upgrade(fleet, question) if chosen else newest_upgrades(fleet, question)
    comparisons = list[Comparison]()
    for upgrade in upgrades:
        analysis = interim_analysis(fleet, upgrade, now)
        if analysis is not None:
            comparisons += compare(*analysis)
    return tuple(comparisons)


def _chosen_upgrade(fleet: Fleet, question: Question) -> tuple[Upgrade, ...]:
    """Return the one upgrade that the matchers choose, none if its candidate has had no work."""
    start = first_work(fleet, question)
    return () if start is None else (Upgrade(question, start),)
