"""Pods as controllers make them: names, labels, owners."""

from typing import NamedTuple

from exporter.discovery.workload import Workload, owned_workload

RANDOM = "x7k2p"
LWS = "leaderworkerset.sigs.k8s.io/"
KSERVE = {"serving.kserve.io/inferenceservice": "llama", "component": "predictor"}


class PodShape(NamedTuple):
    """A pod as its controller makes it: its name, its owner's kind and name, its labels."""

    name: str
    owner: tuple[str, str] | None
    labels: dict[str, str]


def replica_set(deployment: str, hash_: str, label: str = "pod-template-hash") -> PodShape:
    """Return a pod of a ReplicaSet, its name cut as Kubernetes cuts generated names."""
    owner = f"{deployment}-{hash_}"
    return PodShape(f"{owner}-"[:58] + RANDOM, ("ReplicaSet", owner), {label: hash_})


def stateful(name: str, index: int, revision: str) -> PodShape:
    """Return a pod of a StatefulSet."""
    labels = {
        "statefulset.kubernetes.io/pod-name": f"{name}-{index}",
        "apps.kubernetes.io/pod-index": str(index),
        "controller-revision-hash": f"{name}-{revision}",
    }
    return PodShape(f"{name}-{index}", ("StatefulSet", name), labels)


def labelled(shape: PodShape, labels: dict[str, str]) -> PodShape:
    """Return a pod with more labels."""
    return shape._replace(labels={**shape.labels, **labels})


def owned(shape: PodShape) -> Workload | None:
    references = (
        [{"kind": shape.owner[0], "name": shape.owner[1], "controller": True}]
        if shape.owner
        else []
    )
    return owned_workload(shape.name, shape.labels, references)


def group(pod: str, owner: str, worker: str, revision: str) -> PodShape:
    """Return a pod of a LeaderWorkerSet `llama`."""
    labels = {
        f"{LWS}name": "llama",
        f"{LWS}group-index": "0",
        f"{LWS}worker-index": worker,
        f"{LWS}template-revision-hash": revision,
    }
    return PodShape(pod, ("StatefulSet", owner), labels)


def disaggregated(revision: str) -> PodShape:
    lws = f"llama-0-{revision}-prefill"
    labels = {
        f"{LWS}name": lws,
        "disaggregatedset.x-k8s.io/name": "llama",
        "disaggregatedset.x-k8s.io/role": "prefill",
        "disaggregatedset.x-k8s.io/revision": revision,
    }
    return PodShape(f"{lws}-0", ("StatefulSet", lws), labels)


def llm(deployment: str, role: str, hash_: str) -> PodShape:
    labels = {
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/name": "llama",
        "kserve.io/component": "workload",
        "llm-d.ai/role": role,
    }
    return labelled(replica_set(deployment, hash_), labels)


def ray(cluster: str, **labels: str) -> PodShape:
    labels = {f"ray.io/{key.replace('_', '-')}": value for key, value in labels.items()}
    name = f"{cluster}-gpu-worker-{RANDOM}"
    return PodShape(name, ("RayCluster", cluster), {"ray.io/cluster": cluster, **labels})


def dynamo(hash_: str) -> PodShape:
    labels = {
        "nvidia.com/dynamo-graph-deployment-name": "llama",
        "nvidia.com/dynamo-component": "VllmDecodeWorker",
        "nvidia.com/dynamo-worker-hash": hash_,
    }
    return labelled(replica_set(f"llama-vllmdecodeworker-{hash_}", "6d4b75cb6d"), labels)


def clique(set_replica: str, group_replica: str = "") -> PodShape:
    labels = {
        "app.kubernetes.io/part-of": "llama",
        "app.kubernetes.io/managed-by": "grove-operator",
        "grove.io/podcliqueset-replica-index": set_replica,
    }
    owner = f"llama-{set_replica}"
    if group_replica:
        labels["grove.io/podcliquescalinggroup"] = f"{owner}-workers"
        labels["grove.io/podcliquescalinggroup-replica-index"] = group_replica
        owner = f"{owner}-workers-{group_replica}"
    name = labels["grove.io/podclique"] = f"{owner}-decode"
    return PodShape(f"{name}-{RANDOM}", ("PodClique", name), labels)


def storm(role_set: str) -> PodShape:
    labels = {
        "storm-service-name": "llama",
        "roleset-name": role_set,
        "role-name": "prefill",
        "role-template-hash": role_set[-5:],
    }
    return PodShape(f"{role_set}-prefill-{RANDOM}", ("RoleSet", role_set), labels)


def fleet(hash_: str) -> PodShape:
    labels = {
        "ray.io/cluster": f"llama-{hash_}-{RANDOM}",
        "orchestration.aibrix.ai/raycluster-fleet-name": "llama",
    }
    return PodShape(f"llama-{hash_}-head", ("RayCluster", f"llama-{hash_}-{RANDOM}"), labels)


def job_set(attempt: str) -> PodShape:
    labels = {
        "jobset.sigs.k8s.io/jobset-name": "llama",
        "jobset.sigs.k8s.io/replicatedjob-name": "decode",
        "jobset.sigs.k8s.io/restart-attempt": attempt,
        "batch.kubernetes.io/job-name": "llama-decode-0",
        "batch.kubernetes.io/job-completion-index": "0",
    }
    return PodShape(f"llama-decode-0-0-{attempt}zzz", ("Job", "llama-decode-0"), labels)
