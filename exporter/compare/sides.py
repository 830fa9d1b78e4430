"""Whether the two sides of a question are there at all, and what is there where they are not.

Pure: a side that no server ever was is an error, one that has no work yet is a report.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from ..base.errors import CompareError
from ..base.units import format_duration
from ..base.untrusted import one_line
from .assess.comparison import Question
from .estimate.blocker import required_overlap
from .fleet.matchers import Matcher, format_matchers, match_all
from .fleet.windows import Fleet

_MAX_LISTED: Final = 12
_SIMILARITY: Final = 0.75
"""How alike a name must be to be what was meant: releases are all somewhat alike."""

_Labels = Mapping[str, str]


def check_baseline(fleet: Fleet, question: Question) -> None:
    """Raise `CompareError` where no known server is the baseline."""
    _check_known(fleet, question, question.baseline, "--baseline")


def check_sides(fleet: Fleet, question: Question) -> None:
    """Raise `CompareError` where no known server is a side, or none is on one side alone."""
    check_baseline(fleet, question)
    _check_known(fleet, question, question.candidate, "--candidate")
    old, new = (_chosen(fleet, matchers) for matchers in (question.baseline, question.candidate))
    for name, side, other in (("--baseline", old, new), ("--candidate", new, old)):
        if all(labels in other for labels in side):
            raise CompareError(
                f"{name}: every server it chooses is on the other side as well; add a label that "
                "sets the two apart"
            )


def absence(fleet: Fleet, question: Question) -> str:
    """Return why there is no work of the candidate yet, for those who wait for it."""
    try:
        _check_known(fleet, question, question.candidate, "--candidate")
    except CompareError as error:
        return str(error)
    return (
        "no work of the candidate has been counted yet: windows of "
        f"{format_duration(fleet.windows.width)} are counted whole, and the first minutes after a "
        "start are left out"
    )


def missing_sides(fleet: Fleet, question: Question) -> str:
    """Return why there is nothing to compare, of sides that are known."""
    active = fleet.labels
    idle = [
        f"the {name} ({_releases(_chosen(fleet, matchers))})"
        for name, matchers in (("baseline", question.baseline), ("candidate", question.candidate))
        if not any(match_all((*matchers, *question.models), labels) for labels in active)
    ]
    if idle:
        answer = required_overlap(fleet.windows.width)
        return (
            f"Nothing to compare yet: no work of {' and of '.join(idle)} has been counted; the "
            "first minutes after a start are left out. An answer takes "
            f"{format_duration(question.warm_up)} of warm-up at most and {format_duration(answer)} "
            "in which both run: ask again then, or let --wait do it."
        )
    old, new = (_served(_chosen(fleet, side)) for side in (question.baseline, question.candidate))
    return (
        "Nothing to compare: no model on one kind of GPU is served by both sides. The baseline "
        f"serves {old}, the candidate {new}."
    )


def _check_known(
    fleet: Fleet, question: Question, matchers: tuple[Matcher, ...], option: str
) -> None:
    known = _known_labels(fleet)
    required = *matchers, *question.models
    if any(match_all(required, labels) for labels in known):
        return
    if fleet.ran_earlier(required):
        raise CompareError(
            f"{option}: {format_matchers(required)} ran before this time alone; widen --window, or "
            "choose a time with --from and --to"
        )
    if not known:
        raise CompareError(
            f"{option}: there are no series of inferfleet in this time; is --prometheus the one "
            "that scrapes the exporter?"
        )
    for matcher in required:
        if not any(matcher.matches(labels) for labels in known):
            place = "--model" if matcher in question.models else option
            values = {labels[matcher.label] for labels in known if labels.get(matcher.label)}
            similar = get_close_matches(matcher.value, sorted(values), 1, _SIMILARITY)
            suggestion = f"; did you mean {one_line(similar[0])}?" if similar else ""
            raise CompareError(
                f"{place}: no server has {matcher}; known are {_listed(values)}{suggestion}"
            )
    raise CompareError(
        f"{option}: no server has all of {format_matchers(required)} at once; the releases known "
        f"are {_releases(known)}"
    )


def _known_labels(fleet: Fleet) -> list[_Labels]:
    """Return the labels of every server of the time, those with work first."""
    return [*fleet.labels, *fleet.known]


def _chosen(fleet: Fleet, matchers: Sequence[Matcher]) -> list[_Labels]:
    return [labels for labels in _known_labels(fleet) if match_all(matchers, labels)]


def _served(servers: Sequence[_Labels]) -> str:
    return _listed({f"{labels.get('model')} on {labels.get('gpu_model')}" for labels in servers})


def _releases(servers: Sequence[_Labels]) -> str:
    return _listed({labels["release"] for labels in servers if labels.get("release")})


def _listed(names: Iterable[str]) -> str:
    """Return names in order, the first few of many."""
    ordered = [one_line(name) for name in sorted(names)]
    more = f" and {len(ordered) - _MAX_LISTED} more" if len(ordered) > _MAX_LISTED else ""
    return (", ".join(ordered[:_MAX_LISTED]) or "none") + more
