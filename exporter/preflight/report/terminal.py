"""A review for people in a terminal: what breaks first, the places below it."""

from typing import Final

from rich.console import Console
from rich.text import Text

from ...base.untrusted import SENTENCE_CHARACTERS, one_line
from ...vocabulary.verdict import MEASURES
from ..finding import SEVERITIES, Group, Place
from ..plan.steps import Plan, Step
from ..review import Review
from .wording import (
    TITLES,
    fleet_line,
    headline,
    hours_head,
    hours_note,
    hours_rows,
    kinds_of_use,
    looked_at,
    not_comparable,
)

_STYLES: Final = {"error": "bold red", "warning": "yellow", "note": "cyan", "detail": "dim"}
_MOST_PLACES: Final = 3
_MOST_UNREAD: Final = 3


def print_review(review: Review, plan: Plan, console: Console, details: bool) -> None:
    """Print a review: what was looked at, findings by harm, what may be compared, the plan."""
    worst = review.groups[0].first.severity if review.groups else "detail"
    _print(console, headline(review), _STYLES[worst] if worst == "error" else "bold")
    _print(console, looked_at(review), "dim")
    for remark in review.upgrade.remarks:
        _print(console, remark, "yellow")
    _print_unread(review, console)
    for severity in SEVERITIES:
        groups = review.groups_of(severity)
        if groups and (severity != "detail" or details):
            console.print()
            _print(console, TITLES[severity], _STYLES[severity])
            for group in groups:
                _print_group(group, review.launches, console)
    hidden = sum(group.first.severity == "detail" for group in review.groups)
    if hidden and not details:
        _print(console, f"\n{hidden} more of little weight: --details", "dim")
    _print_comparability(review, console)
    _print_fleet(plan, console)
    console.print()
    _print(console, "The upgrade", "bold")
    for number, step in enumerate(plan.steps, 1):
        _print_step(number, step, console)


def _print_fleet(plan: Plan, console: Console) -> None:
    live = plan.live
    if live is None and not plan.remarks:
        return
    console.print()
    _print(console, "The fleet", "bold")
    if live is not None:
        _print(console, fleet_line(live), indent=2)
    for remark in plan.remarks:
        _print(console, remark, "yellow", indent=2)
    if live is None or not live.rollouts:
        return
    rows = [hours_head(live), *hours_rows(live)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        style = "dim" if row is rows[0] else ""
        console.print(Text(f"    {'  '.join(cells).rstrip()}", style=style), soft_wrap=True)
    _print(console, hours_note(live), "dim", indent=4)


def _print_step(number: int, step: Step, console: Console) -> None:
    _print(console, f"{number}. {step.text}", indent=2)
    for line in (step.command, *step.manifest.splitlines()):
        if line:
            shown = one_line(line, SENTENCE_CHARACTERS)
            console.print(Text(f"     {shown}"), soft_wrap=True)


def _print_unread(review: Review, console: Console) -> None:
    faults = dict[str, list[Place]]()
    for each in review.unread:
        faults.setdefault(each.fault, []).append(each.place)
    for number, (fault, places) in enumerate(faults.items()):
        if number == _MOST_UNREAD:
            _print(console, f"not read for other reasons: {len(faults) - number} more", "yellow")
            return
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        _print_place(console, f"not read: {places[0]}{more}: {fault}", "yellow")


def _print_group(group: Group, launches: int, console: Console) -> None:
    first = group.first
    uses = kinds_of_use(group)
    _print(console, first.text + (f" [{uses}]" if uses else ""), indent=2)
    if first.remedy:
        _print(console, f"→ {first.remedy}", _STYLES[first.severity], indent=4)
    of_all_servers = first.use == "server" and len(group.places) >= launches
    if of_all_servers and not any(place.line for place in group.places):
        return
    for place in group.places[:_MOST_PLACES]:
        _print_place(console, f"    {place}", "dim")
    more = len(group.places) - _MOST_PLACES
    if more > 0:
        _print(console, f"and {more} more", "dim", indent=4)


def _print_comparability(review: Review, console: Console) -> None:
    console.print()
    allowed = ", ".join(MEASURES[measure].title for measure in review.allowed)
    _print(console, f"Comparable across it: {allowed or 'nothing'}", "bold")
    for forbidden in review.forbidden:
        _print(console, not_comparable(forbidden), indent=2)


def _print_place(console: Console, text: str, style: str) -> None:
    """Print a line that stays whole, so that its path can be copied."""
    console.print(Text(one_line(text, SENTENCE_CHARACTERS), style=style), soft_wrap=True)


def _print(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    lines = Text(one_line(text.strip("\n"), SENTENCE_CHARACTERS), style=style)
    if text.startswith("\n"):
        console.print()
    for line in lines.wrap(console, max(20, console.width - indent)):
        console.print(Text(" " * indent) + line)
