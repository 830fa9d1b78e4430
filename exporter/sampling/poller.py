"""The loop: which server is sampled when, by which thread.

Every server is sampled once an interval, at a moment of its own that its name decides, so that a
fleet is not read all at once. A server whose last sample failed waits in a lane of its own: hung
servers hold up each other, never a healthy one. A sample that has not ended when the next is due
is not joined by another.
"""

import heapq
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Condition, Event, Thread
from time import monotonic, time
from typing import Any, Final
from zlib import crc32

from ..config import Config, Target
from ..discovery import Discoverer
from ..fetch import HttpClient
from ..gpu.telemetry import Telemetry
from .watched_server import WatchedServer

log = logging.getLogger(__name__)

_DISCOVERY_TICK: Final = 1.0
_IDENTITY_THREADS: Final = 4


class Poller:
    """Samples all targets of a configuration in the background, between `start` and `stop`."""

    def __init__(self, config: Config) -> None:
        self._wake = Condition()
        self._stopped = Event()
        self._queue: list[tuple[float, int, WatchedServer]] = []
        self._turns = count()
        self._servers: dict[str, WatchedServer] = {}
        self._threads: list[Thread] = []
        self.telemetry = Telemetry(config)
        self.config = config
        self._apply(config)
        self._lanes = _lanes(config)

    def _apply(self, config: Config, before: Discoverer | None = None) -> None:
        # whatever may be refused comes before what begins to run
        client = HttpClient(config.http, config.workers, config.limits.page)
        telemetry = self._telemetry(config)
        discoverer = Discoverer(config, before)
        discoverer.refresh(monotonic())
        if telemetry is not self.telemetry:
            self.telemetry.stop()
            telemetry.start()
        self.config, self._client, self._discoverer = config, client, discoverer
        self.telemetry = telemetry
        self.loaded_at = time()

    def _telemetry(self, config: Config) -> Telemetry:
        """Return GPU telemetry for a configuration: another one only where its settings changed."""
        if (config.gpu, config.window) == (self.config.gpu, self.config.window):
            return self.telemetry
        return Telemetry(config)

    def start(self) -> None:
        """Discover targets and begin to sample them."""
        self.telemetry.start()
        self._reconcile(self._discoverer.targets())
        for run in (self._schedule, self._discover):
            thread = Thread(target=run, name=run.__name__.strip("_"), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End the loop; samples under way end with their deadline."""
        self._stopped.set()
        with self._wake:
            self._wake.notify_all()
        self.telemetry.stop()
        for thread in self._threads:
            thread.join()
        self._discoverer.close()
        for lane in self._lanes:
            lane.shutdown(wait=False, cancel_futures=True)

    def reload(self, config: Config) -> None:
        """Apply a new configuration; servers that it leaves unchanged keep their readings.

        Raises `ConfigError` where it cannot be used, and then nothing has changed.
        """
        old, before = self.config, self._discoverer
        self._apply(config, before)
        before.close(self._discoverer)
        unchanged = _sampling_settings(old) == _sampling_settings(config)
        self._reconcile(self._discoverer.targets(), keep=unchanged)

    def servers(self) -> Sequence[WatchedServer]:
        """Return the watched servers in order of their names."""
        return [server for _, server in sorted(self._servers.items())]

    def problems(self) -> Sequence[str]:
        """Return what is wrong with discovery now, one sentence each."""
        return self._discoverer.problems()

    def ready(self) -> bool:
        """Whether every server has been sampled at least once."""
        return all(server.counts.scrapes for server in self._servers.values())

    def _reconcile(self, targets: Sequence[Target], keep: bool = True) -> None:
        with self._wake:
            old, new = self._servers, dict[str, WatchedServer]()
            now = monotonic()
            for target in targets:
                server = old.get(target.label)
                if server is None or not keep or server.target != target:
                    client = self._client.clone()
                    server = WatchedServer(target, client, self.config, self.telemetry)
                    heapq.heappush(self._queue, (now + self._phase(target), self._turn(), server))
                new[target.label] = server
            self._servers = new
            self._wake.notify_all()
            for server in old.values():
                if new.get(server.target.label) is not server:
                    self._close(server)

    def _close(self, server: WatchedServer) -> None:
        """Close a server that is watched no longer; needs the lock."""
        server.close()
        if server.target.label not in self._servers:
            for model in server.models:
                self.telemetry.forget(model.target.label)

    def _phase(self, target: Target) -> float:
        """Return when in the interval a target is sampled, in seconds; the first comes soon."""
        return crc32(target.label.encode()) / 2**32 * min(self.config.interval, 1.0)

    def _turn(self) -> int:
        return next(self._turns)

    def _schedule(self) -> None:
        while not self._stopped.is_set():
            with self._wake:
                now = monotonic()
                wait = self._queue[0][0] - now if self._queue else 3600.0
                if wait > 0:
                    self._wake.wait(wait)
                    continue
                due, _, server = heapq.heappop(self._queue)
                if server.closed:
                    continue
                interval = self.config.interval
                following = due + interval * max(1, int((now - due) / interval))
                heapq.heappush(self._queue, (following, self._turn(), server))
            if server.busy:
                server.counts.skipped += 1
                continue
            server.busy = True
            healthy, failing, _ = self._lanes
            lane = failing if server.failing else healthy
            lane.submit(self._sample, server)

    def _sample(self, server: WatchedServer) -> None:
        try:
            server.sample()
        finally:
            server.busy = False
        if server.closed:
            # it was closed during the sample, and has connected and claimed its GPUs again
            with self._wake:
                self._close(server)
            return
        if server.identity_due(monotonic()) and not self._stopped.is_set():
            server.mark_identifying()
            self._lanes[2].submit(self._identify, server)

    def _identify(self, server: WatchedServer) -> None:
        try:
            server.identify()
        except Exception:
            log.exception("identifying %s failed", server.target.label)

    def _discover(self) -> None:
        while not self._stopped.wait(_DISCOVERY_TICK):
            try:
                if self._discoverer.refresh(monotonic()):
                    self._reconcile(self._discoverer.targets())
            except Exception:
                log.exception("discovery failed")


def _sampling_settings(config: Config) -> dict[str, Any]:
    """Return what must not change for a server to keep its readings."""
    return config.model_dump(exclude={"targets", "discovery", "shard", "web"})


def _lanes(config: Config) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor, ThreadPoolExecutor]:
    return (
        ThreadPoolExecutor(config.workers, "sample"),
        ThreadPoolExecutor(max(1, config.workers // 2), "retry"),
        ThreadPoolExecutor(_IDENTITY_THREADS, "identify"),
    )
