"""Where servers ran: the same place over an upgrade, whatever the pods are called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from exporter.compare.fleet.answer import Series
from exporter.compare.fleet.api import PrometheusApi
from exporter.compare.fleet.arrays import Floats
from exporter.compare.fleet.nodes import with_nodes
from exporter.compare.fleet.span import Span
from exporter.compare.fleet.windows import ServerKey, Windows

HOUR = 3600.0
SPAN = Span(0.0, 48 * HOUR)
KEEP = ("cluster",)


@dataclass(frozen=True)
class Pod:
    """A server that ran a release for some hours, and what is known of its place."""

    name: str
    release: str
    first: float
    last: float
    machine: str = ""
    gpus: tuple[str, ...] = ()
    cluster: str = ""


class InfoApi(PrometheusApi):
    """Answers with the info series of pods."""

    def __init__(self, pods: tuple[Pod, ...]) -> None:
        super().__init__("http://prometheus.invalid")
        self.pods = pods

    def range_in_chunks(self, query: str, times: Floats, *_: Any) -> Iterator[Series]:
        for pod in self.pods:
            inside = times[(times > pod.first * HOUR) & (times <= pod.last * HOUR + 1)]
            values = [("uuid", uuid) for uuid in pod.gpus]
            if "pod_info" in query:
                values = [("node", pod.machine)] if pod.machine else []
            for label, value in values:
                labels = {"target": pod.name, "cluster": pod.cluster, label: value}
                yield Series(labels, inside, np.ones(len(inside)))


def nodes(*pods: Pod) -> dict[str, str]:
    """Return the node of each pod and release."""
    servers, server, time = list[ServerKey](), list[int](), list[float]()
    for i, pod in enumerate(pods):
        cluster = (("cluster", pod.cluster),)
        servers.append(
            ServerKey(pod.name, "vllm", pod.release, "m", "g", "c", external_labels=cluster)
        )
        for moment in np.arange(pod.first * HOUR, pod.last * HOUR, 300.0):
            server.append(i)
            time.append(float(moment))
    windows = Windows(
        tuple(servers), np.array(server), np.array(time), np.full(len(time), 8.0), 300.0, {}
    )
    placed = with_nodes(InfoApi(pods), windows, SPAN, KEEP)
    return {
        f"{server.cluster}{server.target} {server.release}": server.node_name for server in placed
    }


def test_same_gpus_are_the_same_place() -> None:
    found = nodes(
        Pod("a-1", "old", 0, 24, "n1", ("u1", "u2")),
        Pod("b-1", "old", 0, 24, "n1", ("u3",)),
        Pod("a-2", "new", 24, 48, "n1", ("u2", "u1")),
        Pod("b-2", "new", 24, 48, "n1", ("u4",)),
    )
    assert found["a-1 old"] == found["a-2 new"] == "gpus u1 u2"
    assert found["b-1 old"] != found["b-2 new"]


def test_a_machine_with_one_server_at_a_time_is_a_place() -> None:
    found = nodes(
        Pod("a-1", "old", 0, 24, "n1"),
        Pod("a-2", "new", 24, 48, "n1", ("u1",)),
        Pod("b-1", "old", 0, 24, "n2", ("u2",)),
        Pod("b-2", "new", 24, 48, "n3", ("u3",)),
    )
    assert found["a-1 old"] == found["a-2 new"] == "node n1"
    assert (found["b-1 old"], found["b-2 new"]) == ("gpus u2", "gpus u3")


def test_on_a_shared_machine_the_name_says_which() -> None:
    found = nodes(
        Pod("s-0", "old", 0, 24, "n1"),
        Pod("s-1", "old", 0, 24, "n1"),
        Pod("s-0", "new", 24, 48, "n1"),
        Pod("s-1", "new", 24, 48, "n2"),
        Pod("d-1", "old", 0, 24, "n1"),
        Pod("d-2", "new", 24, 48, "n1"),
    )
    assert found["s-0 old"] == found["s-0 new"]
    # a StatefulSet's pod that moved is another place under the same name
    assert found["s-1 old"] != found["s-1 new"]
    assert found["d-1 old"] != found["d-2 new"]


def test_places_of_one_name_in_two_clusters_are_two() -> None:
    found = nodes(
        Pod("a", "old", 0, 24, "n1", cluster="eu"),
        Pod("a", "old", 0, 24, "n1", cluster="us"),
        Pod("b", "old", 0, 24, cluster="eu"),
        Pod("b", "old", 0, 24, cluster="us"),
    )
    assert len(set(found.values())) == 4


def test_without_knowledge_the_target_is_the_place() -> None:
    assert nodes(Pod("a", "old", 0, 24), Pod("a", "new", 24, 48)) == {"a old": "a", "a new": "a"}
