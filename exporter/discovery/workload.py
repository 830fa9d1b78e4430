"""The workload a pod belongs to: what keeps its name while pods, hashes and revisions change.

Known from the pod alone, without the right to read any other object: custom resources mark their
pods with labels, built-in ones stand in the pod's controller reference, and a Deployment's name is
its ReplicaSet's without the template hash that is a label of the pod. Inside a pod there are labels
but no references (the downward API has none): then the pod's name is taken apart, where a label
says exactly what was added to it. Generated names are cut to 58 characters before the random ones
are added; of a name that may have been cut nothing is known.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload's plain name and its kind in lower case, empty where only the name is declared."""

    name: str
    type: str = ""

    @classmethod
    def declared(cls, text: str) -> "Workload":
        """Return the workload of a declaration: `name`, or `type/name` as kubectl writes it."""
        kind, _, name = text.rpartition("/")
        return cls(name, kind.lower())


@dataclass(frozen=True, slots=True)
class _CustomResource:
    """How a kind of resource marks its pods.

    `name` is the label of the resource's name, `part` that of the part a pod plays in it (a role, a
    component), each part a workload of its own but those in `whole`. `requires` are labels that
    tell this kind where the others are of common use.
    """

    type: str
    name: str
    part: str = ""
    whole: frozenset[str] = frozenset()
    requires: Labels = field(default_factory=dict)

    def workload(self, labels: Labels) -> Workload | None:
        """Return the workload of a pod with these labels, None where it is not of this kind."""
        name = labels.get(self.name)
        if not name or not self.requires.items() <= labels.items():
            return None
        # a part may have capitals, which what is created for it cannot have in its name
        part = labels.get(self.part, "").lower()
        return Workload(f"{name}-{part}" if part and part not in self.whole else name, self.type)


# The outermost resource first: what it creates has labels of its own on the same pods.
_CUSTOM_RESOURCES: Final = (
    _CustomResource(
        "llminferenceservice",
        "app.kubernetes.io/name",
        "llm-d.ai/role",
        whole=frozenset({"both"}),
        requires={"app.kubernetes.io/part-of": "llminferenceservice"},
    ),
    # Its Deployment's name holds the revision where Knative runs it.
    _CustomResource(
        "inferenceservice",
        "serving.kserve.io/inferenceservice",
        "component",
        whole=frozenset({"predictor"}),
    ),
    _CustomResource("inferenceservice", "ome.io/inferenceservice", "component"),
    _CustomResource(
        "dynamographdeployment",
        "nvidia.com/dynamo-graph-deployment-name",
        "nvidia.com/dynamo-component",
    ),
    _CustomResource("stormservice", "storm-service-name", "role-name"),
    _CustomResource("rayclusterfleet", "orchestration.aibrix.ai/raycluster-fleet-name"),
    _CustomResource("modelserving", "modelserving.volcano.sh/name", "modelserving.volcano.sh/role"),
    _CustomResource(
        "rolebasedgroup",
        "rolebasedgroup.workloads.x-k8s.io/name",
        "rolebasedgroup.workloads.x-k8s.io/role",
    ),
    # Its workspaces, a StatefulSet each, have random names.
    _CustomResource("inferenceset", "inferenceset.kaito.sh/created-by"),
    _CustomResource("model", "model", requires={"app.kubernetes.io/managed-by": "kubeai"}),
    # The name of its LeaderWorkerSet holds the revision.
    _CustomResource(
        "disaggregatedset", "disaggregatedset.x-k8s.io/name", "disaggregatedset.x-k8s.io/role"
    ),
    _CustomResource("leaderworkerset", "leaderworkerset.sigs.k8s.io/name"),
    _CustomResource(
        "jobset", "jobset.sigs.k8s.io/jobset-name", "jobset.sigs.k8s.io/replicatedjob-name"
    ),
    _CustomResource("job", "volcano.sh/job-name", "volcano.sh/task-spec"),
    _CustomResource("knativeservice", "serving.knative.dev/service"),
)

_TEMPLATE_HASHES: Final = (
    ("rollouts-pod-template-hash", "rollout"),
    ("pod-template-hash", "deployment"),
)
"""The label of a ReplicaSet's hash, and whose ReplicaSet it then is."""

_RANDOM: Final = "[bcdfghjklmnpqrstvwxz2456789]{5}"
"""What Kubernetes draws to make a name its own: no vowels, no digit that looks like a letter."""

_LONGEST_POD_NAME: Final = 63
_RAY_CLUSTER: Final = "ray.io/cluster"
_RAY_SERVE: Final = "ray.io/serve"
_RAY_GENERATED: Final = re.compile(rf"(?P<name>.+?)(?:-raycluster)?-{_RANDOM}")


def owned_workload(
    pod: str, labels: Labels, owners: Sequence[Mapping[str, Any]]
) -> Workload | None:
    """Return the workload of a pod by its labels and owner references.

    A pod nobody owns is its own workload; None where several own it and none controls it.
    """
    controllers = [owner for owner in owners if owner.get("controller")] or owners
    if workload := _custom_resource(labels):
        return workload
    if not controllers:
        return Workload(pod, "pod")
    return _owner_workload(pod, labels, controllers[0]) if len(controllers) == 1 else None


def labelled_workload(pod: str, labels: Labels) -> Workload | None:
    """Return the workload of a pod whose owner references are not to be had, None where unknown."""
    return _custom_resource(labels) or next(_names_in_pod_name(pod, labels), None)


def _custom_resource(labels: Labels) -> Workload | None:
    for resource in _CUSTOM_RESOURCES:
        if workload := resource.workload(labels):
            return workload
    return _pod_clique(labels) or _ray(labels)


def _pod_clique(labels: Labels) -> Workload | None:
    """Return a Grove clique over all replicas of its set, whose indices its own name holds."""
    clique, name = labels.get("grove.io/podclique"), labels.get("app.kubernetes.io/part-of")
    if not clique or not name:
        return None
    group = labels.get("grove.io/podcliquescalinggroup")
    if group:
        replica = f"{group}-{labels.get('grove.io/podcliquescalinggroup-replica-index')}"
    else:
        replica = f"{name}-{labels.get('grove.io/podcliqueset-replica-index')}"
    role = clique.removeprefix(f"{replica}-")
    return Workload(f"{name}-{role}" if role != clique else name, "podcliqueset")


def _ray(labels: Labels) -> Workload | None:
    """Return the RayService or RayCluster of a pod.

    A RayService makes a new RayCluster for each change of its configuration. The cluster has its
    name in a label and the pods have not; but `ray.io/serve` is on the pods of a RayService alone,
    and what it adds to its own name for a cluster is known.
    """
    creator, kind = (labels.get(f"ray.io/originated-from-{key}") for key in ("cr-name", "crd"))
    if creator and kind:
        return Workload(creator, kind.lower())
    cluster = labels.get(_RAY_CLUSTER)
    if not cluster:
        return None
    generated = _RAY_GENERATED.fullmatch(cluster) if _RAY_SERVE in labels else None
    return (
        Workload(generated["name"], "rayservice") if generated else Workload(cluster, "raycluster")
    )


def _owner_workload(pod: str, labels: Labels, owner: Mapping[str, Any]) -> Workload:
    kind, name = str(owner.get("kind")), str(owner.get("name"))
    if kind == "Node":
        return Workload(pod.removesuffix(f"-{name}"), "pod")
    if kind == "ReplicaSet":
        for label, creator in _TEMPLATE_HASHES:
            ending = f"-{labels.get(label)}"
            if name.endswith(ending):
                return Workload(name.removesuffix(ending), creator)
    if kind == "ReplicationController" and "deploymentconfig" in labels:
        return Workload(labels["deploymentconfig"], "deploymentconfig")
    return Workload(name, kind.lower())


def _names_in_pod_name(pod: str, labels: Labels) -> Iterator[Workload]:
    """Yield the workload that a pod's name holds, where a label says what follows it."""
    for label, creator in _TEMPLATE_HASHES:
        ending = rf"-{re.escape(labels.get(label, ''))}-{_RANDOM}"
        if labels.get(label) and (match := re.fullmatch(rf"(.+){ending}", pod)):
            yield Workload(match[1], creator)
    instance = f"-{labels.get('apps.kruise.io/cloneset-instance-id')}"
    if pod.endswith(instance):
        yield Workload(pod.removesuffix(instance), "cloneset")
    base, _, ending = pod.rpartition("-")
    if labels.get("statefulset.kubernetes.io/pod-name") == pod and base and ending.isdecimal():
        yield Workload(base, "statefulset")
    job = labels.get("batch.kubernetes.io/job-name") or labels.get("job-name")
    if job:
        yield Workload(job, "job")
    if "pod-template-generation" in labels and len(pod) < _LONGEST_POD_NAME and base:
        yield Workload(base, "daemonset")
