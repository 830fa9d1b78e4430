"""The survey's outcomes as tables of Markdown. Pure."""

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Final, get_args

from .expected import Group
from .outcome import Outcome, Score

_HEADS: Final = (
    *("project", "revision", "documents", "names", "found", "false"),
    *("flags", "found", "false"),
)
_TOTALS: Final = "**all**"
GROUPS: Final[tuple[Group, ...]] = get_args(Group)


def sections(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Return the table of each group, under the section's name."""
    groups = {group: [each for each in outcomes if each.project.group == group] for group in GROUPS}
    return {f"survey: {group}": _table(chosen) for group, chosen in groups.items()}


def _table(outcomes: Sequence[Outcome]) -> str:
    shown = [each for each in outcomes if _has_something(each)]
    rows = [_row(each) for each in shown]
    lines = [f"| {' | '.join(cells)} |" for cells in (_HEADS, *rows, _totals(outcomes))]
    lines.insert(1, "|---" * len(_HEADS) + "|")
    rest = [each.project.name for each in outcomes if not _has_something(each)]
    if rest:
        lines += ["", _lines(f"Nothing is wrong and nothing found in {', '.join(rest)}.")]
    return "\n".join(lines) + "\n"


def _lines(text: str) -> str:
    return fill(text, 110, break_long_words=False, break_on_hyphens=False)


def _has_something(outcome: Outcome) -> bool:
    first = outcome.project.first_look
    scores = outcome.names, outcome.flags
    was_false = first is not None and first.false_names + first.false_flags > 0
    return was_false or any(score.expected or score.false for score in scores)


def _row(outcome: Outcome) -> tuple[str, ...]:
    project, first = outcome.project, outcome.project.first_look
    copy = f" (a copy of {project.copy_of})" if project.copy_of else ""
    at_first = (
        (None, None, None, None)
        if first is None
        else (first.names, first.false_names, first.flags, first.false_flags)
    )
    return (
        project.name + copy,
        project.revision,
        f"{outcome.documents:,}",
        *_cells(outcome.names, at_first[:2]),
        *_cells(outcome.flags, at_first[2:]),
    )


def _cells(score: Score, at_first: tuple[int | None, ...]) -> tuple[str, str, str]:
    found, false = (
        f"{count}" if first is None else f"{first} / {count}"
        for count, first in zip((score.found, score.false), at_first, strict=True)
    )
    return f"{score.expected}", found, false


def _totals(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    looks = [each.project.first_look for each in outcomes]
    known = [look for look in looks if look is not None]
    at_first: tuple[int | None, ...] = (None, None, None, None)
    if known and len(known) == len(looks):
        at_first = (
            sum(look.names for look in known),
            sum(look.false_names for look in known),
            sum(look.flags for look in known),
            sum(look.false_flags for look in known),
        )
    return (
        _TOTALS,
        "",
        f"{sum(each.documents for each in outcomes):,}",
        *_cells(_sum(each.names for each in outcomes), at_first[:2]),
        *_cells(_sum(each.flags for each in outcomes), at_first[2:]),
    )


def _sum(scores: Iterable[Score]) -> Score:
    parts = list(scores)
    return Score(
        sum(score.expected for score in parts),
        sum(score.found for score in parts),
        sum(score.false for score in parts),
    )
