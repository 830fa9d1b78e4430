"""A report as Markdown, ready for an issue. Pure."""

from collections.abc import Sequence

from ..assess.result import Comparison, Report
from ..assess.wording import percent_change, reasons, throughput_name, title
from .rows import cells, effect_table, side_rows
from .runs import run_tables


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    parts = [f"## {_escaped(title(report))}", f"**{_escaped(report.headline)}**"]
    parts += [_escaped(note) for note in report.notes]
    for comparison in report.comparisons:
        if len(report.comparisons) > 1:
            parts.append(f"### {_escaped(comparison.headline)}")
        parts += _comparison(comparison)
    parts.append(
        f"inferfleet {report.inferfleet_version}, windows of {report.window_seconds:g} s, margin "
        f"{100 * report.margin:g} %, from {_escaped(report.source)}."
    )
    return "\n\n".join(parts) + "\n"


def _comparison(comparison: Comparison) -> list[str]:
    effects = effect_table(comparison)
    rows = [
        (f"at {row.name}" if row.kind == "range" else row.name, *cells(row, effects.columns))
        for row in effects.rows
    ]
    parts = [_table(("measure", *effects.columns), rows)]
    if effects.legend:
        parts.append(_list(effects.legend))
    if texts := reasons(comparison):
        parts.append(_list(texts))
    throughput, latency = comparison.naive_throughput, comparison.naive_inter_token_latency
    if throughput is not None and latency is not None:
        parts.append(
            f"Not at equal load: {throughput_name(comparison)} {percent_change(throughput)}, mean "
            f"inter-token speed {percent_change(latency)}."
        )
    for runs in run_tables(comparison):
        parts += [f"{runs.title.capitalize()}:", _table(runs.heads, runs.rows)]
        parts += [runs.legend] if runs.legend else []
    if claim := comparison.claim:
        parts.append("\n".join([_escaped(claim.text), _list(claim.details)]))
    parts.append(_table(("", "baseline", "candidate"), side_rows(comparison)))
    texts = [f"hit rate: {text}" for text in comparison.hit_ratio_causes]
    texts += [
        f"{check.name} {check.outcome}: {check.text}"
        + (f"; {check.remedy}" if check.remedy else "")
        for check in comparison.checks
    ]
    parts.append(_list(texts))
    return parts


def _list(texts: Sequence[str]) -> str:
    return "\n".join(f"- {_escaped(text)}" for text in texts)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
