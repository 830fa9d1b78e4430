"""The listening socket: its connections, their threads and TLS, and which requests are rejected."""

import logging
import socket
import threading
from http import HTTPStatus
from socketserver import BaseRequestHandler, TCPServer, ThreadingMixIn
from typing import Any, Final

from ..base.errors import ConfigError
from .access_control import AccessControl
from .address import ListenAddress, open_socket
from .app import App, Request, Response, text_response

MAX_CONNECTIONS: Final = 256

_HANDSHAKE_SECONDS: Final = 10.0
_log: Final = logging.getLogger(__name__)


class Listener(ThreadingMixIn, TCPServer):
    """The listening socket and its open connections, each served by a `handler` of its own."""

    daemon_threads = True

    def __init__(
        self,
        listen: ListenAddress,
        handler: type[BaseRequestHandler],
        app: App,
        access: AccessControl | None,
        max_requests: int,
    ) -> None:
        super().__init__(("", 0), handler, bind_and_activate=False)
        self.socket.close()
        self.socket = open_socket(listen)
        self.app = app
        self.max_requests = max_requests
        self.request_slots = threading.BoundedSemaphore(max_requests)
        self._access = access
        self._connections: set[socket.socket] = set()

    def rejection(self, request: Request) -> Response | None:
        """Return the response to a request that is not allowed, None for one that is."""
        if self._access is None:
            return None
        try:
            if self._access.is_authorized(request.headers.get("authorization", "")):
                return None
        except ConfigError as error:
            _log.error("a request was rejected: %s", error)
            sentence = "The web configuration file is unusable; the log says why."
            return text_response(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
        challenge = {"WWW-Authenticate": 'Basic realm="inferfleet", charset="UTF-8"'}
        return text_response(HTTPStatus.UNAUTHORIZED, "Give user name and password.", challenge)

    def extra_headers(self) -> dict[str, str]:
        """Return the headers of the web configuration, none while its file is unusable."""
        if self._access is None:
            return {}
        try:
            return self._access.config().http_server_config.headers
        except ConfigError:
            return {}

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread, or close it where there are too many already."""
        if len(self._connections) >= MAX_CONNECTIONS:
            _log.debug(
                "%s: closed, %d connections are open", client_address, len(self._connections)
            )
            self.shutdown_request(request)
            return
        self._connections.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its own thread, TLS handshake included, so that no other waits."""
        if self._access is None or not self._access.encrypts:
            super().finish_request(request, client_address)
            return
        request.settimeout(_HANDSHAKE_SECONDS)
        encrypted = self._access.tls_context().wrap_socket(request, server_side=True)
        self._connections.add(encrypted)
        try:
            super().finish_request(encrypted, client_address)
        finally:
            self.shutdown_request(encrypted)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Shut every connection down; threads that wait for a next request end with it."""
        for connection in self._connections.copy():
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what ended a connection; a client that left or sent no TLS is no error here."""
        try:
            raise
        except OSError as error:
            _log.debug("%s: %s", client_address, error)
        except ConfigError as error:
            _log.error("a connection was rejected: %s", error)
        except Exception:
            _log.exception("%s: the connection failed", client_address)
