"""Which metrics a query asks for that the new release does not have, or has otherwise. Pure."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Final

from ..engines.catalog import engine_catalog
from .finding import Finding, Kind, Severity
from .labels import label_findings
from .samples import SampleNames
from .shapes import metric_shapes
from .sources.queries import Query, Selector, UnreadableQueryError, selectors


def name_findings(
    query: Query, names: SampleNames, recorded: Collection[str] = ()
) -> Iterator[Finding]:
    """Yield what is wrong with a query's names on the new release; nothing of other namespaces.

    `recorded` are the names that rules of the fleet record themselves.
    """
    prefix = engine_catalog(names.catalog.engine).prefix.pattern
    namespace = re.compile(rf"(?P<prefix>{prefix})(?P<name>\w+)")
    if not namespace.search(query.text):
        return
    try:
        asked = selectors(query.text)
    except UnreadableQueryError as error:
        text = f"a query of {names.catalog.engine}'s metrics could not be read: {error}"
        yield Finding(
            "query-unreadable", "note", query.use, query.place, "query", text, "check it by hand"
        )
        return
    every = {selector.name for selector in asked}
    # a metric that is grouped in two ways is one name
    for selector in dict.fromkeys(replace(each, grouping=None) for each in asked):
        match = namespace.fullmatch(selector.name)
        if selector.name_pattern:
            yield from _of_pattern(query, selector, names)
        elif match is not None and selector.name not in recorded:
            yield from _of_name(query, match["prefix"], match["name"], names, every)
    shapes = metric_shapes(names.catalog.engine, names.old, names.new)
    yield from dict.fromkeys(
        finding
        for selector in asked
        if (match := namespace.fullmatch(selector.name)) and selector.name not in recorded
        for finding in label_findings(query, selector, selector.name, match["name"], shapes)
    )


def _of_pattern(query: Query, selector: Selector, names: SampleNames) -> Iterator[Finding]:
    any_release, new = names.matching(selector.name_pattern)
    if any_release and not new:
        text = f"no metric of {_release(names)} has a name like {selector.name_pattern}"
        yield _finding("name-removed", "error", query, selector.name_pattern, text, _NOTHING)


def _of_name(
    query: Query, prefix: str, name: str, names: SampleNames, every: Collection[str]
) -> Iterator[Finding]:
    if query.is_name and name not in names.ever and f"{name}{_COUNT}" in names.ever:
        # a setting names a histogram without what its samples end with
        yield from _of_histogram(query, prefix, name, names)
        return
    if name in names.after:
        yield from _of_meaning(query, f"{prefix}{name}", name, names)
        return
    successor = names.successor(name)
    written_for_both = successor is not None and f"{prefix}{successor}" in every
    if written_for_both or _is_renamed_on_the_way(prefix, name, names):
        return
    if name in names.ever or names.is_older(name):
        yield _of_gone(query, prefix, name, successor, names)
    else:
        yield _of_unknown(query, prefix, name, names)


def _of_histogram(query: Query, prefix: str, name: str, names: SampleNames) -> Iterator[Finding]:
    count = f"{name}{_COUNT}"
    if count in names.after:
        yield from _of_meaning(query, f"{prefix}{name}", count, names)
    else:
        yield _of_gone(query, prefix, count, names.successor(count), names, _COUNT)


_COUNT: Final = "_count"


def _is_renamed_on_the_way(prefix: str, name: str, names: SampleNames) -> bool:
    """Whether a name may be another tool's, or one that a collector made of the engine's.

    What replaces the colon may rename too; Ray takes `_total` off and puts it on by its release.
    """
    if name in names.of_routers or (prefix.startswith("ray_") and f"{name}_total" in names.after):
        return True
    return prefix.endswith("_") and name not in names.ever and not names.is_older(name)


def _of_meaning(query: Query, raw: str, name: str, names: SampleNames) -> Iterator[Finding]:
    for change in names.changes(name):
        text = (
            f"{raw} means something else from {names.catalog.engine} {change.at} on: "
            f"{change.changed.strip()}"
        )
        everywhere = bool(change.forbids) and not change.roles
        remedy = "compare nothing made of it across the upgrade" if change.forbids else ""
        severity: Severity = "warning" if everywhere else "detail"
        yield _finding("meaning-changed", severity, query, raw, text, remedy)


def _of_gone(
    query: Query,
    prefix: str,
    name: str,
    successor: str | None,
    names: SampleNames,
    unwritten: str = "",
) -> Finding:
    """Return what is said of a sample that is gone; `unwritten` is what the query leaves off it."""
    raw, engine = f"{prefix}{name.removesuffix(unwritten)}", names.catalog.engine
    text = f"{raw} is of releases before {engine} {names.catalog.releases[0]}"
    if name in names.ever:
        was, last = names.ever[name]
        text = f"{raw} was last in {engine} {last}, and is not in {names.new}"
        other = names.other_type(name)
        if other is not None:
            text = f"{raw} is a {was} up to {engine} {last} and a {other} in {names.new}"
            remedy = _FOR_TYPE.get(other, f"write it for a {other}").format(raw=raw)
            return _finding("type-changed", "error", query, raw, text, remedy)
    if successor is None:
        return _finding("name-removed", "error", query, raw, text, _NOTHING)
    new_name = f"{prefix}{successor.removesuffix(unwritten)}"
    remedy = f"write {new_name}, which {names.old} has too"
    if successor not in names.before:
        remedy = f"write {new_name}; while both releases run, {new_name} or {raw}"
    return _finding("name-renamed", "error", query, raw, text, remedy, new_name)


def _of_unknown(query: Query, prefix: str, name: str, names: SampleNames) -> Finding:
    raw, suffixed = f"{prefix}{name}", names.suffixed(name)
    releases = " or ".join(dict.fromkeys((names.old, names.new)))
    text = f"{raw} is no metric of {names.catalog.engine} {releases}"
    if suffixed is not None:
        replacement = f"{prefix}{suffixed}"
        remedy = f"write {replacement}"
        return _finding("name-unknown", "error", query, raw, text, remedy, replacement)
    if f"{name}{_COUNT}" in names.after:
        text = f"{raw} is a histogram, and no sample of {_release(names)} has its bare name"
        remedy = _FOR_TYPE["histogram"].format(raw=raw)
        return _finding("name-unknown", "error", query, raw, text, remedy)
    near = names.near(name)
    remedy = f"did you mean {prefix}{near}?" if near else "correct it, or leave it out"
    severity: Severity = "detail" if query.is_name and not _is_listed(query, names) else "error"
    return _finding("name-unknown", severity, query, raw, text, remedy)


def _is_listed(query: Query, names: SampleNames) -> bool:
    """Whether a setting stands in a list of the engine's metrics.

    Alone it may name what another program shows under the engine's prefix.
    """
    return any(other.partition(":")[2] in names.ever for other in query.beside)


_NOTHING: Final = "no name is known to take its place: leave it out"
_FOR_TYPE: Final = {
    "histogram": "ask for {raw}_sum over {raw}_count, or a quantile of {raw}_bucket",
    "counter": "ask for the rate of {raw}_total",
}


def _release(names: SampleNames) -> str:
    return f"{names.catalog.engine} {names.new}"


def _finding(
    kind: Kind,
    severity: Severity,
    query: Query,
    raw: str,
    text: str,
    remedy: str,
    replacement: str = "",
) -> Finding:
    return Finding(
        kind,
        severity,
        query.use,
        query.place,
        raw,
        text,
        remedy,
        query.text,
        replacement,
    )
