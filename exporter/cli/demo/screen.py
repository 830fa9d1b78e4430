"""What the demonstration shows in the terminal: the verdict above, the fleet below."""

from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...publish.figures import Json
from ...vocabulary.verdict import NEXT_STEPS, VERDICTS
from .tables import release_table, server_table

_COLOURS: Mapping[str, str] = {
    "regression": "red",
    "improvement": "green",
    "equivalent": "green",
    "inconclusive": "yellow",
    "not_comparable": "yellow",
}


def introduction(url: str, servers: int, upgraded: int) -> Text:
    """Return where the pages are and what will happen; `upgraded` of the `servers` change."""
    return Text(
        f"Status page: {url}   metrics: {url}metrics\n"
        f"Recorded servers, replayed: {upgraded} of {servers} go to another model runner within "
        "the first minute. Ctrl-C ends."
    )


def screen(fleet: Json, url: str, width: int) -> RenderableType:
    """Return what there is to show of a fleet report, at most `width` characters wide."""
    return _stacked(
        verdict_lines(fleet, url), release_table(fleet, width), server_table(fleet, width)
    )


def fitting_screen(fleet: Json, url: str, console: Console) -> RenderableType:
    """Return the screen less what a low terminal has no lines for; the verdict stays whole."""
    whole = verdict_lines(fleet, url)
    short = verdict_lines({**fleet, "verdict_note": None}, url) if fleet.get("verdicts") else whole
    releases, servers = release_table(fleet, console.width), server_table(fleet, console.width)
    choices: list[RenderableType] = [
        _stacked(whole, releases, servers),
        _stacked(whole, servers),
        # numbers before how the demo came by its verdict
        _stacked(short, servers),
        _stacked(whole, releases),
        _stacked(short, releases),
        whole,
    ]
    fitting = (c for c in choices if len(console.render_lines(c, pad=False)) <= console.height)
    return next(fitting, short)


def _stacked(verdict: Text, *tables: Table) -> Group:
    # the verdict ends with a line of its own
    first, *others = tables
    return Group(verdict, first, *(part for table in others for part in ("", table)))


def verdict_lines(fleet: Json, url: str) -> Text:
    """Return the verdicts of a fleet report, what to do, and where the report is."""
    text = Text()
    verdicts = fleet.get("verdicts")
    for verdict in verdicts if isinstance(verdicts, Sequence) else ():
        word = str(verdict["verdict"])
        text.append(f"\nVerdict: {VERDICTS[verdict['verdict']]}\n", f"bold {_COLOURS[word]}")
        text.append(f"{verdict['headline']}\n")
        text.append(f"What now: {NEXT_STEPS[verdict['verdict']]}\n")
        text.append(f"Report: {url}{verdict['report']}\n")
    if note := fleet.get("verdict_note"):
        text.append(f"\n{note}\n" if not verdicts else f"{note}\n", "dim")
    return text
