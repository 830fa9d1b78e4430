"""One HTTP/1.1 answer, read from bytes as they come: no socket, no clock.

RFC 9112. What a server may send without end is bounded: bytes of headers (those of interim answers
and trailers with them), of the body, and of what frames the chunks of a body.
"""

import re
from collections.abc import Callable
from typing import Final

from .budget import ByteBudget
from .encoding import decoded
from .http_response import HttpResponse
from .problem import ExchangeError, broken_off

MAX_HEADER_BYTES: Final = 64 * 2**10
_MAX_CHUNK_LINE: Final = 1024
_MAX_FRAMING_BYTES: Final = 2 * 2**20

_STATUS: Final = re.compile(rb"HTTP/1\.([0-9]) +([1-9][0-9]{2})(?: |$)")
_END: Final = re.compile(rb"\n\r?\n")
_SECONDS: Final = re.compile(r"[0-9]{1,9}")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_CHUNK: Final = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?\r?\n")
CLOSED: Final = "the connection was closed without one"
_TLS_ALERT: Final = b"\x15\x03"
"""What a server of TLS says to one without."""
_FEW: Final = 5
"""Bytes from which on an answer shows whether it is HTTP."""


class ResponseParser:
    """Reads one answer; `max_bytes` bounds its body, decompressed or not.

    `feed` takes what has come and says whether the answer is known: of a status other than 200 the
    head is enough, unless `error_bodies` are read too; to a request for a tunnel (`head_only`) it
    always is. A large one holds its bytes of the `budget`. `complete` says whether the end has come
    too, and `keep_alive` whether another request may follow on the connection. Methods raise
    `ExchangeError`.

    A `sink` takes the body of a 200 answer as it comes, first nothing, with the head; then
    `max_bytes` bounds only what comes together. Where it raises `ExchangeError` the exchange ends.
    """

    def __init__(
        self,
        max_bytes: int,
        budget: ByteBudget | None = None,
        *,
        error_bodies: bool = False,
        head_only: bool = False,
        sink: Callable[[bytes], None] | None = None,
    ) -> None:
        self._budget = budget or ByteBudget(max_bytes)
        self.status = 0
        self.complete = False
        self._error_bodies, self._head_only = error_bodies, head_only
        self._sink = sink
        self._keep_alive = False
        self._max_bytes = max_bytes
        self._headers: dict[str, str] = {}
        self._pending = bytearray()
        self._body: list[bytes] = []
        self._length = 0
        self._chunk = 0
        self._searched = 0
        self._header_bytes = 0
        self._framing_bytes = 0
        self._body_bytes = 0
        self._until_closed = False
        self._discarded = False
        self.on_discard: Callable[[], None] | None = None
        self._step: Callable[[], bool] = self._head

    @property
    def started(self) -> bool:
        """Whether any byte of the answer has come."""
        return bool(self._pending or self._header_bytes)

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may carry another exchange: nothing came after the end."""
        return self.complete and self._keep_alive and not self._pending

    def feed(self, received: bytes) -> bool:
        """Take bytes of the answer and return whether it is known."""
        if not self._discarded:
            self._pending += received
            while not self.complete and self._step():
                pass
            self._budget.hold(self, len(self._pending) + self._body_bytes)
        return self.complete or self._discarded or (self.status >= 200 and not self._reads_body)

    def discard(self) -> None:
        """Drop what has come: of the answer nothing is used."""
        self._discarded = True
        self._pending.clear()
        self._body.clear()
        if self.on_discard:
            self.on_discard()

    def release(self) -> None:
        """Hold nothing any more, of the budget or in memory."""
        self._budget.release(self)
        # its step is a method of its own: only the collector of cycles would free them
        self._pending.clear()
        self._body.clear()

    def feed_eof(self) -> None:
        """Take the end of the connection, which is that of a body without a length."""
        if self._until_closed:
            self._take(len(self._pending))
            self.complete = True
        elif not self.started:
            raise broken_off(CLOSED)
        elif not self.complete:
            raise broken_off("the connection was closed before its end")

    def response(self) -> HttpResponse:
        """Return the complete answer, without a body where it is not read."""
        if self._discarded:
            raise ExchangeError("too_large", f"sent an answer that {self._budget.sentence}")
        if not self._reads_body:
            return HttpResponse(b"", "", self.status)
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        body = decoded(body, self._headers.get("content-encoding", ""), self._max_bytes)
        retry_after = _SECONDS.fullmatch(self._headers.get("retry-after", ""))
        return HttpResponse(
            body,
            self._headers.get("content-type", ""),
            self.status,
            float(retry_after[0]) if retry_after else 0.0,
        )

    @property
    def _reads_body(self) -> bool:
        return self.status == 200 or self._error_bodies

    def _head(self) -> bool:
        """Read status and headers; interim answers are passed over."""
        pending = self._pending
        if pending.startswith(_TLS_ALERT):
            raise broken_off("it speaks TLS: write https:// where http:// stands")
        if len(pending) >= _FEW and not pending.startswith(b"HTTP/"):
            raise broken_off(_quoted(pending.partition(b"\n")[0]))
        end = _END.search(pending, self._searched)
        self._searched = 0 if end else max(len(pending) - 2, 0)
        self._count_header_bytes(end.end() if end else len(pending), final=end is not None)
        if end is None:
            return False
        status_line, *lines = bytes(pending[: end.start()]).split(b"\n")
        del pending[: end.end()]
        match = _STATUS.match(status_line.rstrip())
        if match is None:
            raise broken_off(_quoted(status_line))
        self.status = int(match[2])
        if self.status == 101:
            raise broken_off("it changes to another protocol, which was not asked for")
        if self.status >= 200:
            self._read_headers(lines, http_11=match[1] != b"0")
        return True

    def _count_header_bytes(self, count: int, final: bool) -> None:
        if self._header_bytes + count > MAX_HEADER_BYTES:
            raise broken_off(f"it has more than {MAX_HEADER_BYTES} bytes of headers")
        if final:
            self._header_bytes += count

    def _read_headers(self, lines: list[bytes], http_11: bool) -> None:
        headers = self._headers
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon and line.strip():
                raise broken_off(f"a header has no colon: {_quoted(line)}")
            key = name.decode("latin-1").strip().lower()
            text = value.decode("latin-1").strip()
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        connection = headers.get("connection", "").lower()
        self._keep_alive = "close" not in connection if http_11 else "keep-alive" in connection
        if self._head_only:
            self.complete = self._keep_alive = True
        else:
            self._step = self._body_step()
        if self._streams:
            self._deliver(b"")

    def _body_step(self) -> Callable[[], bool]:
        """Return what reads the body, by RFC 9112, section 6.3."""
        headers = self._headers
        coding = headers.get("transfer-encoding", "").lower()
        if self.status in (204, 304):
            self.complete = True
        elif coding == "chunked":
            # a length beside it may come from someone who smuggles: not a connection to keep
            self._keep_alive = self._keep_alive and "content-length" not in headers
            return self._chunk_size
        elif coding:
            raise broken_off(f"its transfer encoding is {coding!r}")
        elif length := headers.get("content-length"):
            lengths = {part.strip() for part in length.split(",")}
            if len(lengths) > 1 or not _LENGTH.fullmatch(next(iter(lengths))):
                raise broken_off(f"its length is {length!r}")
            self._length = int(lengths.pop())
            self._check_size(self._length)
            return self._whole_body
        else:
            self._keep_alive, self._until_closed = False, True
            return self._endless_body
        return self._head

    @property
    def _streams(self) -> bool:
        return self._sink is not None and self.status == 200

    def _deliver(self, part: bytes) -> None:
        if self._sink is not None and self._streams:
            self._sink(part)
        else:
            self._body.append(part)
            self._body_bytes += len(part)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes and self._reads_body:
            raise ExchangeError("too_large", f"sent more than {self._max_bytes} bytes")

    def _whole_body(self) -> bool:
        if len(self._pending) < self._length:
            return False
        self._take(self._length)
        self.complete = True
        return False

    def _endless_body(self) -> bool:
        self._check_size(len(self._pending))
        if self._streams:
            self._take(len(self._pending))
        return False

    def _chunk_size(self) -> bool:
        end = self._pending.find(b"\n", 0, _MAX_CHUNK_LINE)
        if end < 0:
            if len(self._pending) >= _MAX_CHUNK_LINE:
                raise broken_off("the size of a chunk has no end")
            return False
        line = bytes(self._pending[: end + 1])
        match = _CHUNK.fullmatch(line)
        if match is None:
            raise broken_off(f"a chunk's size is {_quoted(line)!r}")
        del self._pending[: end + 1]
        self._framing_bytes += len(line) + 2
        if self._framing_bytes > _MAX_FRAMING_BYTES:
            raise broken_off("it comes in too many chunks")
        size = int(match[1], 16)
        if size == 0:
            self._step = self._trailer
            return True
        self._length = size if self._streams else self._length + size
        self._check_size(self._length)
        self._chunk = size
        self._step = self._chunk_data
        return True

    def _chunk_data(self) -> bool:
        size, pending = self._chunk, self._pending
        if len(pending) < size + 2 and pending[size:] != b"\n":
            return False
        self._take(size)
        line_break = 1 if pending.startswith(b"\n") else 2
        if line_break == 2 and not pending.startswith(b"\r\n"):
            raise broken_off("a chunk is longer than its size")
        del pending[:line_break]
        self._step = self._chunk_size
        return True

    def _trailer(self) -> bool:
        end = self._pending.find(b"\n")
        self._count_header_bytes(end + 1 if end >= 0 else len(self._pending), final=end >= 0)
        if end < 0:
            return False
        line = self._pending[: end + 1].strip()
        del self._pending[: end + 1]
        self.complete = not line
        return True

    def _take(self, size: int) -> None:
        """Move the next bytes to the body."""
        with memoryview(self._pending) as view:
            part = bytes(view[:size])
        del self._pending[:size]
        self._deliver(part)


def _quoted(line: bytes | bytearray) -> str:
    return bytes(line[:200]).decode("latin-1").strip()
