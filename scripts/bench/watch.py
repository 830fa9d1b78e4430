"""Counters of several processes, read at the same moments while they run."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import inf
from time import monotonic, sleep
from typing import Final

from . import counters

TICK: Final = 0.25
_LONGEST_START: Final = 600.0


@dataclass(frozen=True, slots=True)
class Course:
    """How long a fleet is watched: `settle` seconds at least, then windows of `window` seconds."""

    settle: float
    window: float
    windows: int = 5


@dataclass(frozen=True, slots=True)
class ThreadShare:
    """A thread while settled.

    `core` is the share of the time that it had a core, `waited` that it waited for one, `switches`
    how many times a second it gave one up.
    """

    thread: int
    core: float
    waited: float
    switches: float


@dataclass(frozen=True, slots=True)
class Watched:
    """CPU counters by process, in seconds, at each of `times`, and their threads while settled.

    `settled` is when the windows begin, in monotonic seconds.
    """

    settled: float
    times: Sequence[float]
    cpu: Mapping[int, Sequence[float]]
    threads: Mapping[int, Sequence[ThreadShare]]


def watch(
    pids: Sequence[int], begin: float, course: Course, started: Callable[[], bool]
) -> Watched:
    """Read the counters of processes at each tick from `begin` to the end of the course.

    They are settled when the time for it is over and they have `started`, which may take longer on
    a busy machine.
    """
    times: list[float] = []
    cpu: dict[int, list[float]] = {pid: [] for pid in pids}
    settled = inf
    before: dict[int, Mapping[int, counters.ThreadCounters]] = {}
    for now in _ticks(begin):
        times.append(now)
        for pid in pids:
            cpu[pid].append(counters.cpu_seconds(pid))
        if settled == inf and now >= begin + _LONGEST_START:
            sys.exit(f"a start took over {_LONGEST_START:.0f} s: measure on a quieter machine")
        if settled == inf and now >= begin + course.settle and started():
            settled, before = now, {pid: counters.threads(pid) for pid in pids}
        if now >= settled + course.window * course.windows:
            break
    seconds = times[-1] - settled
    threads = {pid: _shares(before[pid], counters.threads(pid), seconds) for pid in pids}
    return Watched(settled, times, cpu, threads)


def _ticks(begin: float) -> Iterator[float]:
    """Yield the time at each tick, without drift."""
    for i in count():
        due = begin + i * TICK
        sleep(max(due - monotonic(), 0.0))
        yield monotonic()


def _shares(
    before: Mapping[int, counters.ThreadCounters],
    after: Mapping[int, counters.ThreadCounters],
    seconds: float,
) -> list[ThreadShare]:
    """Return what each thread did between two readings, the busiest first."""
    shares = []
    for thread, now in after.items():
        then = before.get(thread, counters.ThreadCounters(0.0, 0.0, 0))
        core, waited = (now.cpu - then.cpu) / seconds, (now.waited - then.waited) / seconds
        shares.append(ThreadShare(thread, core, waited, (now.switches - then.switches) / seconds))
    return sorted(shares, key=lambda share: share.core, reverse=True)
