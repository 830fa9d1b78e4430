"""All GPU telemetry of one exporter: its sources, their readings as one, and the GPUs of servers.

A thread of its own wakes the sources; `inventory` is replaced whole whenever something changed, and
reading it never waits. Which server uses which GPU is kept here too, since only all servers
together show whether a GPU is shared.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

from ..config import Config
from ..fetch import BlockingClient
from .attribution import GpuInventory, GpuUser, Link, NoLink
from .energy import EnergyCounters, EnergyUse
from .merge import merged
from .nvml import Nvml
from .pod_claims import PodClaims
from .processes import GpuProcesses
from .reading import GpuReading
from .source_poller import SourcePoller

log = logging.getLogger(__name__)

_TICK: Final = 0.5
"""How often, in seconds, it is seen whether readings under way have ended."""
_NVML_RETRY: Final = 60.0


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source on the exporter's page: does it answer, how old is its last reading (s)."""

    name: str
    up: bool
    age: float | None
    error: str


class Telemetry:
    """The GPU sources of a configuration, read between `start` and `stop`.

    `answered` says whether each has answered or failed once, so that `inventory` lacks none.
    """

    def __init__(
        self,
        config: Config,
        pollers: Sequence[SourcePoller] | None = None,
        processes: GpuProcesses | None = None,
    ) -> None:
        self.inventory = GpuInventory()
        self._processes = processes or GpuProcesses()
        self._claims = PodClaims()
        self._pollers = _pollers(config) if pollers is None else list(pollers)
        self.answered = not self._pollers
        self._meter = EnergyCounters(2 * config.window + 2 * config.gpu.pages_interval)
        self._reading_times: tuple[object, ...] = ()
        self._merge_problems: tuple[str, ...] = ()
        self._assigned: dict[str, tuple[str, ...]] = {}
        self._users: dict[str, set[str]] = {}
        self._roots: dict[str, tuple[int, ...]] = {}
        self._lock = Lock()
        self._ended = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to read the sources, if there are any."""
        if self._pollers and self._thread is None:
            self._thread = Thread(target=self._run, name="gpu", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End reading; a source that hangs is left behind."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        wait = 0.0
        while not self._ended.wait(wait):
            wait = _TICK
            try:
                wait = max(self.tick(monotonic()) - monotonic(), _TICK)
            except Exception:
                log.exception("GPU telemetry failed")

    def tick(self, now: float) -> float:
        """Wake the sources that are due and take their readings since.

        Returns when a source is due next (monotonic seconds), 0 while one is being read.
        """
        due = min((poller.tick(now) for poller in self._pollers), default=inf)
        self._take(now)
        self.answered = all(
            poller.state.time is not None or poller.state.error for poller in self._pollers
        )
        return due

    def _take(self, now: float) -> None:
        live = [poller for poller in self._pollers if poller.live(now)]
        times = tuple((poller.name, poller.state.time) for poller in live)
        if times == self._reading_times:
            return
        self._reading_times = times
        gpus, self._merge_problems = merged(
            reading for poller in live for reading in poller.state.readings
        )
        self._measure(gpus)
        with self._lock:
            gpus = self._claims.with_claims(gpus, now)
        origins = self._processes.origins({pid for gpu in gpus.values() for pid in gpu.pids})
        self.inventory = GpuInventory(gpus, origins)

    def _measure(self, gpus: Mapping[str, GpuReading]) -> None:
        for uuid, gpu in gpus.items():
            joules = gpu.value("gpu_energy_joules_total")
            if joules is not None:
                self._meter.add(gpu.time, {uuid: joules})
        self._meter.forget(gpus)

    def sources(self, now: float) -> list[SourceState]:
        """Return how each source does at a monotonic time; a driver that never was is none."""
        states = []
        for poller in self._pollers:
            state = poller.state
            if poller.name == NVML and state.time is None:
                continue
            age = None if state.time is None else max(now - state.time, 0.0)
            states.append(SourceState(poller.name, poller.live(now), age, state.error))
        return states

    def problems(self) -> list[str]:
        """Return what is wrong with the sources, one sentence each; no driver ever is no fault."""
        problems = [
            f"gpu source {poller.name}: {problem}"
            for poller in self._pollers
            for problem in (poller.state.error, *poller.state.notes)
            if problem and (poller.name != NVML or poller.state.time is not None)
        ]
        return [*problems, *self._merge_problems]

    def link(self, user: GpuUser) -> Link | NoLink:
        """Return the GPUs of a server, and remember that it uses them."""
        other_roots = frozenset[int]()
        with self._lock:
            if user.pod:
                self._claims.keep(user.pod)
            if user.process is None:
                self._roots.pop(user.target, None)
            else:
                self._roots[user.target] = user.process.roots
                if self.inventory.gpus:
                    roots = frozenset(root for roots in self._roots.values() for root in roots)
                    other_roots = roots - frozenset(user.process.roots)
        link = self.inventory.link(user, other_roots)
        uuids = link.uuids if isinstance(link, Link) else ()
        with self._lock:
            self._assign(user.target, uuids)
            others = {other for uuid in uuids for other in self._users[uuid]} - {user.target}
        if isinstance(link, Link) and others and not link.shared:
            return replace(link, shared=f"{min(others)} uses them too")
        return link

    def _assign(self, target: str, uuids: tuple[str, ...]) -> None:
        before = self._assigned.get(target, ())
        if before == uuids:
            return
        for uuid in before:
            self._users[uuid].discard(target)
            if not self._users[uuid]:
                del self._users[uuid]
        for uuid in uuids:
            self._users.setdefault(uuid, set()).add(target)
        self._assigned[target] = uuids

    def forget(self, target: str) -> None:
        """Drop a server that is watched no longer: it shares nothing with the others."""
        with self._lock:
            self._assign(target, ())
            self._assigned.pop(target, None)
            self._roots.pop(target, None)

    def energy_use(self, link: Link, start: float, end: float) -> EnergyUse | None:
        """Return what a server's GPUs used, None where that is unknown or not its own alone."""
        return None if link.shared else self._meter.energy_use(link.uuids, start, end)


NVML: Final = "nvml"


def _pollers(config: Config) -> list[SourcePoller]:
    gpu = config.gpu
    pollers = []
    if gpu.nvml:
        pollers.append(SourcePoller(NVML, Nvml().read, gpu.interval, gpu.timeout, _NVML_RETRY))
    if gpu.pages:
        # its readers and catalogs are a tenth of a start, and most exporters read no pages
        from .page.source import PageSource

        client = BlockingClient(gpu.http, config.limits.page)
        for page in gpu.pages:
            source = PageSource(client, page.url, gpu.timeout, config.limits.parser_limits())
            every = gpu.pages_interval
            pollers.append(
                SourcePoller(page.label, source.read, every, 2 * gpu.timeout, every, source.notes)
            )
    return pollers
