"""The HTTP server: sockets, threads, limits, TLS and authentication around an `App`.

One thread a connection, HTTP/1.1 with keep-alive. Nobody can hold the exporter up: connections,
requests answered at once, the size of a request and the time of each step are bounded.
"""

import logging
import socket
import threading
from http import HTTPStatus
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

from ..config import DEFAULT_LISTEN
from ..errors import ConfigError
from .app import App, Pages, Request, Response, text
from .handler import Handler
from .listen import Listen, open_socket, parse_listen
from .toolkit import Guard

MAX_REQUESTS: Final = 40
MAX_CONNECTIONS: Final = 256

_HANDSHAKE_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 5.0
_log: Final = logging.getLogger(__name__)


class Listener(ThreadingMixIn, TCPServer):
    """The listening socket, its open connections, and who may ask what."""

    daemon_threads = True

    def __init__(self, listen: Listen, app: App, guard: Guard | None, max_requests: int) -> None:
        super().__init__(("", 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = open_socket(listen)
        self.app = app
        self.max_requests = max_requests
        self.gate = threading.BoundedSemaphore(max_requests)
        self._guard = guard
        self._open: set[socket.socket] = set()

    def refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that may not pass, None for one that may."""
        if self._guard is None:
            return None
        try:
            if self._guard.admits(request.headers.get("authorization", "")):
                return None
        except ConfigError as error:
            _log.error("a request was turned away: %s", error)
            sentence = "The web configuration file is unusable; the log says why."
            return text(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
        challenge = {"WWW-Authenticate": 'Basic realm="inferfleet", charset="UTF-8"'}
        return text(HTTPStatus.UNAUTHORIZED, "Give user name and password.", challenge)

    def extra_headers(self) -> dict[str, str]:
        """Return the headers the operator set; while the file is unusable there are none."""
        if self._guard is None:
            return {}
        try:
            return self._guard.settings().http_server_config.headers
        except ConfigError:
            return {}

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or close it where there are too many already."""
        if len(self._open) >= MAX_CONNECTIONS:
            _log.debug("%s: closed, %d connections are open", client_address, len(self._open))
            self.shutdown_request(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, in its own thread; TLS shakes hands here so that nobody waits."""
        if self._guard is None or not self._guard.encrypts:
            super().finish_request(request, client_address)
            return
        request.settimeout(_HANDSHAKE_SECONDS)
        encrypted = self._guard.context().wrap_socket(request, server_side=True)
        self._open.add(encrypted)
        try:
            super().finish_request(encrypted, client_address)
        finally:
            self.shutdown_request(encrypted)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Wake every thread that waits for its client's next request, and let it end."""
        for connection in self._open.copy():
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what ended a connection; a client that left or spoke no TLS is no error of ours."""
        try:
            raise
        except OSError as error:
            _log.debug("%s: %s", client_address, error)
        except ConfigError as error:
            _log.error("a connection was turned away: %s", error)
        except Exception:
            _log.exception("%s: the connection failed", client_address)


class Server:
    """The exporter's HTTP server; a context manager that serves in threads of its own.

    Construction reads the web configuration file and binds the address, so that both are known to
    be good before anything else begins; it raises `ConfigError`.
    """

    def __init__(
        self,
        pages: Pages,
        listen: str = DEFAULT_LISTEN,
        web_config: Path | None = None,
        max_requests: int = MAX_REQUESTS,
    ) -> None:
        guard = Guard(web_config) if web_config is not None else None
        self._scheme = "https" if guard is not None and guard.encrypts else "http"
        self._listener = Listener(parse_listen(listen), App(pages), guard, max_requests)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port listened on, also where the address left the choice open."""
        port: int = self._listener.socket.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The base address, for logs; `0.0.0.0` or `[::]` mean every interface."""
        host = self._listener.socket.getsockname()[0]
        return f"{self._scheme}://{Listen(host, self.port)}/"

    def start(self) -> None:
        """Begin to answer."""
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.1,), name="web", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop: accept nobody new, let running answers end for a few seconds, then hang up."""
        if self._thread is not None:
            self._listener.shutdown()
            self._thread.join()
        self._listener.server_close()
        deadline = monotonic() + _GRACE_SECONDS
        for _ in range(self._listener.max_requests):
            self._listener.gate.acquire(timeout=max(deadline - monotonic(), 0.0))
        self._listener.hang_up()

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
