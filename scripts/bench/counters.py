"""What Linux counts of a process: CPU time, memory, threads and their context switches."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import clock_gettime
from typing import Final

_SCHEDULED_TIME: Final = 2
_STATUS: Final = re.compile(r"^(\w+):\s+(\d+)", re.MULTILINE)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and all its threads, ended ones too, to the nanosecond.

    It is the process's CPU clock, as clock_getcpuclockid(3) numbers it: /proc/PID/stat has ticks
    of 10 ms, /proc/PID/schedstat the first thread alone.
    """
    return clock_gettime(~pid << 3 | _SCHEDULED_TIME)


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, in 2^20 bytes."""
    return _status(Path(f"/proc/{pid}/status"))["VmRSS"] / 1024


@dataclass(frozen=True, slots=True)
class ThreadCounters:
    """CPU of a thread and what it waited for a core, in seconds; how often it gave a core up."""

    cpu: float
    waited: float
    switches: int


def threads(pid: int) -> Mapping[int, ThreadCounters]:
    """Return the counters of each thread of a process, by thread id."""
    counters = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        # a thread may end while it is looked at
        with suppress(FileNotFoundError, ProcessLookupError):
            status = _status(task / "status")
            cpu, waited = (int(ns) / 1e9 for ns in (task / "schedstat").read_text().split()[:2])
            switches = status["voluntary_ctxt_switches"] + status["nonvoluntary_ctxt_switches"]
            counters[int(task.name)] = ThreadCounters(cpu, waited, switches)
    return counters


def _status(path: Path) -> dict[str, int]:
    return {name: int(value) for name, value in _STATUS.findall(path.read_text())}
