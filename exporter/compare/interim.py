"""The upgrades of a fleet, each judged at every interim analysis. Pure arithmetic.

One that has no verdict yet, and one that changed the servers' class, are told of too. A verdict
that was decided stays, while the estimate goes on: the analyses share one significance level
(`estimate.spending`), so that the first to decide is right as often as a single one would be.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ..vocabulary.verdict import Verdict
from .assess.comparison import Question, class_change, compare
from .assess.result import Comparison
from .assess.upgrades import Upgrade, class_changes, last_start, newest_upgrades
from .fleet.windows import Fleet

HORIZON_HOURS: Final = 24.0
"""Hours of a candidate over which the analyses share the level; later ones need ever more."""
UNDECIDED: Final[tuple[Verdict, ...]] = ("inconclusive", "not_comparable")


def analyse_upgrades(
    fleet: Fleet, question: Question, now: float, earlier: Sequence[Comparison] = ()
) -> tuple[Comparison, ...]:
    """Return the comparisons of the fleet's upgrades; `now` is Unix seconds.

    Without matchers of both sides these are the newest upgrades of the fleet. `earlier` are those
    of the analysis before.
    """
    chosen = bool(question.baseline and question.candidate)
    upgrades = _chosen_upgrade(fleet, question) if chosen else newest_upgrades(fleet, question)
    known = {_upgrade_key(comparison): comparison for comparison in earlier}
    comparisons = list[Comparison]()
    for upgrade in upgrades:
        for comparison in compare(fleet, replace(upgrade.question, horizon=HORIZON_HOURS)):
            before = known.get(_upgrade_key(comparison))
            comparisons.append(_with_decision(comparison, before, upgrade.start, now))
    if not chosen:
        changes = class_changes(fleet, question)
        comparisons += [class_change(fleet, change.question) for change in changes]
    return tuple(comparisons)


def _upgrade_key(comparison: Comparison) -> tuple[object, ...]:
    """Return what an upgrade is known again by."""
    return (
        tuple(sorted(comparison.external_labels.items())),
        comparison.engine,
        comparison.model,
        comparison.gpu_model,
        comparison.server_class,
        comparison.baseline.releases,
        comparison.candidate.releases,
    )


def _with_decision(
    comparison: Comparison, before: Comparison | None, start: float, now: float
) -> Comparison:
    """Return a comparison with the verdict that was decided before, or now, and when.

    `start` is when the candidate began: one that came again after a decision is another upgrade. A
    regression found later takes the place of any other verdict. A clock that went back makes no
    decision lie in the future.
    """
    decided_at = None if before is None else before.decided_at
    stands = before is not None and decided_at is not None and start <= decided_at
    if before is not None and stands and "regression" in (before.verdict, comparison.verdict):
        stands = before.verdict == "regression"
    if before is None or decided_at is None or not stands:
        decided = comparison.verdict not in UNDECIDED
        return comparison.model_copy(
            update={"decided_at": now if decided else None, "answer_at": answer_time(comparison)}
        )
    if comparison.measures[0].estimate is None:
        # the data that it was decided on have gone, and nothing is there to refresh it with
        return before.model_copy(update={"decided_at": min(decided_at, now)})
    decisions = {
        result.measure: {
            "verdict": result.verdict,
            "reason": result.reason,
            "remedy": result.remedy,
            "required_sample_size": None,
        }
        for result in before.measures
        if result.verdict not in UNDECIDED
    }
    measures = tuple(
        result
        if result.verdict == "regression"
        else result.model_copy(update=decisions.get(result.measure, {}))
        for result in comparison.measures
    )
    return comparison.model_copy(
        update={
            "verdict": before.verdict,
            "decided_at": min(decided_at, now),
            "measures": measures,
            "headline": before.headline,
        }
    )


def answer_time(comparison: Comparison) -> float | None:
    """Return when an undecided comparison may have its verdict (Unix seconds), None if unknown."""
    if comparison.verdict not in UNDECIDED:
        return None
    start, required = comparison.candidate_start, comparison.measures[0].required_sample_size
    if start is not None and required is not None and required.hours is not None:
        return start + 3600.0 * required.hours
    return comparison.ready_at


def _chosen_upgrade(fleet: Fleet, question: Question) -> tuple[Upgrade, ...]:
    """Return the one upgrade that the matchers choose, none if its candidate has had no work."""
    start = last_start(fleet, question)
    return () if start is None else (Upgrade(question, start),)
