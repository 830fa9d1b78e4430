"""One connection: its requests one after another, each step under a deadline of its own."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from typing import Final

from .failures import Failures
from .message import (
    HEAD_BYTES,
    Request,
    RequestError,
    Response,
    encode_head,
    parse_head,
    text_response,
)

HEAD_SECONDS: Final = 10.0
RESPONSE_SECONDS: Final = 60.0
# Longer than the usual scrape interval of one minute, so that connections outlive it.
IDLE_SECONDS: Final = 90.0

_LINGER_SECONDS: Final = 1.0
_log: Final = logging.getLogger(__name__)

Respond = Callable[[Request], Awaitable[Response]]
ExtraHeaders = Callable[[], Mapping[str, str]]


class Connection:
    """Reads requests from a client, as long as it is open, and writes the responses.

    `busy` is true from a whole request to the end of its response; `since` is when it last changed.
    """

    def __init__(self, client: str, failures: Failures) -> None:
        self.client = client
        self.busy = False
        self.since = monotonic()
        self.closing = False
        self._failures = failures

    async def serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        respond: Respond,
        extra_headers: ExtraHeaders,
    ) -> None:
        """Answer requests until either side closes or a deadline passes."""
        # what is drained is then with the kernel, and nothing is left to wait for at the end
        writer.transport.set_write_buffer_limits(high=1, low=0)
        first = True
        while not self.closing:
            try:
                request = await self._read(reader, first)
            except RequestError as error:
                self._failures.add("bad_request", f"{self.client}: {error}")
                await self._reject(reader, writer, error, extra_headers())
                return
            if request is None:
                return
            self._mark(busy=True)
            try:
                async with asyncio.timeout(RESPONSE_SECONDS):
                    response = await respond(request)
                    keep_alive = request.keep_alive and not self.closing
                    head = encode_head(response, keep_alive, extra_headers())
                    await _send(writer, head, response, request.method != "HEAD")
            except TimeoutError:
                self._failures.add(
                    "response_timeout",
                    f"{self.client}: {request.path[:100]} was not written and taken "
                    f"within {RESPONSE_SECONDS:.0f} s",
                )
                writer.transport.abort()
                return
            self._mark(busy=False)
            if not keep_alive:
                return
            first = False

    def _mark(self, busy: bool) -> None:
        self.busy, self.since = busy, monotonic()

    async def _read(self, reader: asyncio.StreamReader, first: bool) -> Request | None:
        """Return the next request, None if there is none; the `first` must begin sooner."""
        overdue = first
        try:
            async with asyncio.timeout(HEAD_SECONDS if first else IDLE_SECONDS) as deadline:
                begin = await reader.read(1)
                if not begin:
                    return None
                overdue = True
                deadline.reschedule(asyncio.get_running_loop().time() + HEAD_SECONDS)
                if not (begin.isalpha() or begin in b"\r\n"):
                    raise RequestError(HTTPStatus.BAD_REQUEST, "This is not HTTP/1.")
                request = parse_head(begin + await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(request.length)
                return request
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError as error:
            raise RequestError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"The head of a request may have {HEAD_BYTES} bytes.",
            ) from error
        except TimeoutError:
            if overdue:
                self._failures.add(
                    "request_timeout",
                    f"{self.client}: no whole request came within {HEAD_SECONDS:.0f} s",
                )
            return None

    async def _reject(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        error: RequestError,
        extra_headers: Mapping[str, str],
    ) -> None:
        """Answer what is no request, and read on for a moment: a reset would take the answer."""
        response = text_response(error.status, str(error))
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                await _send(writer, encode_head(response, False, extra_headers), response, True)
                if writer.can_write_eof():
                    writer.write_eof()
                while await reader.read(HEAD_BYTES):
                    pass


async def _send(
    writer: asyncio.StreamWriter, head: bytes, response: Response, with_body: bool
) -> None:
    for block in response.blocks if with_body else ():
        writer.write(head + block)
        head = b""
        await writer.drain()
        # a client that reads fast must not keep the loop from the others
        await asyncio.sleep(0)
    if head:
        writer.write(head)
        await writer.drain()
