"""The exporter's HTTP server: an `App` behind a listening socket, from start to close.

One thread, one event loop: an idle connection costs no thread and no wake-up, and a deadline for
each step of a client is a timer. Pages are written, and passwords checked, in threads, so that no
probe waits behind either. HTTP/1.1 with keep-alive.
"""

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..base.event_loop import EventLoopThread
from ..config import DEFAULT_LISTEN
from .access_control import AccessControl
from .address import ListenAddress, open_socket, parse_listen
from .app import App, Backend
from .failures import Failures
from .listener import Listener
from .message import Request, Response

_GRACE_SECONDS: Final = 1.5
_START_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 0.5


class WebServer:
    """The exporter's HTTP server; a context manager that serves in a thread of its own.

    Construction reads the web configuration file and binds the address, so that both are known to
    be good before anything else starts; it raises `ConfigError`.
    """

    def __init__(
        self, backend: Backend, listen: str = DEFAULT_LISTEN, web_config: Path | None = None
    ) -> None:
        self._access = AccessControl(web_config) if web_config is not None else None
        self._encrypts = self._access is not None and self._access.encrypts
        self.failures = Failures()
        self._app = App(backend, self.failures)
        self._socket = open_socket(parse_listen(listen))
        self._address = self._socket.getsockname()
        self._listener = Listener(
            self._socket,
            self._respond,
            self._access.extra_headers if self._access else dict,
            self._access.tls_context if self._access and self._encrypts else lambda: None,
            self.failures,
        )
        self._loop = EventLoopThread("web")

    @property
    def port(self) -> int:
        """The port listened on, also where the address left the choice open."""
        port: int = self._address[1]
        return port

    @property
    def url(self) -> str:
        """The base address to open on this machine."""
        scheme = "https" if self._encrypts else "http"
        return f"{scheme}://{ListenAddress(self._address[0], self.port).reachable}/"

    @property
    def connections(self) -> int:
        """Connections open now."""
        return self._listener.connections

    def start(self) -> None:
        """Start to serve."""
        self._loop.start()
        self._loop.run(self._listener.start(), _START_SECONDS)

    def close(self) -> None:
        """Stop: accept nothing new, let responses end for a moment, then close connections."""
        if self._loop.alive:
            with suppress(TimeoutError):
                self._loop.run(self._listener.close(_GRACE_SECONDS), _GRACE_SECONDS + _STOP_SECONDS)
            self._loop.stop(_STOP_SECONDS)
        self._socket.close()

    async def _respond(self, request: Request) -> Response:
        rejection = await self._access.rejection(request) if self._access else None
        return rejection or await self._app.respond(request)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
