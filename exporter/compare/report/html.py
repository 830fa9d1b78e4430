"""A report as one HTML file with nothing outside it: tables, plots, light and dark, printable."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from itertools import zip_longest

from ...vocabulary.verdict import VERDICTS
from ..assess.result import Check, Comparison, Report
from ..assess.wording import confidence, reasons, side_names, title
from . import plots
from .rows import cells, effect_table, side_rows
from .runs import RunTable, run_tables


def html(report: Report) -> str:
    """Return the report as an HTML page."""
    style = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    generated = datetime.fromtimestamp(report.generated_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    several = len(report.comparisons) > 1
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(title(report))}</title><style>{style}</style></head><body>",
        f'<header class="{report.verdict}"><p class="verdict">{VERDICTS[report.verdict]}</p>',
        f"<h1>{escape(report.headline)}</h1></header><main>",
        *(f'<p class="note">{escape(note)}</p>' for note in report.notes),
        *(
            _section(comparison, several, f"c{i}")
            for i, comparison in enumerate(report.comparisons)
        ),
        "</main><footer>",
        f"<p>Baseline <code>{escape(report.baseline)}</code>, candidate "
        f"<code>{escape(report.candidate)}</code>; {escape(_span(report))}windows of "
        f"{report.window_seconds:g} s; margin {100 * report.margin:g} %; "
        f"intervals {confidence(report.alpha)}. inferfleet {report.inferfleet_version}, "
        f"{generated}, from {escape(report.source)}.</p></footer></body></html>",
    ]
    # a number and its percent sign stay on one line
    return "\n".join(parts).replace(" %", "\u00a0%") + "\n"


def _span(report: Report) -> str:
    if report.start is None or report.end is None:
        return ""
    start, end = (
        datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
        for time in (report.start, report.end)
    )
    return f"{start} to {end} UTC; "


def _section(comparison: Comparison, several: bool, prefix: str) -> str:
    parts = ["<section>"]
    if several:
        parts.append(f'<h2 class="{comparison.verdict}">{escape(comparison.headline)}</h2>')
    parts += [_effects(comparison), _reasons(comparison), _figures(comparison, prefix)]
    parts += [_run_table(table) for table in run_tables(comparison)]
    if claim := comparison.claim:
        parts.append(f"<h3>The claim</h3><p>{escape(claim.text)}</p>{_list(claim.details)}")
    if comparison.hit_ratio_causes:
        parts.append(f"<h3>Prefix-cache hit rate</h3>{_list(comparison.hit_ratio_causes)}")
    sides = _table(("", "baseline", "candidate"), side_rows(comparison))
    checks = "".join(_check(check) for check in comparison.checks)
    parts.append(
        f'<div class="pair"><div><h3>The two sides, and what differs</h3>{sides}</div>'
        f"<div><h3>What was checked</h3><ul class=checks>{checks}</ul></div></div></section>"
    )
    return "\n".join(part for part in parts if part)


def _effects(comparison: Comparison) -> str:
    old, new = side_names(comparison)
    effects = effect_table(comparison)
    heads = "".join(f"<th>{head}</th>" for head in ("measure", *effects.columns))
    rows = ""
    for row in effects.rows:
        texts = "".join(
            f'<td class="{row.verdict if head == "verdict" else head}">{escape(text)}</td>'
            for head, text in zip(effects.columns, cells(row, effects.columns), strict=True)
        )
        kind = "measure" if row.kind == "measure" else "range"
        rows += f'<tr class="{kind}"><th>{escape(row.name)}</th>{texts}</tr>'
    legend = "".join(f"<p class=note>{text}</p>" for text in effects.legend)
    return (
        f"<div class=wide><table class=measures><caption>{escape(new)} against {escape(old)}; "
        f"above 0 is better</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"</div>{legend}"
    )


def _reasons(comparison: Comparison) -> str:
    texts = reasons(comparison)
    return _list(texts, ' class="note"') if texts else ""


def _figures(comparison: Comparison, prefix: str) -> str:
    has_curve = bool(comparison.baseline.curve)
    figures = (
        ("Effect by decode batch", plots.effect_by_batch(comparison)),
        ("By hand, and at equal load", plots.naive_beside_matched(comparison)),
        ("Observed rate by decode batch", plots.rate_by_batch(comparison) if has_curve else ""),
        ("Load of both sides", plots.load_distribution(comparison) if has_curve else ""),
        ("Over time; dashed: the candidate's first window", plots.timeline(comparison)),
    )
    parts = [
        f"<figure><figcaption>{caption}</figcaption>{_unique_ids(svg, f'{prefix}p{i}')}</figure>"
        for i, (caption, svg) in enumerate(figures)
        if svg
    ]
    return f'<div class="plots">{"".join(parts)}</div>' if parts else ""


def _unique_ids(svg: str, prefix: str) -> str:
    """Put a prefix before the ids of a drawing: several drawings share a page."""
    for reference in ('id="', 'href="#', "url(#"):
        svg = svg.replace(reference, reference + prefix)
    return svg


def _run_table(table: RunTable) -> str:
    classes = ["detail" if head in table.details else "" for head in table.heads]
    heads = "".join(
        f'<th class="{css}">{escape(head)}</th>'
        for head, css in zip(table.heads, classes, strict=True)
    )
    rows = ""
    for (name, *texts), verdict in zip_longest(table.rows, table.verdicts):
        row_classes = [*classes[1:-1], verdict or classes[-1]]
        cells = "".join(
            f'<td class="{css}">{escape(text)}</td>'
            for text, css in zip(texts, row_classes, strict=True)
        )
        rows += f"<tr><th>{escape(name)}</th>{cells}</tr>"
    legend = f"<p class=note>{escape(table.legend)}</p>" if table.legend else ""
    return (
        f"<h3>{escape(table.title.capitalize())}</h3><div class=wide><table class=runs><thead>"
        f"<tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{legend}"
    )


def _check(check: Check) -> str:
    remedy = f"; {escape(check.remedy)}" if check.remedy else ""
    text = f"<b>{escape(check.name)}</b> {escape(check.text)}{remedy}"
    return f'<li class="{check.outcome}">{text}</li>'


def _list(texts: Iterable[str], attributes: str = "") -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul{attributes}>{items}</ul>"


def _table(heads: Iterable[str], rows: Iterable[tuple[str, str, str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(left)}</td><td>{escape(right)}</td></tr>"
        for name, left, right in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
