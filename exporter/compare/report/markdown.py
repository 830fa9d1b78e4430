"""A report as Markdown, ready for an issue. Pure."""

from collections.abc import Sequence

from ...vocabulary.verdict import MEASURES, VERDICTS
from ..assess.headline import batch_range, change, detectable_effect, percent, reasons, title
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
        detectable = detectable_effect(measure)
        verdict = VERDICTS[measure.verdict]
        rows.append((MEASURES[measure.measure].title, *change(measure), detectable, verdict))
        rows += [
            (
                f"at batch {batch_range(part.low, part.high)} ({part.token_share:.0%} of tokens)",
                *change(part),
                "",
                VERDICTS[part.verdict],
            )
            for part in measure.ranges
        ]
        rows += [(one.name, *change(one), "", VERDICTS[one.verdict]) for one in measure.subgroups]
    heads = "measure", "change", "95 % interval", "detectable", "verdict"
    parts.append(_table(heads, rows))
    if why := reasons(one):
        parts.append("\n".join(f"- {_cell(text)}" for text in why))
    if one.naive_throughput is not None and one.naive_inter_token_latency is not None:
        parts.append(
            f"Not at equal load: tokens/s per GPU {percent(one.naive_throughput)}, mean "
            f"inter-token speed {percent(one.naive_inter_token_latency)}."
        )
    if one.phases:
        lines = [(p.phase, percent(p.client_ratio), percent(p.cells_ratio)) for p in one.phases]
        parts.append(_table(("load phase", "load client's tokens/s", "from the cells"), lines))
    if one.claim:
        parts.append(
            "\n".join([_cell(one.claim.text), *(f"- {text}" for text in one.claim.details)])
        )
    parts.append(_table(("", "baseline", "candidate"), side_rows(one)))
    told = [f"hit rate: {text}" for text in one.hit_ratio_causes]
    told += [
        f"{check.name} {check.outcome}: {check.text}"
        + (f"; {check.remedy}" if check.remedy else "")
        for check in one.checks
    ]
    parts.append("\n".join(f"- {_cell(text)}" for text in told))
    return parts


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
