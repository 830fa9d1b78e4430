"""Where a server belongs: published beside what it is, and no part of what is compared."""

from dataclasses import replace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from exporter.config import Declaration, Target
from exporter.discovery.pod import Pod, PodTarget
from exporter.discovery.workload import Workload
from exporter.publish.fleet import server_report
from exporter.publish.page import Publisher
from exporter.sampling.view import ServerView
from tests.conftest import RECORDINGS, cached_load
from tests.publish.test_page import watched

POD = Pod("inference", "llama-7d9c-x7k2p", "node-1", "vllm", Workload("llama", "deployment"))
WHERE = {
    "namespace": "inference",
    "pod": "llama-7d9c-x7k2p",
    "node": "node-1",
    "container": "vllm",
    "workload": "llama",
    "workload_type": "deployment",
}
RECORDING = "vllm-0.32.0-basic-cpu"


def in_pod(server: ServerView, pod: Pod, **declared: str) -> ServerView:
    """Return a server as it would be shown, were it in a pod."""
    target = server.server.target
    declaration = Declaration.model_validate(
        {**target.declare.model_dump(exclude_unset=True), **declared}
    )
    server.server.target = PodTarget(url=target.url, name=target.name, declare=declaration, pod=pod)
    return server


def samples(server: ServerView, family: str) -> list[dict[str, str]]:
    page = Publisher().page([server], {}).decode()
    return [
        sample.labels
        for known in text_string_to_metric_families(page)
        for sample in known.samples
        if sample.name == f"inferfleet_{family}"
    ]


def fleet_server(server: ServerView) -> Any:
    return server_report(server)


def test_pod_is_published_and_in_neither_hash_nor_load_cells() -> None:
    plain = watched(cached_load(RECORDINGS[RECORDING]), "a")
    (bare,) = samples(plain, "server_info")
    cells = samples(plain, "load_seconds_total")
    assert (bare["namespace"], bare["workload"]) == ("", "")
    assert samples(plain, "server_pod_info") == []

    server = in_pod(plain, POD)
    assert samples(server, "server_pod_info") == [{"target": "a", **WHERE}]
    (info,) = samples(server, "server_info")
    assert info == {**bare, "namespace": "inference", "workload": "llama"}
    assert samples(server, "load_seconds_total") == cells
    assert fleet_server(server).items() >= WHERE.items()


def test_pod_of_a_server_that_is_down_is_still_known() -> None:
    server = in_pod(watched(cached_load(RECORDINGS[RECORDING]), "a"), POD)
    down = replace(server, live=False)
    assert samples(down, "server_pod_info") == [{"target": "a", **WHERE}]
    assert samples(down, "server_info") == []


def test_unknown_workload_is_empty_and_noted() -> None:
    server = in_pod(watched(cached_load(RECORDINGS[RECORDING]), "a"), replace(POD, workload=None))
    (pod,) = samples(server, "server_pod_info")
    assert (pod["workload"], pod["workload_type"]) == ("", "")
    document = fleet_server(server)
    assert document["workload"] is None
    assert any("workload of its pod is unknown" in note for note in document["notes"])


def test_declared_workload_wins_and_needs_no_pod() -> None:
    server = watched(cached_load(RECORDINGS[RECORDING]), "a")
    target = server.server.target
    server.server.target = Target(
        url=target.url, name="a", declare=Declaration(workload="statefulset/blue")
    )
    (info,) = samples(server, "server_info")
    assert (info["namespace"], info["workload"]) == ("", "blue")
    assert samples(server, "server_pod_info") == []
    (pod,) = samples(in_pod(server, POD, workload="green"), "server_pod_info")
    assert (pod["workload"], pod["workload_type"]) == ("green", "")
    assert not any("workload" in note for note in fleet_server(server)["notes"])
