"""The chart, rendered by Helm itself: it lints, refuses wrong values, and fits the schemas."""

from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
import yaml
from helm_python import Chart, HelmError, lint

from alerts import build as rules
from exporter.config import parse_config

from .kube import ROOT, Object, check, rendered, templates

CHART = ROOT / "deploy" / "helm" / "inferfleet"
ALL: dict[str, Any] = {
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "rules": {"enabled": True},
    "dashboards": {"enabled": True},
    "nodeSelector": {"pool": "cpu"},
    "tolerations": [{"operator": "Exists"}],
}


def resources(values: dict[str, Any] | None = None, name: str = "inferfleet") -> list[Object]:
    with Chart.load(CHART) as chart:
        texts = chart.render(values=values or {}, name=name, namespace="observing")
    found = [one for text in texts.values() for one in yaml.load_all(text, Loader=yaml.CSafeLoader)]
    return [one for one in found if one]


def test_chart_lints_without_a_word() -> None:
    report = lint(CHART, values=ALL)
    assert [one for one in report["messages"] if "icon" not in str(one)] == []


@pytest.mark.parametrize("values", [{}, {"shards": 3}, ALL, {"networkPolicy": {"enabled": False}}])
def test_everything_it_renders_fits_the_schemas(values: dict[str, Any]) -> None:
    found = resources(values)
    for one in found:
        check(one)
    kinds = Counter(one["kind"] for one in found)
    assert kinds["Deployment"] + kinds["StatefulSet"] == 1
    assert kinds["StatefulSet"] == (values.get("shards", 1) > 1)
    if values is ALL:
        assert (kinds["ServiceMonitor"], kinds["PrometheusRule"]) == (1, len(rules.FILES))
        assert kinds["ConfigMap"] > 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"shard": 3},
        {"shards": 0},
        {"image": {"digest": "latest"}},
        {"networkPolicy": {"serverPorts": [99999]}},
        {"serviceMonitor": {"enabled": "yes"}},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    with Chart.load(CHART) as chart, pytest.raises(HelmError):
        chart.validate_schema(wrong)


def _pod_spec(found: list[Object]) -> Any:
    (template,) = [one for resource in found for one in templates(resource)]
    return template["spec"]


@pytest.mark.parametrize(("shards", "name"), [(1, "central"), (3, "sharded")])
def test_chart_runs_the_same_pod_as_the_manifests(shards: int, name: str) -> None:
    plain = deepcopy(_pod_spec(list(rendered(name))))
    ours = _pod_spec(resources({"shards": shards}))
    for spec in (plain, ours):
        # kustomize adds a hash to the name, the chart an annotation to the pod
        spec["volumes"][0]["configMap"]["name"] = "inferfleet"
    assert ours == plain


def test_configuration_is_the_values() -> None:
    targets = {"config": {"targets": ["http://a:8000"], "discovery": None}}
    for values, rights in (({}, 1), (targets, 0)):
        found = resources(values)
        (text,) = [one["data"]["inferfleet.yaml"] for one in found if one["kind"] == "ConfigMap"]
        data = {key: value for key, value in yaml.safe_load(text).items() if value is not None}
        assert parse_config(data, "values")
        assert sum(one["kind"] == "ClusterRole" for one in found) == rights


def test_two_releases_share_nothing_in_the_cluster() -> None:
    names = [
        {(one["kind"], one["metadata"]["name"]) for one in resources(ALL, name)}
        for name in ("a", "inferfleet-b")
    ]
    assert not names[0] & names[1]
