"""A report for people in a terminal."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...vocabulary.verdict import Verdict
from ..assess.result import Comparison, Report
from ..assess.wording import percent_change, reasons, side_names, throughput_name
from .rows import cells, effect_table, side_rows
from .runs import RunTable, run_tables

_STYLES: Final[Mapping[Verdict, str]] = {
    "regression": "bold red",
    "improvement": "bold green",
    "equivalent": "green",
    "inconclusive": "yellow",
    "not_comparable": "magenta",
}
_WIDE: Final = 118
_MARKS: Final = {"passed": "✓", "corrected": "~", "noted": "!", "failed": "✗"}
_ASCII_MARKS: Final = {**_MARKS, "passed": "+", "failed": "x"}


def print_report(report: Report, console: Console) -> None:
    """Print a report: the headline first, then each comparison."""
    _print(console, report.headline, _STYLES[report.verdict])
    for note in report.notes:
        _print(console, note, "dim")
    for comparison in report.comparisons:
        console.print()
        if len(report.comparisons) > 1:
            _print(console, comparison.headline, _STYLES[comparison.verdict])
        _print_comparison(comparison, console)


def _print_comparison(comparison: Comparison, console: Console) -> None:
    _print_effects(comparison, console)
    _print_naive_ratios(comparison, console)
    for text in reasons(comparison):
        _print(console, text, "dim")
    sides = _table("the two sides", "", "baseline", "candidate")
    for row in side_rows(comparison):
        sides.add_row(*(escape(text) for text in row))
    console.print(sides)
    for table in run_tables(comparison):
        _print_run_table(table, console)
    if comparison.claim:
        _print(console, comparison.claim.text)
        for text in comparison.claim.details:
            _print(console, f"  {text}")
    for text in comparison.hit_ratio_causes:
        _print(console, f"hit rate: {text}")
    marks = _MARKS if console.encoding.startswith("utf") else _ASCII_MARKS
    for check in comparison.checks:
        remedy = f"; {check.remedy}" if check.remedy else ""
        _print(console, f"{marks[check.outcome]} {check.name}: {check.text}{remedy}")


def _print_effects(comparison: Comparison, console: Console) -> None:
    old, new = side_names(comparison)
    table = Table(title=escape(f"{new} against {old}, above 0 is better"), title_justify="left")
    effects = effect_table(comparison)
    for head in ("measure", *effects.columns):
        table.add_column(head, justify="left" if head in ("measure", "verdict") else "right")
    for row in effects.rows:
        indent = "" if row.kind == "measure" else "  "
        texts = cells(row, effects.columns)
        if effects.columns[-1:] == ("verdict",):
            texts = (*texts[:-1], f"[{_STYLES[row.verdict]}]{texts[-1]}[/]")
        table.add_row(indent + row.name, *texts)
    console.print(table)
    for text in effects.legend:
        _print(console, text, "dim")


def _print_run_table(table: RunTable, console: Console) -> None:
    left_out = table.details if console.width < _WIDE else frozenset[str]()
    columns = [i for i, head in enumerate(table.heads) if head not in left_out]
    shown = _table(table.title, *(table.heads[i] for i in columns))
    for row, verdict in zip_longest(table.rows, table.verdicts):
        texts = [escape(row[i]) for i in columns]
        if verdict:
            texts[-1] = f"[{_STYLES[verdict]}]{texts[-1]}[/]"
        shown.add_row(*texts)
    console.print(shown)
    if table.legend:
        _print(console, table.legend, "dim")


def _print_naive_ratios(comparison: Comparison, console: Console) -> None:
    throughput, latency = comparison.naive_throughput, comparison.naive_inter_token_latency
    if throughput is None or latency is None:
        return
    _print(
        console,
        f"not at equal load: {throughput_name(comparison)} {percent_change(throughput)}, mean "
        f"inter-token speed {percent_change(latency)}: mostly what demand did",
        "dim",
    )


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for head in others:
        table.add_column(head, justify="right")
    return table


def _print(console: Console, text: str, style: str = "") -> None:
    """Print text as it is: names from outside may hold what looks like markup."""
    console.print(text, style=style, markup=False, highlight=False)
