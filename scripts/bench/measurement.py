"""One fleet measured: the exporter and Prometheus, whole processes side by side.

Both run at the same time against the same replayed servers, each page asked for by both, and both
CPU counters are read at the same moments. Taking turns (A B B A) would cancel a drift of the
machine only as far as it is linear and the same load comes back; side by side every window has the
same neighbours, caches and clock for both, so the ratio of a window is of one moment. Only CPU time
is compared, never wall time, so waiting for one of the few cores does not count. Nothing is stopped
or started between windows.

Two things are in Prometheus' favour: replayed pages come uncompressed, as no engine would answer
it, and its database neither compacts blocks nor answers queries here.
"""

import gzip
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from time import monotonic, sleep
from typing import Any, Final

from . import counters
from .figures import Counted, Spread, windows
from .processes import exporter, prometheus, replayed_servers

TICK: Final = 0.25
_READ_TIMEOUT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Course:
    """How long a fleet is measured: `settle` seconds, then windows of `window` seconds."""

    settle: float
    window: float
    windows: int = 5

    @property
    def seconds(self) -> float:
        """The whole of it."""
        return self.settle + self.window * self.windows


@dataclass(frozen=True, slots=True)
class PageRead:
    """One reading of the exporter's own page: seconds of wall time and of CPU, bytes, lines."""

    seconds: float
    cpu: float
    size: int
    lines: int


@dataclass(frozen=True, slots=True)
class ThreadShare:
    """A thread while settled: share of a core, and times a second it was switched to."""

    core: float
    switches: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured fleet; memory is in 2^20 bytes, that of the exporter before and after `read`."""

    targets: int
    local: bool
    course: Course
    begin: float
    exporter: Counted
    prometheus: Counted
    exporter_mb: tuple[float, float]
    prometheus_mb: float
    read: PageRead
    up: int
    skipped: int
    exporter_threads: Sequence[ThreadShare] = field(default=())
    prometheus_threads: Sequence[ThreadShare] = field(default=())

    @property
    def settled(self) -> tuple[float, float]:
        """Begin and end of all windows, in monotonic seconds."""
        return self.begin + self.course.settle, self.begin + self.course.seconds

    def spread(self, process: Counted) -> Spread:
        """Return the milliseconds of CPU a page over the windows."""
        return Spread.of(process.ms_a_page(*window) for window in self._windows())

    @property
    def ratio(self) -> Spread:
        """The exporter's CPU a page over Prometheus', window by window."""
        return Spread.of(
            self.exporter.ms_a_page(*window) / self.prometheus.ms_a_page(*window)
            for window in self._windows()
        )

    def _windows(self) -> list[tuple[float, float]]:
        return windows(self.settled[0], self.course.window, self.course.windows)


def measure(
    targets: int, course: Course, local: bool = False, settings: Mapping[str, Any] | None = None
) -> Measurement:
    """Measure a fleet of so many servers; `settings` are added to the exporter's configuration."""
    with replayed_servers(targets, local) as servers:
        with exporter(servers, settings or {}) as (pid, url), prometheus(servers) as reference:
            begin = monotonic()
            times: list[float] = []
            cpu: dict[int, list[float]] = {pid: [], reference: []}
            threads: dict[int, Mapping[int, counters.ThreadCounters]] = {}
            for now in _ticks(begin, course.seconds):
                times.append(now)
                for process, values in cpu.items():
                    values.append(counters.cpu_seconds(process))
                if not threads and now >= begin + course.settle:
                    threads = {process: counters.threads(process) for process in cpu}
            shares = {
                process: _thread_shares(
                    before, counters.threads(process), now - begin - course.settle
                )
                for process, before in threads.items()
            }
            before, prometheus_mb = counters.resident_mb(pid), counters.resident_mb(reference)
            page, read = _read_page(pid, url)
            after = counters.resident_mb(pid)
        servers.process.terminate()
        servers.process.wait()
        arrivals: dict[str, list[float]] = {"inferfleet": [], "prometheus": []}
        for line in servers.arrivals.read_text().splitlines():
            time, agent = line.split(" ")
            arrivals[agent].append(float(time))
    return Measurement(
        targets,
        local,
        course,
        begin,
        Counted(times, cpu[pid], arrivals["inferfleet"]),
        Counted(times, cpu[reference], arrivals["prometheus"]),
        (before, after),
        prometheus_mb,
        read,
        len(re.findall(r"^inferfleet_target_up\{[^}]*\} 1\.0$", page, re.MULTILINE)),
        int(
            sum(
                map(float, re.findall(r"^inferfleet_scrapes_skipped_total\{.*\} (.*)$", page, re.M))
            )
        ),
        shares[pid],
        shares[reference],
    )


def _ticks(begin: float, seconds: float) -> Iterator[float]:
    """Yield the time at each tick up to the end, without drift."""
    for i in count():
        due = begin + i * TICK
        sleep(max(due - monotonic(), 0.0))
        yield monotonic()
        if due >= begin + seconds:
            return


def _thread_shares(
    before: Mapping[int, counters.ThreadCounters],
    after: Mapping[int, counters.ThreadCounters],
    seconds: float,
) -> list[ThreadShare]:
    """Return what each thread did between two readings, the busiest first."""
    none = counters.ThreadCounters(0.0, 0)
    shares = [
        ThreadShare(
            (counted.cpu - before.get(thread, none).cpu) / seconds,
            (counted.switches - before.get(thread, none).switches) / seconds,
        )
        for thread, counted in after.items()
    ]
    return sorted(shares, key=lambda share: share.core, reverse=True)


def _read_page(pid: int, url: str) -> tuple[str, PageRead]:
    """Read the exporter's page as Prometheus does, compressed; return it and what it cost."""
    request = urllib.request.Request(f"{url}metrics", headers={"Accept-Encoding": "gzip"})
    cpu, begin = counters.cpu_seconds(pid), monotonic()
    body = urllib.request.urlopen(request, timeout=_READ_TIMEOUT).read()
    seconds, cpu = monotonic() - begin, counters.cpu_seconds(pid) - cpu
    page = gzip.decompress(body).decode()
    return page, PageRead(seconds, cpu, len(body), page.count("\n"))
