"""Which GPUs a server uses, and which source ties them to it.

Sources are asked in the order of what can mislead them. The pod a GPU is given to (device plugins
report it to DCGM) holds for the pod's whole life. A process with a context on the GPU belongs to
an engine's worker, so the process tree and the container are followed from the server's own
process; a GPU has one only once the engine has loaded. Declared UUIDs go stale when a card is
replaced. Never by index: a container counts its GPUs from 0, whichever they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .. import procfs
from .reading import GpuReading

Via = Literal["pod", "process", "declared"]


@dataclass(frozen=True, slots=True)
class GpuUser:
    """A server, by all that may tie GPUs to it.

    `pod` is namespace and name; `pid` is the process that answers on its port, where that is on
    this machine; `uuids` are declared.
    """

    target: str
    pod: tuple[str, str] | None = None
    pid: int | None = None
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
class ProcessOrigin:
    """Where a process on a GPU comes from: itself with its ancestors, and its container."""

    lineage: tuple[int, ...]
    container: str


def process_origin(pid: int) -> ProcessOrigin:
    """Read from /proc where a process comes from."""
    return ProcessOrigin(procfs.lineage(pid), procfs.container(pid))


class GpuInventory:
    """Every GPU known at one moment, by UUID, indexed by the pods and processes that use it."""

    def __init__(
        self,
        gpus: Mapping[str, GpuReading] | None = None,
        origin_of: Callable[[int], ProcessOrigin] = process_origin,
    ) -> None:
        self.gpus: Mapping[str, GpuReading] = gpus or {}
        self._origin_of = origin_of
        self._by_pod: dict[tuple[str, str], list[GpuReading]] = {}
        self._occupied = [gpu for gpu in self.gpus.values() if gpu.pids]
        self._origins = {pid: origin_of(pid) for gpu in self._occupied for pid in gpu.pids}
        for gpu in self.gpus.values():
            for pod in {(pod.namespace, pod.name) for pod in gpu.pods}:
                self._by_pod.setdefault(pod, []).append(gpu)

    def link(self, user: GpuUser) -> Link | None:
        """Return the GPUs of a server, None where no source ties any to it."""
        if user.pod in self._by_pod:
            return _link(self._by_pod[user.pod], "pod")
        if user.pid is not None and self._occupied:
            link = self._by_process(user.pid)
            if link:
                return link
        declared = [self.gpus[uuid] for uuid in user.uuids if uuid in self.gpus]
        return _link(declared, "declared") if declared else None

    def _by_process(self, pid: int) -> Link | None:
        """Return the GPUs whose processes descend from the server's, else share its container.

        Descent goes first: several servers may run in one container, but none below another.
        """
        container = self._origin_of(pid).container
        descendants = {
            process for process, origin in self._origins.items() if pid in origin.lineage
        }
        own = descendants or {
            process
            for process, origin in self._origins.items()
            if container and origin.container == container
        }
        gpus = [gpu for gpu in self._occupied if own & set(gpu.pids)]
        # a MIG instance lists its processes itself, and the whole GPU lists them once more
        gpus = [gpu for gpu in gpus if gpu.mig_profile] or gpus
        if not gpus:
            return None
        foreign = [gpu.uuid for gpu in gpus if set(gpu.pids) - own]
        shared = f"processes of others use {foreign[0]} too" if foreign else ""
        return _link(gpus, "process", shared)


def _link(gpus: list[GpuReading], via: Via, shared: str = "") -> Link:
    return Link(tuple((gpu.uuid, gpu.model) for gpu in gpus), via, shared or _sharing(gpus))


def _sharing(gpus: list[GpuReading]) -> str:
    """Return why a GPU of these is not one workload's alone as its own source reports it."""
    for gpu in gpus:
        if gpu.mig_profile:
            return f"{gpu.uuid} is a part of a GPU, whose energy is known only as a whole"
        if gpu.shared:
            return f"{gpu.uuid} is divided or given to several workloads"
    return ""
