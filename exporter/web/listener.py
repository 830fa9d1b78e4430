"""The listening socket: its connections, their threads and TLS, and which requests are refused."""

import logging
import socket
import threading
from http import HTTPStatus
from socketserver import BaseRequestHandler, TCPServer, ThreadingMixIn
from typing import Any, Final

from ..errors import ConfigError
from .app import App, Request, Response, text
from .listen import Listen, open_socket
from .toolkit import Guard

MAX_CONNECTIONS: Final = 256

_HANDSHAKE_SECONDS: Final = 10.0
_log: Final = logging.getLogger(__name__)


class Listener(ThreadingMixIn, TCPServer):
    """The listening socket and its open connections, each served by a `handler` of its own."""

    daemon_threads = True

    def __init__(
        self,
        listen: Listen,
        handler: type[BaseRequestHandler],
        app: App,
        guard: Guard | None,
        max_requests: int,
    ) -> None:
        super().__init__(("", 0), handler, bind_and_activate=False)
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
