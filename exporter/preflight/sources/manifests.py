"""The queries of rules and of what acts on metrics, from YAML documents. Pure.

Prometheus rule files and PrometheusRule, KEDA's ScaledObject, HorizontalPodAutoscaler, the
Prometheus adapter, gates of Argo Rollouts and Flagger, relabelling that keeps metrics by name, and
names of metrics in arguments and settings. Dashboards in a ConfigMap or a GrafanaDashboard are read
as such.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..finding import Place, Use
from .grafana import dashboard_queries, is_dashboard
from .queries import Query

_QUERY_KEYS: Final = ("expr", "query", "metricsQuery", "seriesQuery", "prometheusQuery")
_NAME: Final = re.compile(
    r"(?:--[\w-]+=)?\"?((?:ray_|kserve_)?(?:vllm|sglang):[a-z]\w*_\w+(?:\{[^}]*\})?)\"?"
)
_MANAGED_NAME: Final = re.compile(
    r"prometheus\.googleapis\.com[/|]((?:vllm|sglang):\w+)[/|](?:counter|gauge|histogram|summary)"
)
"""A metric as Google Cloud Monitoring names it: in filters, and in an autoscaler's metric."""
_SCALERS: Final = ("ScaledObject", "ScaledJob", "HorizontalPodAutoscaler")
_GATES: Final = ("AnalysisTemplate", "ClusterAnalysisTemplate", "MetricTemplate")


def manifest_queries(document: object, file: str) -> Iterator[Query]:
    """Yield the queries of one YAML document, each with the names of where it stands."""
    if isinstance(document, list):
        for each in document:
            yield from manifest_queries(each, file)
        return
    if not isinstance(document, dict):
        return
    kind = document.get("kind")
    if kind == "List":
        yield from manifest_queries(document.get("items"), file)
    elif kind == "ConfigMap":
        yield from _config_map(document, file)
    elif kind == "GrafanaDashboard":
        spec = document.get("spec")
        yield from _dashboard(spec.get("json") if isinstance(spec, dict) else None, file, "json")
    else:
        yield from _queries(document, file, (), _use(kind))


def recorded_names(document: object) -> Iterator[str]:
    """Yield the names that recording rules of a document record."""
    if isinstance(document, dict):
        name = document.get("record")
        if isinstance(name, str) and "expr" in document:
            yield name
    if isinstance(document, dict | list):
        for inner in document.values() if isinstance(document, dict) else document:
            yield from recorded_names(inner)


def _use(kind: object) -> Use:
    if kind in _SCALERS:
        return "autoscaler"
    return "rollout gate" if kind in _GATES else "query"


def _config_map(document: Mapping[str, Any], file: str) -> Iterator[Query]:
    data = document.get("data")
    for name, text in data.items() if isinstance(data, dict) else ():
        yield from _dashboard(text, file, name)


def _dashboard(text: object, file: str, name: str) -> Iterator[Query]:
    try:
        inner = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return
    if isinstance(inner, dict) and is_dashboard(inner):
        for query in dashboard_queries(inner, file):
            path = " / ".join(filter(None, (name, query.place.path)))
            yield Query(query.text, Place(file, path), query.use)


def _queries(
    value: object, file: str, names: tuple[str, ...], use: Use, key: str = ""
) -> Iterator[Query]:
    if isinstance(value, dict):
        names, use = _inside(value, names, use)
        kept = _kept_names(value)
        if kept:
            yield Query(kept, Place(file, " / ".join(names)), use)
        for inner_key, inner in value.items():
            yield from _queries(inner, file, names, use, inner_key)
    elif isinstance(value, list):
        texts = tuple(inner for inner in value if isinstance(inner, str))
        for inner in value:
            if not isinstance(inner, str):
                yield from _queries(inner, file, names, use)
            elif inner:
                yield from _of_text(inner, Place(file, " / ".join(names)), use, "", texts)
    elif isinstance(value, str) and key not in ("image", "record", "alert"):
        yield from _of_text(value, Place(file, " / ".join(names)), use, key)


def _of_text(
    text: str, place: Place, use: Use, key: str, beside: tuple[str, ...] = ()
) -> Iterator[Query]:
    name = _NAME.fullmatch(text)
    if key in _QUERY_KEYS:
        yield Query(_without_templates(text), place, use)
    elif name is not None:
        yield Query(name[1], place, use, is_name=True, beside=beside)
    else:
        for managed in _MANAGED_NAME.finditer(text):
            yield Query(managed[1], place, use, is_name=True)


def _inside(value: Mapping[str, Any], names: tuple[str, ...], use: Use) -> tuple[Any, Use]:
    """Return the names on the way to a mapping and what its queries are for."""
    if isinstance(value.get("alert"), str):
        use = "alert"
    elif isinstance(value.get("record"), str):
        use = "recording rule"
    elif "metricsQuery" in value or "seriesQuery" in value:
        use = "autoscaler"
    metadata = value.get("metadata")
    for name in (
        value.get("alert") or value.get("record") or value.get("name"),
        metadata.get("name") if isinstance(metadata, dict) else None,
    ):
        if isinstance(name, str):
            names = (*names, name)
    return names, use


def _kept_names(value: Mapping[str, Any]) -> str:
    """Return a selector for what relabelling keeps by name, empty where it keeps nothing so."""
    labels = value.get("sourceLabels") or value.get("source_labels")
    pattern = value.get("regex")
    if labels != ["__name__"] or value.get("action") != "keep" or not isinstance(pattern, str):
        return ""
    return f"{{__name__=~{json.dumps(pattern)}}}"


def _without_templates(text: str) -> str:
    """Return a query with what the templates of an adapter and of Argo Rollouts stand for."""
    for template, stands_for in (
        ("<<.Series>>", "series"),
        ("<<.LabelMatchers>>", ""),
        ("<<.GroupBy>>", "pod"),
    ):
        text = text.replace(template, stands_for)
    return re.sub(r"\{\{\s*args\.[\w-]+\s*\}\}", "argument", text)
