"""Processes with a context on a GPU, and where each comes from.

The driver numbers processes as the machine does, or as the asking container does; which of the two
it does depends on its release. A number is taken for one of this PID namespace only where that is
beyond doubt, for it may also be an unrelated process's here.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..procfs import processes
from ..procfs.files import PROC, open_files

_DEVICES: Final = ("/dev/nvidia", "/dev/dxg")
_RAY_OUTPUT: Final = re.compile(r".*/worker-([0-9a-f]+)-[0-9a-f]+-\d+\.out")
"""Where Ray sends a worker's standard output; the processes below it inherit the file."""


@dataclass(frozen=True, slots=True)
class ProcessOrigin:
    """Where a process on a GPU comes from: itself with its ancestors, nearest first.

    `ray` is whether it runs under a Ray node's daemon, `ray_worker` the id of its Ray worker, empty
    where it has none.
    """

    lineage: tuple[int, ...]
    ray: bool = False
    ray_worker: str = ""


class GpuProcesses:
    """Origins of the processes on this machine's GPUs; each is read from /proc once."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._cache: dict[tuple[int, int], ProcessOrigin] = {}
        self._on_gpu: dict[tuple[int, int], bool] = {}

    def origins(self, pids: Collection[int]) -> Mapping[int, ProcessOrigin]:
        """Return the origin of each process that is one of this PID namespace."""
        started = {pid: processes.start_ticks(pid, self._proc) for pid in pids}
        keys = {pid: (pid, ticks) for pid, ticks in started.items() if ticks}
        if len(keys) < len(started) and not processes.in_initial_namespace(self._proc):
            # some numbers are another namespace's; which of the others are too?
            self._on_gpu = {key: self._has_gpu_open(key) for key in keys.values()}
            keys = {pid: key for pid, key in keys.items() if self._on_gpu[key]}
        self._cache = {
            key: self._cache.get(key) or process_origin(pid, self._proc)
            for pid, key in keys.items()
        }
        return {pid: self._cache[key] for pid, key in keys.items()}

    def _has_gpu_open(self, key: tuple[int, int]) -> bool:
        known = self._on_gpu.get(key)
        if known is not None:
            return known
        return any(file.startswith(_DEVICES) for file in open_files(key[0], self._proc).values())


def process_origin(pid: int, proc: Path = PROC) -> ProcessOrigin:
    """Read from /proc where a process comes from."""
    lineage = processes.lineage(pid, proc)
    output = _RAY_OUTPUT.fullmatch(processes.standard_output(pid, proc))
    ray = any(processes.is_ray(ancestor, proc) for ancestor in lineage)
    return ProcessOrigin(lineage, ray, output[1] if ray and output else "")
