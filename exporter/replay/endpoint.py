"""What one port of a replay serves: recorded pages and answers over HTTP/1.1 with keep-alive.

A server that is down closes the connection without an answer, which is as near to a refused
connection as an address can come that shares its port with others.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import responses
from typing import Final

from .playlist import Player

_MAX_HEAD_BYTES: Final = 16 * 2**10
_GPU_PATH: Final = "/gpu/metrics"
_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_JSON: Final = "application/json"
_NOT_FOUND: Final = (404, _JSON, b'{"detail":"Not Found"}')
_NOT_ALLOWED: Final = (405, _JSON, b'{"detail":"Method Not Allowed"}')

StatusTypeBody = tuple[int, str, bytes]


@dataclass(slots=True)
class Endpoint:
    """What one port serves, and the connections open to it."""

    player: Player
    copies: int
    stagger: float
    clock: Callable[[], float]
    number: int
    started: float = 0.0
    epoch: float = 0.0
    connections: set[asyncio.Transport] = field(default_factory=set)

    def uuid(self, copy: int) -> str:
        """Return the UUID of a copy's GPU as its page writes it."""
        return f"replay-{self.number}" + (f"-{copy}" if self.copies > 1 else "")

    def start_playing(self) -> None:
        """Start the servers: their recordings play from now."""
        self.started, self.epoch = self.clock(), time.time()

    def respond(self, target: str) -> StatusTypeBody | None:
        """Return status, content type and body for a path and query; None while down."""
        offset, copy = 0.0, 0
        if self.copies > 1:
            _, prefix, number, *rest = [*target.split("/", 3), "", ""][:4]
            copy = int(number) if number.isdecimal() else self.copies
            if prefix != "s" or copy >= self.copies:
                return _NOT_FOUND
            target, offset = f"/{rest[0]}", copy * self.stagger
        state = self.player.state_at(self.clock() - self.started + offset)
        if state is None:
            return None
        path = target.partition("?")[0]
        if path == "/metrics":
            return 200, state.content_type, state.metrics(self.epoch - offset)
        if path == _GPU_PATH:
            gpu = state.gpu_metrics(self.uuid(copy))
            return (200, _TEXT, gpu) if gpu else _NOT_FOUND
        answers = state.track.recording.answers
        answer = answers.get(target) or answers.get(path)
        if answer is None:
            return _NOT_FOUND
        return answer.status, answer.content_type, answer.body.encode()


class Connection(asyncio.Protocol):
    """One client; requests carry no body, so a head is a whole request."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._pending = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._endpoint.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._endpoint.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        *heads, self._pending = (self._pending + data).split(b"\r\n\r\n")
        for head in heads:
            if not self._transport.is_closing():
                self._answer(head.decode("latin-1"))
        if len(self._pending) > _MAX_HEAD_BYTES:
            self._transport.abort()

    def _answer(self, head: str) -> None:
        request, *fields = head.split("\r\n")
        method, target, version = [*request.split(" "), "", ""][:3]
        known = method in ("GET", "HEAD")
        response = self._endpoint.respond(target) if known else _NOT_ALLOWED
        if response is None:
            self._transport.abort()
            return
        status, content_type, body = response
        closing = any(field.lower().replace(" ", "") == "connection:close" for field in fields)
        keep = known and version == "HTTP/1.1" and not closing
        lines = (
            f"HTTP/1.1 {status} {responses.get(status, '')}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body)}",
            f"Connection: {'keep-alive' if keep else 'close'}",
            "\r\n",
        )
        sent = "\r\n".join(lines).encode("latin-1")
        self._transport.write(sent if method == "HEAD" else sent + body)
        if not keep:
            self._transport.close()
