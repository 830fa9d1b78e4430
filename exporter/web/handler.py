"""One connection: requests are read, checked and passed to the app; responses have deadlines."""

import logging
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from .app import TEXT_TYPE, Request, Response, text_response
from .listener import Listener

# Longer than the usual scrape interval of one minute, so that connections outlive it.
_IDLE_SECONDS: Final = 90.0
_SEND_SECONDS: Final = 60.0
_BODY_BYTES: Final = 65_536
_SEND_BYTES: Final = 65_536
# A probe answered with "busy" would get the process killed for being busy.
_PROBE_PATHS: Final = ("/-/healthy", "/-/ready")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}
_log: Final = logging.getLogger(__name__)


class Handler(BaseHTTPRequestHandler):
    """Reads requests from one connection, as long as it is open, and writes the responses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = TEXT_TYPE
    server: Listener

    def _handle(self) -> None:
        fault = self._read_body()
        if fault is not None:
            self.close_connection = True
            self._send(fault)
            return
        try:
            path = urlsplit(self.path).path
        except ValueError:
            path = ""
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, headers)
        rejection = self.server.rejection(request)
        if rejection is not None:
            self._send(rejection)
        elif path in _PROBE_PATHS:
            self._send(self.server.app.respond(request))
        elif self.server.request_slots.acquire(blocking=False):
            try:
                self._send(self.server.app.respond(request))
            finally:
                self.server.request_slots.release()
        else:
            sentence = f"Busy: {self.server.max_requests} requests are being answered already."
            self._send(
                text_response(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"Retry-After": "1"})
            )

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle

    def _read_body(self) -> Response | None:
        """Read and drop the request's body; no page uses one. Return the fault, if any."""
        if "Transfer-Encoding" in self.headers:
            return text_response(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length.")
        length, *others = self.headers.get_all("Content-Length", ["0"])
        if others or not (length.isascii() and length.isdigit()):
            return text_response(HTTPStatus.BAD_REQUEST, "Content-Length is not one number.")
        if len(length) > 9 or int(length) > _BODY_BYTES:
            return text_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No page here reads a body.")
        self.rfile.read(int(length))
        return None

    def _send(self, response: Response) -> None:
        """Write the response before one deadline, however slowly the client reads."""
        deadline = monotonic() + _SEND_SECONDS
        pending = bytearray(self._head(response))
        for block in response.body if self.command != "HEAD" else ():
            pending += block
            if len(pending) >= _SEND_BYTES:
                self._send_bytes(pending, deadline)
                pending.clear()
        self._send_bytes(pending, deadline)
        self.connection.settimeout(self.timeout)

    def _send_bytes(self, data: bytearray, deadline: float) -> None:
        self.connection.settimeout(max(deadline - monotonic(), 0.001))
        self.connection.sendall(data)

    def _head(self, response: Response) -> bytes:
        headers = {
            "Date": self.date_time_string(),
            "Content-Type": response.content_type,
            "Content-Length": str(response.length),
            **_HEADERS,
            **response.headers,
            **self.server.extra_headers(),
        }
        if self.close_connection:
            headers["Connection"] = "close"
        elif self.request_version == "HTTP/1.0":
            headers["Connection"] = "keep-alive"
        lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if value]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def version_string(self) -> str:
        """Name the program, not the Python it runs on."""
        return "inferfleet"

    def log_message(self, format: str, *args: object) -> None:
        """Log requests and client faults at debug level only."""
        _log.debug("%s: %r", self.address_string(), format % args)
