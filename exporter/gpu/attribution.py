"""Which GPUs a server uses, and who says so.

Asked in this order: the pod a GPU is given to (device plugins tell DCGM), the processes with a
context on it (the context belongs to an engine's worker, so the process tree and the container
are followed), and the UUIDs the operator declared. Never by index: a container counts its GPUs
from 0, whichever they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..engines.sources import procfs
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
    """Read who a process is from /proc."""
    return Owner(procfs.lineage(pid), procfs.container(pid))


def link(
    claim: Claim,
    gpus: Mapping[str, GpuReading],
    owners: Mapping[int, Owner],
    of: Callable[[int], Owner] = owner,
) -> Link | None:
    """Return the GPUs of a server, None where no source ties any to it."""
    return (
        _by_pod(claim, gpus)
        or (_by_process(claim.pid, gpus, owners, of) if claim.pid is not None else None)
        or _declared(claim, gpus)
    )


def _by_pod(claim: Claim, gpus: Mapping[str, GpuReading]) -> Link | None:
    if claim.pod is None:
        return None
    found = [
        gpu for gpu in gpus.values() if claim.pod in {(pod.namespace, pod.name) for pod in gpu.pods}
    ]
    return Link(_named(found), "pod", _marked(found)) if found else None


def _by_process(
    pid: int,
    gpus: Mapping[str, GpuReading],
    owners: Mapping[int, Owner],
    of: Callable[[int], Owner],
) -> Link | None:
    """Take the GPUs whose processes descend from the server's, else share its container."""
    container = of(pid).container
    descends = {one for one, who in owners.items() if pid in who.lineage}
    beside = {one for one, who in owners.items() if container and who.container == container}
    own = descends or beside
    found = [gpu for gpu in gpus.values() if own & set(gpu.pids)]
    # a MIG instance tells its processes itself, and the whole GPU tells them once more
    found = [gpu for gpu in found if gpu.mig_profile] or found
    foreign = [gpu.uuid for gpu in found if set(gpu.pids) - own]
    shared = f"processes of others use {foreign[0]} too" if foreign else _marked(found)
    return Link(_named(found), "process", shared) if found else None


def _declared(claim: Claim, gpus: Mapping[str, GpuReading]) -> Link | None:
    wanted = set(claim.uuids)
    found = [gpu for gpu in gpus.values() if gpu.uuid in wanted]
    return Link(_named(found), "declared", _marked(found)) if found else None


def _named(gpus: list[GpuReading]) -> tuple[tuple[str, str], ...]:
    return tuple((gpu.uuid, gpu.model) for gpu in gpus)


def _marked(gpus: list[GpuReading]) -> str:
    """Return why a GPU of these is not one workload's alone by its own source's word."""
    for gpu in gpus:
        if gpu.mig_profile:
            return f"{gpu.uuid} is a part of a GPU, whose energy is told only as a whole"
        if gpu.shared:
            return f"{gpu.uuid} is divided or given to several workloads"
    return ""
