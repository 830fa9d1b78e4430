"""What a query asks of a metric's labels and buckets that the new release does not give. Pure."""

import re
from collections.abc import Iterator
from math import inf
from typing import Final

from .finding import Finding, Kind, MatcherEdit, Severity, Use
from .rewriting import bound_text, without_label
from .shapes import MetricShapes
from .sources.queries import Query, Selector

_BUCKET: Final = "le"
_LOOKED_AT: Final[tuple[Use, ...]] = ("dashboard", "query", "recording rule")
_MOST_BOUNDS: Final = 4


def label_findings(
    query: Query, selector: Selector, raw: str, sample: str, shapes: MetricShapes
) -> Iterator[Finding]:
    """Yield what is otherwise of a sample that the new release has under the same name.

    `raw` is its name as it stands in the query. Labels that no release of the engine has are
    others': the collector's, or a rule's.
    """
    after = shapes.after.get(sample)
    if after is None:
        return
    if after.labels is not None:
        yield from _gone(query, selector, raw, sample, shapes)
        before = shapes.before.get(sample)
        if before is not None and before.labels is not None and selector.grouping is None:
            for label in sorted(after.labels - before.labels):
                text = f"{raw} has the label {label} in {shapes.catalog.engine} {shapes.new}"
                remedy = f"add its series up where one was expected: sum without ({label}) (...)"
                # what acts by itself may take one series alone, or act on each
                weight: Severity = "detail" if query.use in _LOOKED_AT else "note"
                yield _finding("label-added", weight, query, label, text, remedy)
    if sample.endswith("_bucket") and after.buckets is not None:
        yield from _buckets(query, selector, raw, sample, shapes)


def _gone(
    query: Query, selector: Selector, raw: str, sample: str, shapes: MetricShapes
) -> Iterator[Finding]:
    known = shapes.after[sample].labels or frozenset[str]()
    engine = shapes.catalog.engine
    for label, operator, value in selector.matchers:
        last = shapes.last_labels.get((sample, label))
        if label in known or last is None or _takes_absent(operator, value):
            continue
        text = f"{raw} had the label {label} last in {engine} {last}: {label}{operator}"
        text += f'"{value}" takes nothing in {shapes.new}'
        # a variable may stand for all values, the missing one among them
        severity: Severity = "warning" if "$" in value else "error"
        written = without_label(query.text, raw, label)
        remedy = f"write {' '.join(written.split())}"
        edit = None
        if (operator, value) in _ANY_VALUE:
            edit = MatcherEdit(raw, label, operator, value, None)
        yield _finding("label-removed", severity, query, label, text, remedy, edit)
    for label in selector.grouping or ():
        last = shapes.last_labels.get((sample, label))
        if label not in known and last is not None:
            text = f"{raw} had the label {label} last in {engine} {last}: what it is grouped by "
            text += f"falls together in {shapes.new}"
            remedy = f"take {label} out of by (...)"
            yield _finding("label-removed", "warning", query, label, text, remedy)


def _buckets(
    query: Query, selector: Selector, raw: str, sample: str, shapes: MetricShapes
) -> Iterator[Finding]:
    new = shapes.after[sample].buckets or ()
    before = shapes.before.get(sample)
    old = before.buckets if before is not None else None
    engine = shapes.catalog.engine
    if old is not None and set(old) != set(new):
        gone, come = sorted({*old} - {*new}), sorted({*new} - {*old})
        parts = [f"{_listed(gone)} go" * bool(gone), f"{_listed(come)} come" * bool(come)]
        text = f"{raw} has other buckets in {engine} {shapes.new}: {', '.join(filter(None, parts))}"
        remedy = "compare no quantile of it across the upgrade; its mean (_sum over _count) may be"
        yield _finding("buckets-changed", "note", query, raw, text, remedy)
    for label, operator, value in selector.matchers:
        bound = _bound(value)
        if label != _BUCKET or operator != "=" or bound is None:
            continue
        if bound in new or bound == inf:
            yield from _of_spelling(query, raw, value, bound)
            continue
        last = shapes.last_buckets.get((sample, bound))
        near = min(new, key=lambda each: (abs(each - bound), each))
        text = f'{raw} has no bucket le="{value}" in {engine} {shapes.new}'
        text += f", the last that had it was {last}" if last else ""
        # an option of the server may set other buckets than the release's own
        severity: Severity = "error" if last else "detail"
        remedy = f'write le="{bound_text(near)}", and other thresholds with it'
        yield _finding("bucket-removed", severity, query, f"le={value}", text, remedy)


def _of_spelling(query: Query, raw: str, value: str, bound: float) -> Iterator[Finding]:
    """Yield that a bucket that is there is asked for by another text than the page's."""
    written = bound_text(bound)
    if value != written:
        edit = MatcherEdit(raw, _BUCKET, "=", value, written)
        text = f'pages have le="{written}" of {raw}, and le="{value}" is another text: the query '
        text += "takes nothing"
        remedy = f'write le="{written}"'
        yield _finding("bucket-removed", "error", query, f"le={value}", text, remedy, edit)


_ANY_VALUE: Final = (("!=", ""), ("!~", ""), ("=~", ".+"))
"""Matchers that take every series that has the label; without it they take none."""


def _takes_absent(operator: str, value: str) -> bool:
    """Whether a matcher takes series without the label too, so that nothing is lost."""
    if operator in ("=", "!="):
        return (not value) == (operator == "=")
    try:
        return (re.fullmatch(value, "") is not None) == (operator == "=~")
    except re.error:
        return True


def _bound(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _listed(bounds: list[float]) -> str:
    shown = ", ".join(f"{bound:g}" for bound in bounds[:_MOST_BOUNDS])
    return shown + (f" and {len(bounds) - _MOST_BOUNDS} more" if len(bounds) > _MOST_BOUNDS else "")


def _finding(
    kind: Kind,
    severity: Severity,
    query: Query,
    subject: str,
    text: str,
    remedy: str,
    edit: MatcherEdit | None = None,
) -> Finding:
    place, use = query.place, query.use
    return Finding(kind, severity, use, place, subject, text, remedy, query.text, edit=edit)
