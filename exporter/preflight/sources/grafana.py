"""The queries of a Grafana dashboard: panels, variables, annotations, library panels. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..finding import Place
from .queries import Query

_CALL: Final = re.compile(
    r"^\s*(?:label_values\(\s*(?:(?P<selector>.+)\s*,\s*)?\w+\s*\)|query_result\((?P<query>.+)\)"
    r"|metrics\(.*\)|label_names\(.*\))\s*$",
    re.DOTALL,
)
_SOURCES: Final = re.compile(r"^$|prometheus|victoriametrics-(?:metrics-)?datasource|^datasource$")
"""Kinds of data sources that take PromQL: unnamed, Prometheus and its cloud kinds, mixed."""
_KEYS: Final = ("expr", "query", "expression", "definition")


def is_dashboard(document: object) -> bool:
    """Whether a JSON document is a dashboard, a library panel, or an export of one."""
    if not isinstance(document, dict):
        return False
    inner = _inner(document)
    return any(key in inner for key in ("panels", "rows", "templating", "elements", "targets"))


def dashboard_queries(document: Mapping[str, Any], file: str) -> Iterator[Query]:
    """Yield the PromQL of a dashboard, each once with the titles of where it stands."""
    seen = set[tuple[str, str]]()
    for path, text in _texts(_inner(document), ()):
        query = _promql(text)
        if query and (path, query) not in seen:
            seen.add((path, query))
            yield Query(query, Place(file, path), "dashboard")


def _inner(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the dashboard of an answer of Grafana's API or of a Kubernetes resource."""
    for key in ("dashboard", "spec", "model"):
        inner = document.get(key)
        if isinstance(inner, dict) and "panels" not in document:
            return _inner(inner)
    return document


def _texts(value: object, titles: tuple[str, ...], kind: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        title = value.get("title") or (value.get("name") if "query" in value else None)
        if isinstance(title, str) and title:
            titles = (*titles, title)
        inner_kind = _source_kind(value.get("datasource")) or kind
        variable = value.get("type") in ("query", "custom", "textbox", "constant", "interval")
        if variable and value.get("type") != "query":
            return
        for key, inner in value.items():
            if key in _KEYS and isinstance(inner, str):
                if _SOURCES.search(inner_kind) and not (key == "definition" and variable):
                    yield " / ".join(titles), inner
            else:
                yield from _texts(inner, titles, inner_kind)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, titles, kind)


def _source_kind(source: object) -> str:
    kind = source.get("type") if isinstance(source, dict) else None
    return kind if isinstance(kind, str) else ""


def _promql(text: str) -> str:
    """Return the PromQL in a panel's or a variable's query, empty where there is none."""
    match = _CALL.match(text)
    if match is None:
        return text.strip()
    return (match["selector"] or match["query"] or "").strip()
