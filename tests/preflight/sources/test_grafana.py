"""Dashboards: panels, rows, variables, annotations, and what they are wrapped in."""

from typing import Any

import pytest

from exporter.preflight.sources.grafana import dashboard_queries, is_dashboard

PANEL: dict[str, Any] = {
    "title": "KV",
    "datasource": {"type": "prometheus", "uid": "x"},
    "targets": [{"expr": "vllm:a", "refId": "A"}],
}


def queries(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each.place.path, each.text) for each in dashboard_queries(document, "file")}


@pytest.mark.parametrize(
    "document",
    [
        {"panels": [PANEL]},
        {"dashboard": {"panels": [PANEL]}, "meta": {}},
        {"kind": "Dashboard", "spec": {"panels": [PANEL]}},
        {"panels": [{"title": "row", "type": "row", "panels": [PANEL]}]},
        {"rows": [{"panels": [PANEL]}]},
        {"model": PANEL},
    ],
    ids=["exported", "api", "resource", "row", "old rows", "library panel"],
)
def test_a_dashboard_is_read_however_it_is_wrapped(document: dict[str, Any]) -> None:
    assert is_dashboard(document)
    assert {text for _, text in queries(document)} == {"vllm:a"}


def test_the_schema_of_grafana_12_is_read() -> None:
    query = {"kind": "prometheus", "spec": {"expr": "vllm:a"}}
    data = {"kind": "QueryGroup", "spec": {"queries": [{"spec": {"query": query}}]}}
    panel = {"kind": "Panel", "spec": {"title": "KV", "data": data}}
    document = {"kind": "Dashboard", "spec": {"elements": {"panel-1": panel}}}
    assert is_dashboard(document)
    assert queries(document) == {("KV", "vllm:a")}


def test_variables_and_annotations_are_queries_too() -> None:
    variables = [
        {"name": "model", "type": "query", "query": {"query": "label_values(vllm:a, model_name)"}},
        {"name": "old", "type": "query", "query": 'label_values(vllm:b{x="1"}, model_name)'},
        {"name": "top", "type": "query", "query": "query_result(topk(1, vllm:c))"},
        {"name": "all", "type": "query", "query": "label_values(job)"},
        {"name": "fixed", "type": "custom", "query": "vllm:d,vllm:e"},
    ]
    document = {
        "title": "board",
        "panels": [],
        "templating": {"list": variables},
        "annotations": {"list": [{"name": "restart", "expr": "changes(vllm:f[1m])"}]},
    }
    texts = {text for _, text in queries(document)}
    assert texts == {"vllm:a", 'vllm:b{x="1"}', "topk(1, vllm:c)", "changes(vllm:f[1m])"}


@pytest.mark.parametrize(
    "source",
    [
        "prometheus",
        "${datasource}",
        None,
        {"uid": "${datasource}"},
        {"type": "grafana-amazonprometheus-datasource"},
        {"type": "victoriametrics-metrics-datasource"},
    ],
)
def test_every_kind_of_prometheus_is_one(source: object) -> None:
    assert queries({"panels": [{**PANEL, "datasource": source}]})


def test_queries_of_other_sources_are_left_alone() -> None:
    loki = {**PANEL, "datasource": {"type": "loki"}}
    mixed = {
        **PANEL,
        "datasource": {"type": "datasource", "uid": "-- Mixed --"},
        "targets": [
            {"expr": "vllm:a", "datasource": {"type": "prometheus"}},
            {"expr": '{app="x"} |= "vllm:b"', "datasource": {"type": "loki"}},
        ],
    }
    assert queries({"panels": [loki]}) == set()
    assert {text for _, text in queries({"panels": [mixed]})} == {"vllm:a"}


@pytest.mark.parametrize("document", [[], {}, "text", {"groups": []}, None])
def test_other_documents_are_no_dashboards(document: object) -> None:
    assert not is_dashboard(document)
