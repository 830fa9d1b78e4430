"""The tables of the trials: printed, or written into their document."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from scripts.bench.document import with_sections

from .tables import (
    Results,
    accuracy,
    by_effect,
    by_scenario,
    of_measure,
    opposite,
    ranges,
    totals,
)

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "trials.md"


def report(results: Results, command: str) -> str:
    """Return all tables of trials, each below what it shows; `command` is what was run."""
    seeds = sorted(results.seeds)
    if not seeds:
        return f"`{command}`; no fleet was begun."
    lines = [f"`{command}`; {len(seeds)} fleets a row at most, seeds {seeds[0]} to {seeds[-1]}."]
    for title, table in (
        (
            "Nothing true changes. Wrong calls (of the worst scenario), equivalent, and how often "
            "the 95 % interval holds the truth, in %:",
            totals(results),
        ),
        (
            "Nothing true changes. `compare`, its overall verdict: wrong calls / equivalent / not "
            "comparable, in %:",
            by_scenario(results, "compare", "overall"),
        ),
        (
            "True effects. `compare`, decode: right / wrong, in %:",
            by_effect(results, "compare", "decode"),
        ),
        (
            "True effects. `compare`, prefill: right / wrong, in %:",
            by_effect(results, "compare", "prefill"),
        ),
        (
            "`compare`, decode: bias of the estimate / intervals that hold the truth, in %:",
            accuracy(results, "compare", "decode"),
        ),
        (
            "Ranges of batch, decode: in % how many of those with a true change of the margin are "
            "called so / of those without any are called wrongly:",
            ranges(results),
        ),
    ):
        if len(table) > 2:
            lines += ["", title, "", *table]
    wrong, count = opposite(results, "compare", "decode")
    lines += ["", f"Called with the opposite sign, decode: compare {wrong} of {count}."]
    return "\n".join(lines)


def measures_report(results: Results, command: str, measures: Sequence[str]) -> str:
    """Return the tables of some measures alone, each case a row; `command` is what was run."""
    seeds = sorted(results.seeds)
    if not seeds:
        return f"`{command}`; no fleet was begun."
    lines = [f"`{command}`; {len(seeds)} fleets a row at most, seeds {seeds[0]} to {seeds[-1]}."]
    lines += [
        "",
        "Nothing true changes. Wrong calls (of the worst scenario), equivalent, and how often",
    ]
    lines += ["the 95 % interval holds the truth, in %:", "", *totals(results, measures)]
    for measure in measures:
        title = f"`{measure}`: wrong / right / equivalent / not comparable / holds the truth, in %:"
        lines += ["", title, "", *of_measure(results, measure)]
    return "\n".join(lines)


def write(section: str, text: str) -> None:
    """Put a text into its section of the document."""
    page = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(with_sections(page, {section: text + "\n"}), encoding="utf-8")
