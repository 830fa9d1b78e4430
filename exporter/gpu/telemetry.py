"""All GPU telemetry of one exporter: its sources, what they say together, and whose GPUs they are.

A thread of its own wakes the sources; `view` is replaced whole whenever something changed, and
asking for it never waits. Which server claims which GPU is kept here too, since only all servers
together tell whether one is shared.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event, Lock, Thread
from time import monotonic
from typing import Final

from ..config import Config
from ..fetch import HttpClient
from .attribution import Claim, Link, View
from .energy import EnergyCounters, EnergyUse
from .merge import merged
from .nvml import Nvml
from .page import PageSource
from .reading import GpuReading
from .watch import Watch

log = logging.getLogger(__name__)

_TICK: Final = 0.5
_NVML_RETRY: Final = 60.0


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source on the exporter's page: does it answer, how old is its last reading (s)."""

    name: str
    up: bool
    age: float | None
    error: str


class Telemetry:
    """The GPU sources of a configuration, read between `start` and `stop`."""

    def __init__(self, config: Config, watches: Sequence[Watch] | None = None) -> None:
        self.view = View()
        self._watches = _watches(config) if watches is None else list(watches)
        self._meter = EnergyCounters(2 * config.window + 2 * config.gpu.pages_interval)
        self._seen: tuple[object, ...] = ()
        self._claimed: dict[str, tuple[str, ...]] = {}
        self._users: dict[str, set[str]] = {}
        self._lock = Lock()
        self._ended = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin to read the sources, if there are any."""
        if self._watches and self._thread is None:
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
                self.tick(monotonic())
            except Exception:
                log.exception("GPU telemetry failed")

    def tick(self, now: float) -> None:
        """Wake the sources that are due and take what they said since."""
        for watch in self._watches:
            watch.tick(now)
        live = [watch for watch in self._watches if watch.live(now)]
        seen = tuple((watch.name, watch.state.time) for watch in live)
        if seen == self._seen:
            return
        self._seen = seen
        gpus = merged(reading for watch in live for reading in watch.state.readings)
        self._measure(gpus)
        self.view = View(gpus)

    def _measure(self, gpus: Mapping[str, GpuReading]) -> None:
        for uuid, gpu in gpus.items():
            joules = gpu.value("gpu_energy_joules_total")
            if joules is not None:
                self._meter.add(gpu.time, {uuid: joules})
        self._meter.forget(gpus)

    def sources(self, now: float) -> list[SourceState]:
        """Return how each source does at a monotonic time."""
        states = []
        for watch in self._watches:
            state = watch.state
            age = None if state.time is None else max(now - state.time, 0.0)
            states.append(SourceState(watch.name, watch.live(now), age, state.error))
        return states

    def problems(self) -> list[str]:
        """Return what is wrong with the sources, one sentence each; no driver ever is no fault."""
        return [
            f"gpu source {watch.name}: {watch.state.error}"
            for watch in self._watches
            if watch.state.error and (watch.name != NVML or watch.state.time is not None)
        ]

    def link(self, claim: Claim) -> Link | None:
        """Return the GPUs of a server, and remember that it uses them."""
        found = self.view.link(claim)
        uuids = found.uuids if found else ()
        with self._lock:
            self._claim(claim.target, uuids)
            others = {user for uuid in uuids for user in self._users[uuid]} - {claim.target}
        if found and others and not found.shared:
            return replace(found, shared=f"{min(others)} uses them too")
        return found

    def _claim(self, target: str, uuids: tuple[str, ...]) -> None:
        held = self._claimed.get(target, ())
        if held == uuids:
            return
        for uuid in held:
            self._users[uuid].discard(target)
            if not self._users[uuid]:
                del self._users[uuid]
        for uuid in uuids:
            self._users.setdefault(uuid, set()).add(target)
        self._claimed[target] = uuids

    def forget(self, target: str) -> None:
        """Drop a server that is watched no longer: it shares nothing with the others."""
        with self._lock:
            self._claim(target, ())
            self._claimed.pop(target, None)

    def energy_use(self, link: Link, start: float, end: float) -> EnergyUse | None:
        """Return what a server's GPUs drew, None where that is unknown or not its own alone."""
        return None if link.shared else self._meter.energy_use(link.uuids, start, end)


NVML: Final = "nvml"


def _watches(config: Config) -> list[Watch]:
    gpu = config.gpu
    found = []
    if gpu.nvml:
        found.append(Watch(NVML, Nvml().read, gpu.interval, gpu.timeout, _NVML_RETRY))
    if gpu.pages:
        client = HttpClient(gpu.http, len(gpu.pages), config.limits.page)
        for page in gpu.pages:
            read: Callable[[float], Sequence[GpuReading]] = PageSource(
                client, page.url, gpu.timeout, config.limits.parser_limits()
            ).read
            every = gpu.pages_interval
            found.append(Watch(page.label, read, every, 2 * gpu.timeout, every))
    return found
