"""Which GPUs a server uses, and who says so.

Asked in this order: the pod a GPU is given to (device plugins tell DCGM), the processes with a
context on it (the context belongs to an engine's worker, so the process tree and the container
are followed), and the UUIDs the operator declared. Never by index: a container counts its GPUs
from 0, whichever they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .. import procfs
from .reading import GpuReading

Via = Literal["pod", "process", "declared"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What is known of a server that may tie GPUs to it.

    `pod` is namespace and name; `pid` is the process that answers on its port, where that is on
    this machine; `uuids` are declared.
    """

    target: str
    pod: tuple[str, str] | None = None
    pid: int | None = None
    uuids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """The GPUs of a server, by whose word, and why what they draw may not be the server's alone.

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
        """The model of all of them, None where they differ or none is told."""
        models = {model for _, model in self.gpus} - {""}
        return models.pop() if len(models) == 1 else None


@dataclass(frozen=True, slots=True)
class Owner:
    """A process on a GPU: itself with its ancestors, and its container."""

    lineage: tuple[int, ...]
    container: str


def owner(pid: int) -> Owner:
    """Read from /proc who a process is."""
    return Owner(procfs.lineage(pid), procfs.container(pid))


class View:
    """Every GPU known at one moment, by UUID, made ready to be asked whose it is.

    `owners` are the processes on GPUs of this machine.
    """

    def __init__(
        self,
        gpus: Mapping[str, GpuReading] | None = None,
        owner_of: Callable[[int], Owner] = owner,
    ) -> None:
        self.gpus: Mapping[str, GpuReading] = gpus or {}
        self._owner_of = owner_of
        self._by_pod: dict[tuple[str, str], list[GpuReading]] = {}
        self._occupied = [gpu for gpu in self.gpus.values() if gpu.pids]
        self._owners = {pid: owner_of(pid) for gpu in self._occupied for pid in gpu.pids}
        for gpu in self.gpus.values():
            for pod in {(pod.namespace, pod.name) for pod in gpu.pods}:
                self._by_pod.setdefault(pod, []).append(gpu)

    def link(self, claim: Claim) -> Link | None:
        """Return the GPUs of a server, None where no source ties any to it."""
        if claim.pod in self._by_pod:
            return _link(self._by_pod[claim.pod], "pod")
        if claim.pid is not None and self._occupied:
            found = self._by_process(claim.pid)
            if found:
                return found
        declared = [self.gpus[uuid] for uuid in claim.uuids if uuid in self.gpus]
        return _link(declared, "declared") if declared else None

    def _by_process(self, pid: int) -> Link | None:
        """Take the GPUs whose processes descend from the server's, else share its container."""
        container = self._owner_of(pid).container
        descends = {one for one, who in self._owners.items() if pid in who.lineage}
        own = descends or {
            one for one, who in self._owners.items() if container and who.container == container
        }
        found = [gpu for gpu in self._occupied if own & set(gpu.pids)]
        # a MIG instance tells its processes itself, and the whole GPU tells them once more
        found = [gpu for gpu in found if gpu.mig_profile] or found
        if not found:
            return None
        foreign = [gpu.uuid for gpu in found if set(gpu.pids) - own]
        shared = f"processes of others use {foreign[0]} too" if foreign else ""
        return _link(found, "process", shared)


def _link(gpus: list[GpuReading], via: Via, shared: str = "") -> Link:
    return Link(tuple((gpu.uuid, gpu.model) for gpu in gpus), via, shared or _marked(gpus))


def _marked(gpus: list[GpuReading]) -> str:
    """Return why a GPU of these is not one workload's alone by its own source's word."""
    for gpu in gpus:
        if gpu.mig_profile:
            return f"{gpu.uuid} is a part of a GPU, whose energy is told only as a whole"
        if gpu.shared:
            return f"{gpu.uuid} is divided or given to several workloads"
    return ""
