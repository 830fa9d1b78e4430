"""Each replica has a name of its own, the same from inside its pod and from outside it."""

from pathlib import Path

import pytest

from exporter.config import KubernetesSdSettings
from exporter.discovery.local import with_names
from exporter.discovery.pod import pod_labels
from exporter.discovery.pods import pod_targets

from .pods import inside, replicas

SECTION = KubernetesSdSettings(selector="app=llama")
WORKLOADS = {
    "sidecar": ("llama", "deployment"),
    "statefulset": ("llama", "statefulset"),
    "multi-node": ("llama-405b", "leaderworkerset"),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_replicas_have_names_of_their_own_the_same_from_inside_and_outside(
    name: str, tmp_path: Path
) -> None:
    labels = set()
    for index, pod in enumerate(replicas(name)):
        host, config = inside(pod, name, tmp_path / str(index))
        (sidecar,) = with_names(config.targets, host)
        (central,) = pod_targets(pod, SECTION)
        assert sidecar.label == central.label == f"inference/{pod['metadata']['name']}"
        assert sidecar.is_local
        assert sidecar.declare.pod == central.declare.pod
        # the server's container is known to the API alone
        assert pod_labels(sidecar) == {**pod_labels(central), "container": ""}
        labels.add(sidecar.label)
    assert len(labels) == 2


@pytest.mark.parametrize("name", WORKLOADS)
def test_workload_is_the_same_after_a_roll_from_inside_and_outside(
    name: str, tmp_path: Path
) -> None:
    workloads = set()
    for revision in ("7d9c5b8f4", "5f6d7c8b9"):
        for index, pod in enumerate(replicas(name, revision)):
            host, config = inside(pod, name, tmp_path / revision / str(index))
            targets = [*with_names(config.targets, host), *pod_targets(pod, SECTION)]
            for where in map(pod_labels, targets):
                workloads.add((where["namespace"], where["workload"], where["workload_type"]))
    assert workloads == {("inference", *WORKLOADS[name])}
