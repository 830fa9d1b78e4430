"""All servers of a configuration, sampled and identified on one event loop.

Each exchange is a socket and a deadline on that loop, and nothing else: a server that hangs costs
the others nothing, however many there are. Discovery, which may block, has a thread of its own.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Event, Thread
from time import monotonic, time
from typing import Any, Final

from ..base.event_loop import EventLoopThread
from ..base.untrusted import one_line
from ..config import Config, Target
from ..discovery import Discoverer
from ..fetch import HttpClient
from ..fetch.resolver import Resolver
from ..gpu.telemetry import Telemetry
from .identity_queue import IdentityQueue
from .large_pages import LargePages
from .schedule import Schedule
from .watched_server import WatchedServer

log = logging.getLogger(__name__)

_DISCOVERY_TICK: Final = 1.0
_DISCOVERY_MAX_WAIT: Final = 3600.0
_STOP_SECONDS: Final = 1.0
_MAX_OVERDUE: Final = 15.0


class Poller:
    """Samples all targets of a configuration in the background, between `start` and `stop`.

    Unless `patient`, what does not answer about a server is given up at once.
    """

    def __init__(self, config: Config, patient: bool = True) -> None:
        self._patient = patient
        self._stopped = Event()
        self._reloaded = Event()
        self._servers: dict[str, WatchedServer] = {}
        self._complete = False
        self._fault = ""
        self._loop = EventLoopThread("sampling")
        self._resolver = Resolver()
        self._schedule = Schedule(config.interval)
        self._identities = IdentityQueue()
        self._discovery = Thread(target=self._discover, name="discovery", daemon=True)
        self.telemetry = Telemetry(config)
        self.config = config
        self._apply(config)

    def _apply(self, config: Config, before: Discoverer | None = None) -> None:
        # whatever may be refused comes before what begins to run
        client = HttpClient(config.http, config.limits.page, resolver=self._resolver)
        telemetry = self._telemetry(config)
        discoverer = Discoverer(config, before)
        if telemetry is not self.telemetry:
            self.telemetry.stop()
            telemetry.start()
        self.config, self._client, self._discoverer = config, client, discoverer
        self._large_pages = LargePages(client.budget)
        self.telemetry = telemetry
        self.loaded_at = time()

    def _telemetry(self, config: Config) -> Telemetry:
        """Return GPU telemetry for a configuration: another one only where its settings changed."""
        if (config.gpu, config.window) == (self.config.gpu, self.config.window):
            return self.telemetry
        return Telemetry(config)

    def start(self) -> None:
        """Begin to sample, and to discover."""
        self.telemetry.start()
        self._loop.start()
        self._loop.run(self._reconcile())
        self._discovery.start()

    def stop(self) -> None:
        """End everything; what blocks for longer than a second or two is left behind."""
        self._stopped.set()
        self._reloaded.set()
        with suppress(TimeoutError, RuntimeError):
            self._loop.run(self._close_all(), _STOP_SECONDS)
        self._loop.stop()
        self.telemetry.stop()
        if self._discovery.ident:
            self._discovery.join(_STOP_SECONDS)
        self._discoverer.close()

    def reload(self, config: Config) -> None:
        """Apply a new configuration; servers that it leaves unchanged keep their readings.

        Raises `ConfigError` where it cannot be used, and then nothing has changed.
        """
        old, before = self.config, self._discoverer
        self._apply(config, before)
        before.close(self._discoverer)
        self._discoverer.refresh(monotonic())
        self._reloaded.set()
        unchanged = _sampling_settings(old) == _sampling_settings(config)
        self._loop.run(self._reconcile(keep=unchanged))

    def servers(self) -> Sequence[WatchedServer]:
        """Return the watched servers in order of their names."""
        return [server for _, server in sorted(self._servers.items())]

    def problems(self) -> Sequence[str]:
        """Return what is wrong with discovery now, one sentence each."""
        return [*self._discoverer.problems(), *filter(None, [self._fault])]

    def discovered_targets(self) -> Mapping[str, int]:
        """Return how many servers each source of discovery names, those of other shards too."""
        return self._discoverer.target_counts()

    def ready(self) -> bool:
        """Whether every source of servers has answered, and every server has been sampled, once."""
        if not self._complete:
            return False
        readings = [server.reading for server in self._servers.values()]
        return all(reading.time is not None or reading.misses for reading in readings)

    def healthy(self) -> bool:
        """Whether servers are sampled when they are due."""
        return self._loop.alive and self._schedule.overdue() < _MAX_OVERDUE

    def _targets(self, complete: bool) -> Sequence[Target]:
        """Return the servers to watch; those known before stay until every source has answered."""
        targets = self._discoverer.targets()
        if complete:
            return targets
        known = {target.label for target in targets}
        before = (server.target for server in self._servers.values())
        return [*targets, *(target for target in before if target.label not in known)]

    async def _reconcile(self, keep: bool = True) -> None:
        """Watch what is discovered and no more; with `keep` unchanged ones stay as they are."""
        complete = self._discoverer.answered()
        old, new = self._servers, dict[str, WatchedServer]()
        for target in self._targets(complete):
            server = old.get(target.label)
            if server is None or not keep or server.target != target:
                server = WatchedServer(
                    target,
                    self._client.clone(),
                    self.config,
                    self.telemetry,
                    self._large_pages,
                    self._patient,
                )
            new[target.label] = server
        for label, server in old.items():
            if new.get(label) is not server:
                self._close(server)
                if label not in new:
                    for model in server.models:
                        self.telemetry.forget(model.target.label)
        self._servers, self._complete = new, complete
        self._schedule.interval = self.config.interval
        for label, server in new.items():
            if old.get(label) is not server:
                self._begin(server)

    def _begin(self, server: WatchedServer) -> None:
        async def sample() -> None:
            await server.sample()
            if server.identity_due(monotonic()):
                first = server.reading.identity is None
                server.mark_identifying()
                self._identities.add(server.target.label, server.identify, first)

        self._schedule.add(server.target.label, sample, server.counts.skip)

    async def _close_all(self) -> None:
        for server in self._servers.values():
            self._close(server)

    def _close(self, server: WatchedServer) -> None:
        self._schedule.remove(server.target.label)
        self._identities.remove(server.target.label)
        server.close()

    def _discover(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._discoverer.refresh(monotonic()) and not self._stopped.is_set():
                    self._loop.run(self._reconcile())
                self._fault = ""
            except Exception as error:
                log.exception("discovery failed")
                reason = one_line(f"{type(error).__name__}: {error}")
                self._fault = f"discovery failed: {reason}; the servers stay as they are"
            wait = max(self._discoverer.next_refresh() - monotonic(), _DISCOVERY_TICK)
            self._reloaded.wait(min(wait, _DISCOVERY_MAX_WAIT))
            self._reloaded.clear()


def _sampling_settings(config: Config) -> dict[str, Any]:
    """Return what must not change for a server to keep its readings."""
    return config.model_dump(exclude={"targets", "discovery", "shard", "web"})
