"""Labels of the servers reach Prometheus under their own names, and join kube-state-metrics."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.fakes import FakeServer
from tests.prometheus import needs_prometheus, prometheus
from tests.waiting import until

from .charts import ALL, resources, switched
from .kube import ROOT, rendered

DEPLOY = ROOT / "deploy"
PAGE = b"""\
# TYPE inferfleet_target_up gauge
inferfleet_target_up{target="inference/llama-0"} 0
inferfleet_target_up{target="bare:8000"} 1
# TYPE inferfleet_server_pod_info gauge
inferfleet_server_pod_info{target="inference/llama-0",namespace="inference",pod="llama-0",\
node="node-1",container="",workload="llama",workload_type="statefulset"} 1
# TYPE inferfleet_server_info gauge
inferfleet_server_info{target="bare:8000",engine="vllm",namespace="",workload=""} 1
# TYPE kube_pod_info gauge
kube_pod_info{namespace="inference",pod="llama-0",host_ip="10.1.0.1",priority_class="high"} 1
kube_pod_info{namespace="other",pod="llama-0",host_ip="10.1.0.2",priority_class="low"} 1
"""
OWN = {"namespace": "inferfleet", "pod": "inferfleet-0", "container": "inferfleet"}


def scrape_configs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every example of a scrape configuration that Prometheus reads, by its file."""
    for path in ("scrape/prometheus-agent.yml", "compose/prometheus.yml"):
        yield path, yaml.safe_load((DEPLOY / path).read_text())["scrape_configs"][0]
    collector = yaml.safe_load((DEPLOY / "scrape" / "otel-collector.yaml").read_text())
    yield (
        "scrape/otel-collector.yaml",
        collector["receivers"]["prometheus"]["config"]["scrape_configs"][0],
    )


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_monitors_keep_the_servers_labels(kind: str) -> None:
    monitors = [
        monitor
        for monitor in (*rendered("monitoring"), *resources(switched(ALL)))
        if monitor["kind"] == kind
    ]
    assert monitors
    for monitor in monitors:
        (endpoint,) = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["honorLabels"] is True


@pytest.mark.parametrize("path", [*dict(scrape_configs())])
def test_scrape_examples_keep_the_servers_labels(path: str) -> None:
    assert dict(scrape_configs())[path]["honor_labels"] is True


def test_alloy_keeps_the_servers_labels() -> None:
    assert re.search(r"honor_labels\s*= true", (DEPLOY / "scrape" / "config.alloy").read_text())


@needs_prometheus
def test_servers_labels_join_the_clusters(tmp_path: Path) -> None:
    _, scrape = next(scrape_configs())
    with FakeServer(metrics=(200, PAGE)) as exporter:
        address = exporter.url.removeprefix("http://")
        scrape = {**scrape, "static_configs": [{"targets": [address], "labels": OWN}]}
        config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}
        with prometheus(tmp_path / "db", config=yaml.safe_dump(config)) as url:

            def ask(query: str) -> list[dict[str, str]]:
                answer = requests.get(f"{url}/api/v1/query", {"query": query}, timeout=10).json()
                return [result["metric"] for result in answer["data"]["result"]]

            until(lambda: ask("inferfleet_server_pod_info"))
            (pod,) = ask("inferfleet_server_pod_info")
            assert (pod["namespace"], pod["pod"]) == ("inference", "llama-0")
            assert "container" not in pod
            # what is empty stays so: the exporter's namespace is not the server's
            (bare,) = ask("inferfleet_server_info")
            assert "namespace" not in bare
            assert not ask('{__name__=~".+",exported_namespace!=""}')

            joins = re.findall(
                r"^    \S.*\n(?:      .*\n)+", (ROOT / "docs" / "deploy.md").read_text(), re.M
            )
            to_pods, to_namespace = (ask(join) for join in joins if "group_left" in join)
            assert [series["host_ip"] for series in to_pods] == ["10.1.0.1"]
            assert [(series["namespace"], series["workload"]) for series in to_namespace] == [
                ("inference", "llama")
            ]
