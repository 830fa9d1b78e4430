"""A report as one HTML file with nothing outside it: tables, plots, light and dark, printable."""

from datetime import UTC, datetime
from html import escape
from importlib.resources import files

from ...vocabulary.verdict import MEASURES, VERDICTS, Verdict
from ..assess.headline import batch_range, change, detectable_effect, names, percent, reasons, title
from ..assess.result import Comparison, Report
from . import plots
from .terminal import side_rows


def html(report: Report) -> str:
    """Return the report as an HTML page."""
    style = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
    when = datetime.fromtimestamp(report.generated_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    many = len(report.comparisons) > 1
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(title(report))}</title><style>{style}</style></head><body>",
        f'<header class="{report.verdict}"><p class="verdict">{VERDICTS[report.verdict]}</p>',
        f"<h1>{escape(report.headline)}</h1></header><main>",
        *(f'<p class="note">{escape(note)}</p>' for note in report.notes),
        *(_comparison(one, many, f"c{i}") for i, one in enumerate(report.comparisons)),
        "</main><footer>",
        f"<p>Baseline <code>{escape(report.baseline)}</code>, candidate "
        f"<code>{escape(report.candidate)}</code>; {escape(_span(report))}windows of "
        f"{report.window_seconds:g} s; margin {100 * report.margin:g} %; "
        f"intervals {100 * (1 - report.alpha):g} %. inferfleet {report.inferfleet_version}, "
        f"{when}, from {escape(report.source)}.</p></footer></body></html>",
    ]
    # a number and its percent sign stay on one line
    return "\n".join(parts).replace(" %", "\u00a0%") + "\n"


def _span(report: Report) -> str:
    if report.start is None or report.end is None:
        return ""
    begin, end = (
        datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
        for time in (report.start, report.end)
    )
    return f"{begin} to {end} UTC; "


def _comparison(one: Comparison, many: bool, key: str) -> str:
    old, new = names(one)
    parts = ["<section>"]
    if many:
        parts.append(f'<h2 class="{one.verdict}">{escape(one.headline)}</h2>')
    parts += [_measures(one, old, new), _reasons(one), _plots(one, key), _phases(one)]
    if one.claim:
        lines = "".join(f"<li>{escape(text)}</li>" for text in one.claim.details)
        parts.append(f"<h3>The claim</h3><p>{escape(one.claim.text)}</p><ul>{lines}</ul>")
    if one.hit_ratio_causes:
        lines = "".join(f"<li>{escape(text)}</li>" for text in one.hit_ratio_causes)
        parts.append(f"<h3>Prefix-cache hit rate</h3><ul>{lines}</ul>")
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(a)}</td><td>{escape(b)}</td></tr>"
        for name, a, b in side_rows(one)
    )
    parts.append(
        '<div class="pair"><div><h3>The two sides, and what differs</h3><table><thead><tr><th></th>'
        f"<th>baseline</th><th>candidate</th></tr></thead><tbody>{rows}</tbody></table></div>"
        f"<div><h3>What was checked</h3><ul class=checks>{_checks(one)}</ul></div></div></section>"
    )
    return "\n".join(part for part in parts if part)


def _measures(one: Comparison, old: str, new: str) -> str:
    rows = list[str]()
    for measure in one.measures:
        detectable = detectable_effect(measure)
        name = MEASURES[measure.measure].title
        rows.append(_row(name, *change(measure), detectable, measure.verdict, "measure"))
        for part in measure.ranges:
            name = f"batch {batch_range(part.low, part.high)}, {part.token_share:.0%} of tokens"
            rows.append(_row(name, *change(part), "", part.verdict, "range"))
        for subgroup in measure.subgroups:
            rows.append(_row(subgroup.name, *change(subgroup), "", subgroup.verdict, "range"))
    return (
        f"<table class=measures><caption>{escape(new)} against {escape(old)}; above 0 is better"
        "</caption><thead><tr><th>measure</th><th>change</th><th>95 % interval</th>"
        "<th>detectable</th><th>verdict</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _row(name: str, found: str, interval: str, detectable: str, verdict: Verdict, kind: str) -> str:
    cells = "".join(f"<td>{escape(text)}</td>" for text in (found, interval, detectable))
    word = f'<td class="{verdict}">{VERDICTS[verdict]}</td>'
    return f'<tr class="{kind}"><th>{escape(name)}</th>{cells}{word}</tr>'


def _reasons(one: Comparison) -> str:
    lines = "".join(f"<li>{escape(text)}</li>" for text in reasons(one))
    return f'<ul class="note">{lines}</ul>' if lines else ""


def _plots(one: Comparison, key: str) -> str:
    drawn = (
        ("Effect by decode batch", plots.effect_by_batch(one)),
        ("By hand, and at equal load", plots.naive_beside_matched(one)),
        (
            "Observed rate by decode batch",
            plots.rate_by_batch(one) if one.baseline.curve else "",
        ),
        ("Load of both sides", plots.load_distribution(one) if one.baseline.curve else ""),
        ("Over time; dashed: the candidate's first window", plots.timeline(one)),
    )
    figures = [
        f"<figure><figcaption>{caption}</figcaption>{_named(svg, f'{key}p{i}')}</figure>"
        for i, (caption, svg) in enumerate(drawn)
        if svg
    ]
    return f'<div class="plots">{"".join(figures)}</div>' if figures else ""


def _named(svg: str, key: str) -> str:
    """Make the names inside a drawing its own: several drawings share a page."""
    for sign in ('id="', 'href="#', "url(#"):
        svg = svg.replace(sign, sign + key)
    return svg


def _phases(one: Comparison) -> str:
    if not one.phases:
        return ""
    rows = "".join(
        f"<tr><th>{escape(phase.phase)}</th><td>{percent(phase.client_ratio)}</td>"
        f"<td>{percent(phase.cells_ratio)}</td></tr>"
        for phase in one.phases
    )
    return (
        "<h3>By load phase</h3><table><thead><tr><th>phase</th><th>load client's tokens/s</th>"
        f"<th>from the cells</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _checks(one: Comparison) -> str:
    return "".join(
        f'<li class="{check.outcome}"><b>{escape(check.name)}</b> {escape(check.text)}'
        + (f"; {escape(check.remedy)}" if check.remedy else "")
        + "</li>"
        for check in one.checks
    )
