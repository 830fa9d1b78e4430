"""One fleet measured: the exporter and Prometheus, whole processes side by side.

Both run at the same time against the same replayed servers, each page asked for by both, and both
CPU counters are read at the same moments. Taking turns (A B B A) would cancel a drift of the
machine only as far as it is linear; side by side every window has the same neighbours, caches and
clock for both, so the ratio of a window is of one moment. Only CPU time is compared, never wall
time, so waiting for one of few cores does not count. Nothing is started or stopped between windows.

Two things are in Prometheus' favour: replayed pages are not compressed, though Prometheus asks for
it and engines would do it, and its database neither compacts blocks nor answers queries here.
"""

import gzip
import re
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

from . import counters, profile
from .figures import Counted, Spread, windows
from .processes import exporter, prometheus, replayed_servers
from .watch import Course, ThreadShare, watch

_READ_TIMEOUT: Final = 60.0
_PROFILE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class PageRead:
    """One reading of the exporter's own page: seconds of wall time and of CPU, and what it held.

    `size` is in bytes as sent, `up` the targets that are up, `skipped` the samples not begun.
    """

    seconds: float
    cpu: float
    size: int
    lines: int
    up: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Process:
    """A measured process; `resident` is in 2^20 bytes."""

    counted: Counted
    threads: Sequence[ThreadShare]
    resident: float

    @property
    def waited(self) -> float:
        """How long it waited for a core while settled, over the time it had one."""
        return sum(each.waited for each in self.threads) / sum(each.core for each in self.threads)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured fleet.

    `begin` is when both processes were started, `settled_at` when the windows begin, in monotonic
    seconds. `resident_after` is the exporter's memory after its page was read, `replay_core` the
    share of a core that the replayed servers took. `rooms` are their shares of the exporter's time,
    None where nobody looked, and `thread_names` by thread id.
    """

    targets: int
    local: bool
    course: Course
    begin: float
    settled_at: float
    exporter: Process
    prometheus: Process
    read: PageRead
    resident_after: float
    replay_core: float
    rooms: Mapping[str, float] | None
    thread_names: Mapping[int, str]

    @property
    def settled(self) -> tuple[float, float]:
        """Begin and end of all windows, in monotonic seconds."""
        return self.windows[0][0], self.windows[-1][1]

    @property
    def windows(self) -> list[tuple[float, float]]:
        """Begin and end of each window."""
        return windows(self.settled_at, self.course.window, self.course.windows)

    @property
    def ratio(self) -> Spread:
        """The exporter's CPU a page over Prometheus', window by window."""
        ours, theirs = self.exporter.counted, self.prometheus.counted
        return Spread.of(ours.ms_a_page(*each) / theirs.ms_a_page(*each) for each in self.windows)

    def ms_a_page(self, process: Process) -> float:
        """Return the milliseconds of CPU a page, the median of the windows."""
        return Spread.of(process.counted.ms_a_page(*each) for each in self.windows).median


def measure(
    targets: int,
    course: Course,
    *,
    local: bool = False,
    settings: Mapping[str, Any] | None = None,
    profiled: bool = False,
) -> Measurement:
    """Measure a fleet of so many servers; `settings` are added to the exporter's configuration."""
    with replayed_servers(targets, local) as servers:
        with exporter(servers, settings or {}) as (pid, url), prometheus(servers) as reference:
            begin, replay = monotonic(), servers.process.pid
            watched = watch((pid, reference, replay), begin, course, servers.identified)
            resident = {process: counters.resident_mb(process) for process in (pid, reference)}
            rooms = profile.room_shares(pid, _PROFILE_SECONDS) if profiled else None
            names = profile.thread_names(pid) if profiled else {}
            read = _read_page(pid, url)
            resident_after = counters.resident_mb(pid)
        servers.stop()
        arrivals = _arrivals(servers.arrivals)
    ours, theirs = (
        Process(
            Counted(watched.times, watched.cpu[process], arrivals[agent]),
            watched.threads[process],
            resident[process],
        )
        for process, agent in ((pid, "inferfleet"), (reference, "prometheus"))
    )
    return Measurement(
        targets,
        local,
        course,
        begin,
        watched.settled,
        ours,
        theirs,
        read,
        resident_after,
        sum(thread.core for thread in watched.threads[replay]),
        rooms,
        names,
    )


def _arrivals(path: Path) -> dict[str, list[float]]:
    """Return when each client asked for pages."""
    arrivals: dict[str, list[float]] = {}
    for line in path.read_text().splitlines():
        time, agent = line.split(" ")
        arrivals.setdefault(agent, []).append(float(time))
    return arrivals


def _read_page(pid: int, url: str) -> PageRead:
    """Read the exporter's page as Prometheus does, compressed."""
    request = urllib.request.Request(f"{url}metrics", headers={"Accept-Encoding": "gzip"})
    cpu, begin = counters.cpu_seconds(pid), monotonic()
    body = urllib.request.urlopen(request, timeout=_READ_TIMEOUT).read()
    seconds, cpu = monotonic() - begin, counters.cpu_seconds(pid) - cpu
    page = gzip.decompress(body).decode()
    up = re.findall(r"^inferfleet_target_up\{.*\} 1\.0$", page, re.MULTILINE)
    skipped = re.findall(r"^inferfleet_scrapes_skipped_total\{.*\} (.*)$", page, re.MULTILINE)
    return PageRead(
        seconds, cpu, len(body), page.count("\n"), len(up), int(sum(map(float, skipped)))
    )
