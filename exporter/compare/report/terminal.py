"""A report for people in a terminal."""

from rich.console import Console
from rich.table import Table

from ...vocabulary.verdict import MEASURES, VERDICTS
from ..assess.headline import batch_range, change, detectable_effect, names, percent, reasons
from ..assess.result import Comparison, MeasureResult, RangeEffect, Report

_STYLES = {
    "regression": "bold red",
    "improvement": "bold green",
    "equivalent": "green",
    "inconclusive": "yellow",
    "not_comparable": "magenta",
}
_MARKS = {"passed": "✓", "corrected": "~", "noted": "!", "failed": "✗"}


def show(report: Report, console: Console) -> None:
    """Print a report: the headline first, then each comparison."""
    style = _STYLES[report.verdict]
    console.print(report.headline, style=style, markup=False, highlight=False)
    for note in report.notes:
        console.print(note, style="dim", markup=False, highlight=False)
    for one in report.comparisons:
        _comparison(one, console, len(report.comparisons) > 1)


def _comparison(one: Comparison, console: Console, many: bool) -> None:
    console.print()
    if many:
        console.print(one.headline, style=_STYLES[one.verdict], markup=False, highlight=False)
    old, new = names(one)
    table = Table(title=f"{new} against {old}, above 0 is better", title_justify="left")
    table.add_column("measure")
    table.add_column("change", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("detectable", justify="right")
    table.add_column("verdict")
    for measure in one.measures:
        table.add_row(*_measure(measure))
        for part in measure.ranges:
            table.add_row(*_range(part))
        for subgroup in measure.subgroups:
            word = f"[{_STYLES[subgroup.verdict]}]{VERDICTS[subgroup.verdict]}[/]"
            table.add_row(f"  {subgroup.name}", *change(subgroup), "", word)
    console.print(table)
    _naive(one, console)
    for text in reasons(one):
        console.print(text, style="dim", markup=False, highlight=False)
    _sides(one, console)
    _lists(one, console)


def _measure(one: MeasureResult) -> tuple[str, ...]:
    return (
        MEASURES[one.measure].title,
        *change(one),
        detectable_effect(one),
        f"[{_STYLES[one.verdict]}]{VERDICTS[one.verdict]}[/]",
    )


def _range(one: RangeEffect) -> tuple[str, ...]:
    name = f"  batch {batch_range(one.low, one.high)}, {one.token_share:.0%} of tokens"
    return (name, *change(one), "", f"[{_STYLES[one.verdict]}]{VERDICTS[one.verdict]}[/]")


def _naive(one: Comparison, console: Console) -> None:
    if one.naive_throughput is None or one.naive_inter_token_latency is None:
        return
    console.print(
        f"not at equal load: tokens/s per GPU {percent(one.naive_throughput)}, mean inter-token "
        f"speed {percent(one.naive_inter_token_latency)}: mostly what demand did",
        style="dim",
        markup=False,
        highlight=False,
    )


def _sides(one: Comparison, console: Console) -> None:
    table = Table(title="the two sides", title_justify="left")
    for name in ("", "baseline", "candidate"):
        table.add_column(name, justify="left" if not name else "right")
    for label, a, b in side_rows(one):
        table.add_row(label, a, b)
    console.print(table)


def side_rows(one: Comparison) -> list[tuple[str, str, str]]:
    """Return what describes both sides, as text by row."""

    def number(value: float | None, form: str) -> str:
        return "unknown" if value is None else form.format(value)

    a, b = one.baseline, one.candidate
    rows = [
        ("release", ", ".join(a.releases), ", ".join(b.releases)),
        ("servers", str(a.servers), str(b.servers)),
        ("hours of data", f"{a.hours:.3g}", f"{b.hours:.3g}"),
        (
            "KV cache, tokens",
            number(a.kv_cache_capacity_tokens, "{:,.0f}"),
            number(b.kv_cache_capacity_tokens, "{:,.0f}"),
        ),
        (
            "largest decode batch",
            number(a.largest_batch, "{:.0f}"),
            number(b.largest_batch, "{:.0f}"),
        ),
        ("prefix-cache hit rate", number(a.hit_ratio, "{:.1%}"), number(b.hit_ratio, "{:.1%}")),
    ]
    rows += [
        (found.name, found.baseline, found.candidate)
        for found in one.differences
        if found.name != "KV cache, tokens"
    ]
    return rows


def _lists(one: Comparison, console: Console) -> None:
    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False)

    if one.phases:
        table = Table(title="by load phase", title_justify="left")
        for name in ("phase", "load client's tokens/s", "from the cells"):
            table.add_column(name, justify="left" if name == "phase" else "right")
        for phase in one.phases:
            table.add_row(phase.phase, percent(phase.client_ratio), percent(phase.cells_ratio))
        console.print(table)
    if one.claim:
        line(one.claim.text)
        for text in one.claim.details:
            line(f"  {text}")
    for text in one.hit_ratio_causes:
        line(f"hit rate: {text}")
    for check in one.checks:
        remedy = f"; {check.remedy}" if check.remedy else ""
        line(f"{_MARKS[check.outcome]} {check.name}: {check.text}{remedy}")
