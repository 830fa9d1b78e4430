"""Which GPUs a server uses, and which source ties them to it.

Sources are asked in the order of what can mislead them. The pod a GPU is given to (device plugins
report it to DCGM) holds for the pod's whole life. A process with a context on the GPU belongs to
an engine's worker, so the process tree is followed from the process that holds the server's port;
a GPU has one only once the engine has loaded. Declared UUIDs go stale when a card is replaced.
Never by index: a container counts its GPUs from 0, whichever they are.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from ..procfs.port_holder import PortHolder
from .processes import ProcessOrigin
from .reading import GpuReading

Via = Literal["pod", "process", "declared"]


@dataclass(frozen=True, slots=True)
class RayPage:
    """What a metrics page says of the Ray workers behind it: engines, and the workers' ids."""

    engines: int
    workers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GpuUser:
    """A server, by all that may tie GPUs to it.

    `pod` is namespace and name; `process` holds the server's port, where that is on this machine;
    `ray` is what its page says of Ray workers, None where it comes from no Ray; `uuids` are
    declared.
    """

    target: str
    pod: tuple[str, str] | None = None
    process: PortHolder | None = None
    ray: RayPage | None = None
    uuids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """The GPUs of a server, what ties them to it, and why their energy may not be its alone.

    `gpus` are UUID and model of each; `shared` is half a sentence, empty where nobody else is
    known to use them.
    """

    gpus: tuple[tuple[str, str], ...]
    via: Via
    shared: str = ""

    @property
    def uuids(self) -> tuple[str, ...]:
        """The GPUs' UUIDs."""
        return tuple(uuid for uuid, _ in self.gpus)

    @property
    def model(self) -> str | None:
        """The model of all of them, None where they differ or none is known."""
        models = {model for _, model in self.gpus} - {""}
        return models.pop() if len(models) == 1 else None


@dataclass(frozen=True, slots=True)
class NoLink:
    """That no GPU is tied to a server, and why, half a sentence; empty where nothing was sought."""

    reason: str = ""


class GpuInventory:
    """Every GPU known at one moment, by UUID, indexed by the pods and processes that use it.

    `origins` are those of the processes that can be seen from here.
    """

    def __init__(
        self,
        gpus: Mapping[str, GpuReading] | None = None,
        origins: Mapping[int, ProcessOrigin] | None = None,
    ) -> None:
        self.gpus: Mapping[str, GpuReading] = gpus or {}
        self._origins = origins or {}
        self._by_pod: dict[tuple[str, str], list[GpuReading]] = {}
        self._occupied = [gpu for gpu in self.gpus.values() if gpu.pids]
        for gpu in self.gpus.values():
            for pod in {(pod.namespace, pod.name) for pod in gpu.pods}:
                self._by_pod.setdefault(pod, []).append(gpu)

    def link(self, user: GpuUser, other_roots: Collection[int] = ()) -> Link | NoLink:
        """Return the GPUs of a server, or why no source ties any to it.

        `other_roots` are the processes that hold the ports of other servers.
        """
        if user.pod in self._by_pod:
            return _link(self._by_pod[user.pod], "pod")
        by_process = self._by_process(user, frozenset(other_roots))
        if isinstance(by_process, Link):
            return by_process
        declared = [self.gpus[uuid] for uuid in user.uuids if uuid in self.gpus]
        return _link(declared, "declared") if declared else by_process

    def _by_process(self, user: GpuUser, other_roots: frozenset[int]) -> Link | NoLink:
        """Return the GPUs whose processes descend from the server's."""
        holder = user.process
        if holder is None or not self._occupied:
            return NoLink()
        if not self._origins:
            return NoLink(
                "the processes that the driver names on the GPUs do not exist in the exporter's "
                "PID namespace: let it share the host's (hostPID, --pid=host)"
            )
        if holder.problem:
            return NoLink(holder.problem)
        nearer = False
        for root in holder.roots:
            below = [pid for pid, origin in self._origins.items() if root in origin.lineage]
            own = [pid for pid in below if not _passes(self._origins[pid], root, other_roots)]
            nearer = nearer or len(own) < len(below)
            if own:
                return self._link_of(frozenset(own))
        name = f"{holder.name} (process {holder.roots[0]}), which holds port {holder.port}"
        if user.ray:
            return self._by_ray(user.ray, name)
        if nearer:
            return NoLink(f"the processes on GPUs below {name}, are those of other servers")
        return NoLink(f"no process on a GPU descends from {name}: it may stand before the engine")

    def _by_ray(self, page: RayPage, name: str) -> Link | NoLink:
        """Return the GPUs of the Ray workers behind a page.

        Ray's workers descend from the node's own daemon, whoever started them. A worker that the
        page names is of an engine on it. Others may be too, since an engine's workers for tensor
        parallelism are named nowhere: they are taken only where nothing else can have started them.
        """
        workers = {pid: origin for pid, origin in self._origins.items() if origin.ray}
        named = frozenset(
            pid for pid, origin in workers.items() if origin.ray_worker in page.workers
        )
        if not workers:
            return NoLink(f"no Ray worker on this node is on a GPU; the page is of {name}")
        if len(named) == len(workers) or (page.engines == 1 and len(workers) == len(self._origins)):
            return self._link_of(frozenset(workers))
        return NoLink(
            f"this page has {page.engines} engines and not all Ray workers on GPUs are named on "
            "it, so whose GPU is whose is unknown: declare gpu_uuids"
        )

    def _link_of(self, own: frozenset[int]) -> Link:
        """Return the GPUs of some processes, shared where others are on them too."""
        gpus = [gpu for gpu in self._occupied if own & set(gpu.pids)]
        # a MIG instance lists its processes itself, and the whole GPU lists them once more
        gpus = [gpu for gpu in gpus if gpu.mig_profile] or gpus
        foreign = [gpu.uuid for gpu in gpus if set(gpu.pids) - own]
        shared = f"processes of others use {foreign[0]} too" if foreign else ""
        return _link(gpus, "process", shared)


def _passes(origin: ProcessOrigin, root: int, other_roots: frozenset[int]) -> bool:
    """Whether another server's process stands between a process and this server's."""
    return not other_roots.isdisjoint(origin.lineage[: origin.lineage.index(root)])


def _link(gpus: list[GpuReading], via: Via, shared: str = "") -> Link:
    return Link(tuple((gpu.uuid, gpu.model) for gpu in gpus), via, shared or _sharing(gpus))


def _sharing(gpus: list[GpuReading]) -> str:
    """Return why a GPU of these is not one workload's alone as its own source reports it."""
    for gpu in gpus:
        if gpu.mig_profile:
            return f"{gpu.uuid} is a part of a GPU, whose energy is known only as a whole"
        if len(pods := {f"{pod.namespace}/{pod.name}" for pod in gpu.pods}) > 1:
            return f"{gpu.uuid} is given to several workloads: {', '.join(sorted(pods))}"
        if gpu.shared:
            return f"{gpu.uuid} is divided or given to several workloads"
    return ""
