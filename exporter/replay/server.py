"""Recorded servers on loopback ports: one thread, one event loop, hundreds of addresses."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Self

from ..base.errors import ConfigError
from .endpoint import Connection, Endpoint
from .playlist import Player, Playlist
from .recording import Recording, find_recording, load_recording

_BACKLOG: Final = 512
_LAST_PORT: Final = 65535


class ReplayServer:
    """Serves each recording or playlist on a port of its own, from `first_port` on (0: any free).

    With `copies` above 1 a port carries that many servers, at the paths /s/0, /s/1 and so on, each
    `stagger` seconds ahead of the one before it. `speed` is recorded seconds a second, `uptime`
    the seconds the servers have been up at the start (as recorded, if None). `loop` says whether
    a lone recording starts over at its end or goes on serving its last page. `clock` counts
    seconds.
    """

    def __init__(
        self,
        servers: Sequence[Recording | Playlist],
        *,
        host: str = "127.0.0.1",
        first_port: int = 0,
        speed: float = 1.0,
        uptime: float | None = None,
        loop: bool = True,
        copies: int = 1,
        stagger: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # One player for each recording, so that what it renders serves every port that plays it.
        players: dict[Recording | Playlist, Player] = {}
        for source in servers:
            if source not in players:
                if isinstance(source, Recording):
                    playlist = Playlist((source,), "loop-last" if loop else "hold")
                else:
                    playlist = source
                players[source] = Player(playlist, speed, uptime)
        self._endpoints = [
            Endpoint(players[source], copies, stagger, clock, number)
            for number, source in enumerate(servers)
        ]
        self._host, self._first_port = host, first_port
        self._sockets: list[socket.socket] = []
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    @property
    def urls(self) -> list[str]:
        """The base address of every server, in the order they were given; empty when stopped."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        addresses = []
        for endpoint, bound in zip(self._endpoints, self._sockets, strict=False):
            base = f"http://{host}:{bound.getsockname()[1]}"
            paths = (
                [f"/s/{copy}" for copy in range(endpoint.copies)] if endpoint.copies > 1 else [""]
            )
            addresses += [base + path for path in paths]
        return addresses

    @property
    def gpu_uuids(self) -> list[str]:
        """The UUID of the GPU under every server, shown at its /gpu/metrics where one was recorded.

        With the `GPU-` that nvidia_gpu_exporter leaves out on its page.
        """
        return [
            f"GPU-{endpoint.uuid(copy)}"
            for endpoint in self._endpoints
            for copy in range(endpoint.copies)
        ]

    def start(self) -> None:
        """Bind the ports and play; raise `ConfigError` where a port cannot be had."""
        for number, endpoint in enumerate(self._endpoints):
            port = self._first_port + number if self._first_port else 0
            if not 0 <= port <= _LAST_PORT:
                self._close()
                raise ConfigError(f"there is no port {port}: give a lower first port")
            try:
                family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
                bound = socket.create_server((self._host, port), family=family, backlog=_BACKLOG)
            except OSError as error:
                self._close()
                reason = str(error.strerror or error).partition(" (while")[0]
                raise ConfigError(f"cannot listen on {self._host} port {port}: {reason}") from error
            self._sockets.append(bound)
            endpoint.start_playing()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="replay", daemon=True
        )
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Close all connections and ports."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._thread = None
            self._ready.clear()
        self._close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        pairs = zip(self._endpoints, self._sockets, strict=True)
        servers = [
            await self._loop.create_server(partial(Connection, endpoint), sock=bound)
            for endpoint, bound in pairs
        ]
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        for endpoint in self._endpoints:
            for transport in list(endpoint.connections):
                transport.abort()
        # An aborted connection is closed in the loop's next turn.
        await asyncio.sleep(0)

    def _close(self) -> None:
        while self._sockets:
            self._sockets.pop().close()


def replay(
    names: Sequence[str],
    listen_host: str = "127.0.0.1",
    first_port: int = 0,
    speed: float = 1.0,
    loop: bool = True,
    until: threading.Event | None = None,
) -> None:
    """Play recordings until the keyboard interrupts or `until` is set, naming each address."""
    recordings = [load_recording(find_recording(name)) for name in names]
    servers = ReplayServer(
        recordings, host=listen_host, first_port=first_port, speed=speed, loop=loop
    )
    with servers:
        for recording, url in zip(recordings, servers.urls, strict=True):
            description = f"{recording.engine} {recording.engine_version}, {recording.model}"
            print(f"{url}  {recording.name} ({description})", flush=True)
        try:
            (until or threading.Event()).wait()
        except KeyboardInterrupt:
            return
