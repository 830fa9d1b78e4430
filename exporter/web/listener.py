"""The listening socket: connections accepted, bounded in number, encrypted, and ended.

Nothing here wakes up unless a client does something or a deadline passes.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from ..base.errors import ConfigError
from .connection import Connection, ExtraHeaders, Respond
from .failures import Failures
from .message import HEAD_BYTES

MAX_CONNECTIONS: Final = 256

_ACCEPTS: Final = 32
_HANDSHAKE_SECONDS: Final = 10.0
_SHUTDOWN_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.05
_log: Final = logging.getLogger(__name__)

TlsContext = Callable[[], ssl.SSLContext | None]


class Listener:
    """Accepts connections on a listening socket and serves each; belongs to one event loop.

    `tls_context` returns the context for the next connection, None for one without encryption; it
    raises `ConfigError` where there should be one.
    """

    def __init__(
        self,
        listening: socket.socket,
        respond: Respond,
        extra_headers: ExtraHeaders,
        tls_context: TlsContext,
        failures: Failures,
    ) -> None:
        self._socket = listening
        self._respond = respond
        self._extra_headers = extra_headers
        self._tls_context = tls_context
        self._failures = failures
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop
        self._resuming: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._connections)

    async def start(self) -> None:
        """Begin to accept."""
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._resume()

    async def close(self, seconds: float) -> None:
        """Accept nothing more, let responses end for some seconds, then close what is open."""
        self._loop.remove_reader(self._socket)
        if self._resuming:
            self._resuming.cancel()
        for connection, task in self._connections.items():
            connection.closing = True
            if not connection.busy:
                task.cancel()
        tasks = list(self._connections.values())
        if tasks:
            _, running = await asyncio.wait(tasks, timeout=seconds)
            for task in running:
                task.cancel()

    def _accept(self) -> None:
        """Accept what waits, some at a time: no storm keeps the loop from those that are open."""
        for _ in range(_ACCEPTS):
            try:
                connected, address = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                # Without a free descriptor the next attempt would fail at once, and the next.
                self._failures.add("accept", f"no connection can be accepted: {error.strerror}")
                self._close_idlest()
                self._loop.remove_reader(self._socket)
                self._resuming = self._loop.call_later(_PAUSE_SECONDS, self._resume)
                return
            connected.setblocking(False)
            if len(self._connections) >= MAX_CONNECTIONS:
                self._failures.add(
                    "connection_limit",
                    f"{len(self._connections)} connections are open: the longest idle is closed "
                    f"for {address[0]}",
                )
                self._close_idlest()
            self._begin(connected, str(address[0]))

    def _resume(self) -> None:
        self._loop.add_reader(self._socket, self._accept)

    def _begin(self, connected: socket.socket, client: str) -> None:
        connection = Connection(client, self._failures)
        task = self._loop.create_task(self._serve(connection, connected))
        self._connections[connection] = task

        def end(_: object) -> None:
            self._connections.pop(connection, None)
            connected.close()

        task.add_done_callback(end)

    def _close_idlest(self) -> None:
        """Close the connection that has waited longest for a request, else for a response."""
        if self._connections:
            idlest = min(self._connections, key=lambda other: (other.busy, other.since))
            self._connections.pop(idlest).cancel()

    async def _serve(self, connection: Connection, connected: socket.socket) -> None:
        try:
            reader, writer = await self._open(connected)
        except ConnectionResetError:
            return
        except (OSError, ConfigError) as error:
            self._failures.add("tls", f"{connection.client}: no TLS: {_reason(error)}")
            return
        try:
            await connection.serve(reader, writer, self._respond, self._extra_headers)
            writer.close()
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                await writer.wait_closed()
        except OSError as error:
            _log.debug("%s: %s", connection.client, error)
        except Exception:
            _log.exception("%s: the connection failed", connection.client)
        finally:
            writer.transport.abort()

    async def _open(
        self, connected: socket.socket
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the streams of a connection, after the handshake where it is encrypted."""
        context = self._tls_context()
        reader = asyncio.StreamReader(HEAD_BYTES)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await self._loop.connect_accepted_socket(
            lambda: protocol,
            connected,
            ssl=context,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if context else None,
            ssl_shutdown_timeout=_SHUTDOWN_SECONDS if context else None,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, self._loop)


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    if reason == "HTTP_REQUEST":
        return "the client speaks plain HTTP; let it use https://"
    return str(reason or error)
