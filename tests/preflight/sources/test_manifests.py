"""Rules, autoscalers, gates and settings: the queries and names in YAML documents."""

import json

import pytest
import yaml

from exporter.preflight.sources.manifests import manifest_queries, recorded_names

RULES = """
groups:
  - name: serving
    rules:
      - {record: "vllm:hit:ratio", expr: "rate(vllm:a_total[5m])"}
      - {alert: Full, expr: "vllm:b > 0.9", annotations: {summary: "vllm:c is high"}}
"""
SCALED_OBJECT = """
kind: ScaledObject
metadata: {name: llama}
spec: {triggers: [{type: prometheus, metadata: {query: "avg(vllm:a)", threshold: "1"}}]}
"""
AUTOSCALER = """
kind: HorizontalPodAutoscaler
metadata: {name: llama}
spec:
  metrics:
    - {type: Pods, pods: {metric: {name: "vllm:a_b"}}}
    - {type: Pods, pods: {metric: {name: vllm_b}}}
"""
ADAPTER = """
rules:
  - seriesQuery: 'vllm:a{namespace!=""}'
    metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
"""
ANALYSIS = """
kind: AnalysisTemplate
metadata: {name: gate}
spec:
  metrics:
    - name: kv
      provider: {prometheus: {query: 'vllm:a{model_name="{{args.model}}"}'}}
"""
POD_MONITOR = """
kind: PodMonitor
spec:
  podMetricsEndpoints:
    - metricRelabelings: [{sourceLabels: [__name__], regex: "vllm:(a|b)", action: keep}]
"""
SCHEDULER = """
kind: Deployment
spec:
  containers:
    - args: ["--kv-metric", "vllm:a_b", '--queue-metric=vllm:b_c', "--name=x:y", "vllm:8000"]
"""


def read(text: str) -> set[tuple[str, str]]:
    return {(each.use, each.text) for each in manifest_queries(yaml.safe_load(text), "file")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RULES, {("recording rule", "rate(vllm:a_total[5m])"), ("alert", "vllm:b > 0.9")}),
        ("kind: PrometheusRule\nspec:" + RULES.replace("\n", "\n  "), {("alert", "vllm:b > 0.9")}),
        (SCALED_OBJECT, {("autoscaler", "avg(vllm:a)")}),
        (AUTOSCALER, {("autoscaler", "vllm:a_b")}),
        (ADAPTER, {("autoscaler", 'vllm:a{namespace!=""}')}),
        (ANALYSIS, {("rollout gate", 'vllm:a{model_name="argument"}')}),
        (POD_MONITOR, {("query", '{__name__=~"vllm:(a|b)"}')}),
        (SCHEDULER, {("query", "vllm:a_b"), ("query", "vllm:b_c")}),
    ],
    ids=["rules", "PrometheusRule", "KEDA", "HPA", "adapter", "Argo", "relabelling", "arguments"],
)
def test_queries_are_found_with_what_they_are_for(
    text: str, expected: set[tuple[str, str]]
) -> None:
    assert expected <= read(text)


def test_texts_for_people_are_no_queries() -> None:
    assert all("vllm:c" not in text for _, text in read(RULES))


@pytest.mark.parametrize(
    "text",
    ["image: vllm:some_tag", "args: [vllm:8000]", "name: vllm:latest", "x: vllm:of_our_own"],
)
def test_what_looks_like_a_name_and_is_none_is_no_fault(text: str) -> None:
    for query in manifest_queries(yaml.safe_load(text), "file"):
        assert query.is_name


def test_the_place_names_the_way() -> None:
    (query,) = manifest_queries(yaml.safe_load(SCALED_OBJECT), "file")
    assert str(query.place) == "file (llama)"


def test_dashboards_in_resources_are_read() -> None:
    board = json.dumps({"title": "x", "panels": [{"title": "p", "targets": [{"expr": "vllm:a"}]}]})
    config_map = {"kind": "ConfigMap", "data": {"board.json": board, "notes": "vllm:b"}}
    resource = {"kind": "GrafanaDashboard", "spec": {"json": board}}
    both = list(manifest_queries({"kind": "List", "items": [config_map, resource]}, "file"))
    assert [(each.use, each.text) for each in both] == [("dashboard", "vllm:a")] * 2
    assert both[0].place.path == "board.json / x / p"


def test_names_that_rules_record_are_known() -> None:
    assert list(recorded_names(yaml.safe_load(RULES))) == ["vllm:hit:ratio"]
