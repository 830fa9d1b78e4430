"""The Kubernetes pod a server runs in: its names, as other exporters of the cluster write them."""

from dataclasses import dataclass

from ..config import Target
from .container import Container
from .workload import Workload


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod and the server's container in it; what is not known is empty, or None."""

    namespace: str
    name: str
    node: str = ""
    container: str = ""
    workload: Workload | None = None

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class PodTarget(Target):
    """A server in a pod. `container` is what the pod specifies, None where that cannot be seen."""

    pod: Pod
    container: Container | None = None


def pod_of(target: Target) -> Pod | None:
    """Return the pod of a server: the discovered one, else the declared one."""
    if isinstance(target, PodTarget):
        return target.pod
    namespace, _, name = (target.declare.pod or "").partition("/")
    return Pod(namespace, name) if name else None


def workload_of(target: Target) -> Workload | None:
    """Return the workload of a server: the declared one, else its pod's."""
    if target.declare.workload:
        return Workload.declared(target.declare.workload)
    pod = pod_of(target)
    return pod.workload if pod else None


def pod_labels(target: Target) -> dict[str, str]:
    """Return where a server belongs as labels; what is not known is empty."""
    pod, workload = pod_of(target) or Pod("", ""), workload_of(target) or Workload("")
    return {
        "namespace": pod.namespace,
        "pod": pod.name,
        "node": pod.node,
        "container": pod.container,
        "workload": workload.name,
        "workload_type": workload.type,
    }
