"""The chart, rendered by Helm itself: it lints, refuses wrong values, and fits the schemas."""

from collections import Counter
from copy import deepcopy
from itertools import combinations
from typing import Any

import pytest
import yaml
from helm_python import Chart, HelmError, lint
from typer.main import get_command

from alerts import build as rules
from alerts.values import load
from dashboards.build import dashboards
from exporter.cli.app import app
from exporter.config import parse_config

from ..charts import ALL, CHART, DESIGN, LABELS, SWITCHES, notes, resources, switched
from ..kube import Object, check, rendered, templates


def test_chart_lints_without_a_word() -> None:
    report = lint(CHART, values=switched(ALL))
    assert [one for one in report["messages"] if "icon" not in str(one)] == []


def test_design_has_any_two_switches_in_all_four_ways() -> None:
    for pair in combinations(range(len(SWITCHES)), 2):
        assert len({tuple(column in run for column in pair) for run in DESIGN}) == 4


@pytest.mark.parametrize("run", [*DESIGN, ALL])
def test_everything_it_renders_fits_the_schemas(run: tuple[int, ...]) -> None:
    values = switched(run)
    found = resources(values)
    for one in found:
        check(one)
    kinds = Counter(one["kind"] for one in found)

    def on(key: str) -> bool:
        return bool(values[key]["enabled"])

    monitored = on("judge") and values["judge"].get("podMonitor", {}).get("enabled", False)
    assert kinds["StatefulSet"] == (values["shards"] > 1)
    assert kinds["Deployment"] == (values["shards"] == 1) + on("judge")
    assert kinds["NetworkPolicy"] == on("networkPolicy") * (1 + on("judge"))
    assert kinds["ServiceMonitor"] == on("serviceMonitor")
    assert kinds["PodMonitor"] == on("podMonitor") + monitored
    assert kinds["PrometheusRule"] == len(rules.FILES) * on("rules")
    assert kinds["ConfigMap"] == 1 + len(dashboards(load())) * on("dashboards")
    for one in found:
        if one["kind"] in ("ServiceMonitor", "PodMonitor", "PrometheusRule"):
            assert one["metadata"]["labels"].items() >= LABELS.items()


@pytest.mark.parametrize("columns", [(), ALL])
def test_what_a_pod_is_given_reaches_it(columns: tuple[int, ...]) -> None:
    pods = [
        template["spec"]
        for resource in resources(switched(columns))
        for template in templates(resource)
    ]
    assert len(pods) == (2 if columns else 1)
    for spec in pods:
        (container,) = spec["containers"]
        mounts = {mount["name"] for mount in container.get("volumeMounts", ())}
        assert mounts == {volume["name"] for volume in spec.get("volumes", ())}
        assert ("secrets" in mounts) == bool(columns)
        names = {variable["name"] for variable in container.get("env", ())}
        assert ("SSL_CERT_FILE" in names) == bool(columns)
        assert ("imagePullSecrets" in spec) == bool(columns)


def test_judge_runs_by_the_options_there_are() -> None:
    values = {
        "judge": {"enabled": True, "args": ["--every=5m"]},
        "rules": {"values": {"keep_labels": ["region", "cluster"]}},
    }
    (container,) = [
        template["spec"]["containers"][0]
        for resource in resources(values)
        for template in templates(resource)
        if resource["metadata"]["name"].endswith("-judge")
    ]
    command, *arguments = container["args"]
    known = {
        option
        for parameter in get_command(app).commands[command].params  # type: ignore[attr-defined]
        for option in parameter.opts
    }
    assert {argument.split("=")[0] for argument in arguments} <= known
    assert [text for text in arguments if "keep-label" in text] == [
        "--keep-label=region",
        "--keep-label=cluster",
    ]


def _policy(values: dict[str, Any] | None = None) -> Any:
    (policy,) = [one for one in resources(values) if one["kind"] == "NetworkPolicy"]
    return policy["spec"]


def test_any_prometheus_gets_through_unless_some_are_named() -> None:
    (open_to_all,) = _policy()["ingress"]
    assert open_to_all == {"ports": [{"port": "metrics", "protocol": "TCP"}]}
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    (narrowed,) = _policy({"networkPolicy": {"scrapers": [peer]}})["ingress"]
    assert narrowed["from"] == [peer]


def test_exporter_reaches_servers_gpu_exporters_names_and_the_api() -> None:
    more = {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}
    policy = _policy({"networkPolicy": {"extraEgress": [more]}})
    ports = {port["port"] for rule in policy["egress"] for port in rule.get("ports", ())}
    assert ports >= {53, 5353, 443, 6443, 8000, 30000, 9400}
    assert more in policy["egress"]


def test_notes_say_what_is_missing() -> None:
    assert "No ServiceMonitor" in notes()
    assert "No rules" in notes()
    enabled = {"serviceMonitor": {"enabled": True}, "rules": {"enabled": True}}
    assert "release" in notes(enabled)
    assert "No rules" not in notes(enabled)
    enabled["serviceMonitor"]["labels"] = LABELS  # type: ignore[assignment]
    assert "kube-prometheus-stack" not in notes(enabled)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shard": 3},
        {"shards": 0},
        {"image": {"digest": "latest"}},
        {"networkPolicy": {"serverPorts": [99999]}},
        {"networkPolicy": {"monitoringNamespace": "monitoring"}},
        {"judge": {"prometheus": "prometheus:9090"}},
        {"extraVolumes": {"name": "secrets"}},
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
        {(one["kind"], one["metadata"]["name"]) for one in resources(switched(ALL), name)}
        for name in ("a", "inferfleet-b")
    ]
    assert not names[0] & names[1]
