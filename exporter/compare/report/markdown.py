"""A report as Markdown, ready for an issue. Pure."""

from collections.abc import Sequence

from ...vocabulary.verdict import MEASURES, VERDICTS
from ..assess.headline import batch_range, change, percent, reasons, title
from ..assess.result import Comparison, Report
from .terminal import side_rows


def markdown(report: Report) -> str:
    """Return the report as Markdown."""
    parts = [f"## {_cell(title(report))}", f"**{_cell(report.headline)}**"]
    parts += [_cell(note) for note in report.notes]
    for one in report.comparisons:
        parts += _comparison(one, len(report.comparisons) > 1)
    parts.append(
        f"inferfleet {report.inferfleet_version}, windows of {report.window_seconds:g} s, margin "
        f"{100 * report.margin:g} %, from {_cell(report.source)}."
    )
    return "\n\n".join(parts) + "\n"


def _comparison(one: Comparison, many: bool) -> list[str]:
    parts = [f"### {_cell(one.headline)}"] if many else []
    rows = list[tuple[str, ...]]()
    for measure in one.measures:
        seen = f"±{100 * measure.detectable:.1f} %" if measure.detectable else ""
        verdict = VERDICTS[measure.verdict]
        rows.append((MEASURES[measure.measure].title, *change(measure), seen, verdict))
        rows += [
            (
                f"at batch {batch_range(part.low, part.high)} ({part.share:.0%} of tokens)",
                *change(part),
                "",
                VERDICTS[part.verdict],
            )
            for part in measure.ranges
        ]
        rows += [(one.name, *change(one), "", VERDICTS[one.verdict]) for one in measure.regimes]
    heads = "measure", "change", "95 % interval", "would be seen", "verdict"
    parts.append(_table(heads, rows))
    if why := reasons(one):
        parts.append("\n".join(f"- {_cell(text)}" for text in why))
    if one.naive_throughput is not None and one.naive_latency is not None:
        parts.append(
            f"Not at equal load: tokens/s per GPU {percent(one.naive_throughput)}, mean "
            f"inter-token speed {percent(one.naive_latency)}."
        )
    if one.phases:
        lines = [(p.phase, percent(p.client), percent(p.cells)) for p in one.phases]
        parts.append(_table(("load phase", "load client's tokens/s", "from the cells"), lines))
    if one.claim:
        parts.append(
            "\n".join([_cell(one.claim.text), *(f"- {text}" for text in one.claim.ranges)])
        )
    parts.append(_table(("", "baseline", "candidate"), side_rows(one)))
    told = [f"hit rate: {text}" for text in one.causes]
    told += [
        f"{g.name} {g.outcome}: {g.text}" + (f"; {g.mend}" if g.mend else "") for g in one.gates
    ]
    parts.append("\n".join(f"- {_cell(text)}" for text in told))
    return parts


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
