"""What the demonstration shows in the terminal: the verdict above, the fleet below."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
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
    """Return what the terminal shows of a fleet report, at most `width` characters wide."""
    return Group(
        verdict_lines(fleet, url),
        "",
        release_table(fleet, width),
        "",
        server_table(fleet, width),
    )


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
