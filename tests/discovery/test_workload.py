"""A pod's workload: one name over every roll, from inside the pod as from outside it."""

from typing import Any

import pytest

from exporter.discovery.workload import Workload, labelled_workload, owned_workload
from tests.discovery.pod_shapes import (
    KSERVE,
    RANDOM,
    PodShape,
    clique,
    disaggregated,
    dynamo,
    fleet,
    group,
    job_set,
    labelled,
    llm,
    owned,
    ray,
    replica_set,
    stateful,
    storm,
)

# before and after a roll of the workload; what keeps its name throughout
ROLLS: dict[str, tuple[PodShape, PodShape, Workload]] = {
    "Deployment": (
        replica_set("llama", "7d9c5b8f4"),
        replica_set("llama", "5f6d7c8b9"),
        Workload("llama", "deployment"),
    ),
    "Deployment called like one of another": (
        replica_set("llama-7d9c5b8f4", "5f6d7c8b9"),
        replica_set("llama-7d9c5b8f4", "66b7c88d95"),
        Workload("llama-7d9c5b8f4", "deployment"),
    ),
    "StatefulSet": (
        stateful("llama-2", 11, "68c6d5f"),
        stateful("llama-2", 11, "7b5f9d8"),
        Workload("llama-2", "statefulset"),
    ),
    "Argo Rollout": (
        replica_set("llama", "7d9c5b8f4", "rollouts-pod-template-hash"),
        replica_set("llama", "5f6d7c8b9", "rollouts-pod-template-hash"),
        Workload("llama", "rollout"),
    ),
    "LeaderWorkerSet, leader": (
        group("llama-0", "llama", "0", "a1"),
        group("llama-0", "llama", "0", "b2"),
        Workload("llama", "leaderworkerset"),
    ),
    "LeaderWorkerSet, worker": (
        group("llama-0-1", "llama-0", "1", "a1"),
        group("llama-0-1", "llama-0", "1", "b2"),
        Workload("llama", "leaderworkerset"),
    ),
    "DisaggregatedSet": (
        disaggregated("6f5c"),
        disaggregated("9a8b"),
        Workload("llama-prefill", "disaggregatedset"),
    ),
    "KServe, raw": (
        labelled(replica_set("llama-predictor", "7d9c5b8f4"), KSERVE),
        labelled(replica_set("llama-predictor", "5f6d7c8b9"), KSERVE),
        Workload("llama", "inferenceservice"),
    ),
    "KServe, Knative": (
        labelled(
            replica_set("llama-predictor-00007-deployment", "7d9c5b8f4"),
            {**KSERVE, "serving.knative.dev/service": "llama-predictor"},
        ),
        labelled(
            replica_set("llama-predictor-00008-deployment", "5f6d7c8b9"),
            {**KSERVE, "serving.knative.dev/service": "llama-predictor"},
        ),
        Workload("llama", "inferenceservice"),
    ),
    "Knative alone": (
        labelled(
            replica_set("llama-00007-deployment", "7d9c5b8f4"),
            {"serving.knative.dev/service": "llama"},
        ),
        labelled(
            replica_set("llama-00008-deployment", "5f6d7c8b9"),
            {"serving.knative.dev/service": "llama"},
        ),
        Workload("llama", "knativeservice"),
    ),
    "LLMInferenceService": (
        llm("llama-kserve", "both", "7d9c5b8f4"),
        llm("llama-kserve", "both", "5f6d7c8b9"),
        Workload("llama", "llminferenceservice"),
    ),
    "LLMInferenceService, prefill": (
        llm("llama-kserve-prefill", "prefill", "7d9c5b8f4"),
        llm("llama-kserve-prefill", "prefill", "5f6d7c8b9"),
        Workload("llama-prefill", "llminferenceservice"),
    ),
    "llm-d": (
        labelled(replica_set("ms-llama-decode", "7d9c5b8f4"), {"llm-d.ai/role": "decode"}),
        labelled(replica_set("ms-llama-decode", "5f6d7c8b9"), {"llm-d.ai/role": "decode"}),
        Workload("ms-llama-decode", "deployment"),
    ),
    "RayService": (
        ray("llama-x7k2p", serve="true"),
        ray("llama-b4c5d", serve="true"),
        Workload("llama", "rayservice"),
    ),
    "RayService of an older KubeRay": (
        ray("llama-raycluster-x7k2p", serve="false"),
        ray("llama-raycluster-b4c5d", serve="false"),
        Workload("llama", "rayservice"),
    ),
    "RayService by its label": (
        ray("a-x7k2p", originated_from_cr_name="llama", originated_from_crd="RayService"),
        ray("b-b4c5d", originated_from_cr_name="llama", originated_from_crd="RayService"),
        Workload("llama", "rayservice"),
    ),
    "RayCluster": (
        ray("llama-b4c5d"),
        ray("llama-b4c5d"),
        Workload("llama-b4c5d", "raycluster"),
    ),
    "Dynamo": (
        dynamo("a1b2c3d4"),
        dynamo("e5f6a7b8"),
        Workload("llama-vllmdecodeworker", "dynamographdeployment"),
    ),
    "Grove": (clique("0"), clique("1"), Workload("llama-decode", "podcliqueset")),
    "Grove, scaling group": (
        clique("0", "3"),
        clique("1", "4"),
        Workload("llama-decode", "podcliqueset"),
    ),
    "AIBrix StormService": (
        storm("llama-roleset-aaaaa"),
        storm("llama-roleset-bbbbb"),
        Workload("llama-prefill", "stormservice"),
    ),
    "AIBrix RayClusterFleet": (
        fleet("7d9c5b8f4"),
        fleet("5f6d7c8b9"),
        Workload("llama", "rayclusterfleet"),
    ),
    "JobSet": (job_set("0"), job_set("1"), Workload("llama-decode", "jobset")),
    # set-ups seen in public beside those
    "OpenKruise CloneSet": (
        # it writes the label of Deployments, and no ReplicaSet stands behind it
        PodShape(
            "llama-x7k2p",
            ("CloneSet", "llama"),
            {"apps.kruise.io/cloneset-instance-id": "x7k2p", "pod-template-hash": "7d9c5b8f4"},
        ),
        PodShape(
            "llama-b4c5d",
            ("CloneSet", "llama"),
            {"apps.kruise.io/cloneset-instance-id": "b4c5d", "pod-template-hash": "5f6d7c8b9"},
        ),
        Workload("llama", "cloneset"),
    ),
    "KubeAI Model": (
        PodShape(
            "model-llama-6f7f8c9d5b-x7k2p",
            ("Model", "llama"),
            {"model": "llama", "app.kubernetes.io/managed-by": "kubeai", "pod-hash": "6f7f8c9d5b"},
        ),
        PodShape(
            "model-llama-7b8c9d6f4c-b4c5d",
            ("Model", "llama"),
            {"model": "llama", "app.kubernetes.io/managed-by": "kubeai", "pod-hash": "7b8c9d6f4c"},
        ),
        Workload("llama", "model"),
    ),
    "Volcano Job": (
        PodShape(
            "llama-decode-0",
            ("Job", "llama"),
            {"volcano.sh/job-name": "llama", "volcano.sh/task-spec": "decode"},
        ),
        PodShape(
            "llama-decode-1",
            ("Job", "llama"),
            {"volcano.sh/job-name": "llama", "volcano.sh/task-spec": "decode"},
        ),
        Workload("llama-decode", "job"),
    ),
    "kthena ModelServing": (
        PodShape(
            "llama-0-decode-0-0",
            ("ModelServing", "llama"),
            {"modelserving.volcano.sh/name": "llama", "modelserving.volcano.sh/role": "decode"},
        ),
        PodShape(
            "llama-1-decode-0-0",
            ("ModelServing", "llama"),
            {"modelserving.volcano.sh/name": "llama", "modelserving.volcano.sh/role": "decode"},
        ),
        Workload("llama-decode", "modelserving"),
    ),
    "RoleBasedGroup": (
        PodShape(
            "llama-decode-0",
            ("StatefulSet", "llama-decode"),
            {
                "rolebasedgroup.workloads.x-k8s.io/name": "llama",
                "rolebasedgroup.workloads.x-k8s.io/role": "decode",
            },
        ),
        PodShape(
            "llama-decode-x7k2p-0",
            ("InstanceSet", "llama-decode-x7k2p"),
            {
                "rolebasedgroup.workloads.x-k8s.io/name": "llama",
                "rolebasedgroup.workloads.x-k8s.io/role": "decode",
            },
        ),
        Workload("llama-decode", "rolebasedgroup"),
    ),
    "KAITO InferenceSet": (
        labelled(stateful("llama-x7k2p", 0, "a"), {"inferenceset.kaito.sh/created-by": "llama"}),
        labelled(stateful("llama-b4c5d", 0, "b"), {"inferenceset.kaito.sh/created-by": "llama"}),
        Workload("llama", "inferenceset"),
    ),
    "OME InferenceService": (
        labelled(
            replica_set("llama-engine", "7d9c5b8f4"),
            {"ome.io/inferenceservice": "llama", "component": "engine"},
        ),
        labelled(
            stateful("llama-engine", 0, "b"),
            {"ome.io/inferenceservice": "llama", "component": "engine"},
        ),
        Workload("llama-engine", "inferenceservice"),
    ),
    "Seldon": (
        labelled(
            replica_set("llama-default-0-vllm", "7d9c5b8f4"), {"seldon-deployment-id": "llama"}
        ),
        labelled(
            replica_set("llama-default-0-vllm", "5f6d7c8b9"), {"seldon-deployment-id": "llama"}
        ),
        Workload("llama-default-0-vllm", "deployment"),
    ),
    "DaemonSet": (
        PodShape("llama-x7k2p", ("DaemonSet", "llama"), {"pod-template-generation": "1"}),
        PodShape("llama-b4c5d", ("DaemonSet", "llama"), {"pod-template-generation": "2"}),
        Workload("llama", "daemonset"),
    ),
    "Job": (
        PodShape("llama-x7k2p", ("Job", "llama"), {"batch.kubernetes.io/job-name": "llama"}),
        PodShape("llama-b4c5d", ("Job", "llama"), {"job-name": "llama"}),
        Workload("llama", "job"),
    ),
}


@pytest.mark.parametrize("kind", ROLLS)
def test_workload_keeps_its_name_over_a_roll(kind: str) -> None:
    before, after, expected = ROLLS[kind]
    assert owned(before) == owned(after) == expected


@pytest.mark.parametrize("kind", ROLLS)
def test_workload_is_the_same_from_inside_the_pod(kind: str) -> None:
    before, after, expected = ROLLS[kind]
    for shape in (before, after):
        assert labelled_workload(shape.name, shape.labels) == expected


@pytest.mark.parametrize("length", range(40, 64))
def test_name_that_was_cut_is_known_by_its_owner_and_never_guessed(length: int) -> None:
    deployment = "d" * length
    shape = replica_set(deployment, "7d9c5b8f4")
    expected = Workload(deployment, "deployment")
    assert owned(shape) == expected
    assert labelled_workload(shape.name, shape.labels) in (expected, None)
    assert (labelled_workload(shape.name, shape.labels) is None) == (length > 47)


@pytest.mark.parametrize("length", [57, 58, 60])
def test_cut_name_of_a_daemonset_is_unknown_from_inside(length: int) -> None:
    name = ("d" * length + "-")[:58] + RANDOM
    known = labelled_workload(name, {"pod-template-generation": "1"})
    assert known in (None, Workload("d" * length, "daemonset"))


@pytest.mark.parametrize(
    ("pod", "labels", "owners", "expected"),
    [
        ("llama", {}, [], Workload("llama", "pod")),
        ("llama-gpu-7", {}, [("Node", "gpu-7", True)], Workload("llama", "pod")),
        ("r-x", {}, [("ReplicaSet", "r", True)], Workload("r", "replicaset")),
        (
            "r-x",
            {"pod-template-hash": "7d9c5b8f4"},
            [("ReplicaSet", "r", True)],
            Workload("r", "replicaset"),
        ),
        ("x", {}, [("ServingGang", "llama", True)], Workload("llama", "servinggang")),
        ("x", {}, [("ServingGang", "llama", None)], Workload("llama", "servinggang")),
        ("x", {}, [("A", "a", None), ("B", "b", True)], Workload("b", "b")),
        ("x", {}, [("A", "a", None), ("B", "b", None)], None),
        (
            "llama-3-abcde",
            {"deploymentconfig": "llama"},
            [("ReplicationController", "llama-3", True)],
            Workload("llama", "deploymentconfig"),
        ),
        # not KubeAI's: the label `model` is of common use
        (
            "llama-0",
            {"model": "meta"},
            [("StatefulSet", "llama", True)],
            Workload("llama", "statefulset"),
        ),
    ],
)
def test_owner_of_any_kind_is_the_workload(
    pod: str, labels: dict[str, str], owners: list[Any], expected: Workload | None
) -> None:
    references = [
        {"kind": kind, "name": name, "controller": controller} for kind, name, controller in owners
    ]
    assert owned_workload(pod, labels, references) == expected


def test_pod_with_no_telling_label_is_unknown_from_inside() -> None:
    assert labelled_workload("llama", {}) is None
    assert labelled_workload("llama-0", {"app": "llama"}) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("llama", Workload("llama")),
        ("StatefulSet/llama", Workload("llama", "statefulset")),
        ("deployment/llama", Workload("llama", "deployment")),
    ],
)
def test_declared_workload(text: str, expected: Workload) -> None:
    assert Workload.declared(text) == expected
