"""One connection to a server, kept open between the exchanges it carries one after another."""

import asyncio
import os
import socket
import ssl
from collections.abc import Sequence

from .problem import ExchangeError, broken_off, unreachable
from .resolver import Address
from .response import CLOSED, ResponseParser
from .tls import TlsSession


class Connection(asyncio.Protocol):
    """A connection that is open; see `connect`."""

    def __init__(self) -> None:
        self.closed = False
        self._tls: TlsSession | None = None
        self._transport: asyncio.Transport
        self._parser: ResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def handshake(self, tls: TlsSession) -> None:
        """Wait until TLS is set up; raises `ExchangeError`."""
        self._waiter = asyncio.get_running_loop().create_future()
        self._tls = tls
        try:
            self._receive(tls, b"")
            await self._waiter
        finally:
            self._waiter = None

    async def open_tunnel(self, request: bytes, deadline: float) -> None:
        """Ask a proxy for a tunnel through this connection; raises as `exchange` does."""
        parser = ResponseParser(0, head_only=True)
        await self.exchange(request, parser, deadline)
        if parser.status != 200:
            raise unreachable(f"the proxy answered {parser.status}")

    async def exchange(self, request: bytes, parser: ResponseParser, deadline: float) -> None:
        """Send a request and feed the parser until it knows the answer.

        Raises `ExchangeError`, and `TimeoutError` at the deadline (of the loop's clock). The
        connection is closed where it cannot carry another exchange.
        """
        loop = asyncio.get_running_loop()
        self._parser = parser
        self._waiter = loop.create_future()
        parser.on_discard = self._settle
        # asyncio.timeout would drop an answer that came while the loop was busy until the deadline;
        # the loop's order is: what sockets have, then timers
        timer = loop.call_at(deadline, self._expire)
        keep = False
        try:
            self._send(request)
            await self._waiter
            keep = parser.keep_alive
        finally:
            timer.cancel()
            # a failure holds this connection by its traceback: no cycle with it
            self._parser = self._waiter = parser.on_discard = None
            if not keep:
                self.abort()

    def abort(self) -> None:
        """Close at once."""
        self.closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        plain = self._receive(self._tls, data) if self._tls else data
        if self._parser is None:
            # nothing was asked for: what comes now cannot be told from the next answer
            if plain or self.closed:
                self.abort()
            return
        try:
            known = plain and self._parser.feed(plain)
        except ExchangeError as error:
            self._fail(error)
            return
        if known:
            self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._parser is None:
            self._fail(unreachable(exc or ConnectionResetError("the connection was closed")))
            return
        try:
            if exc is not None:
                raise broken_off(exc)
            if not self._parser.started and not self._tls:
                raise broken_off(f"{CLOSED}; if it speaks TLS, write https:// where http:// stands")
            self._parser.feed_eof()
        except ExchangeError as error:
            self._fail(error)
        else:
            self._settle()

    def _send(self, plain: bytes) -> None:
        if self._tls:
            self._tls.encrypt(plain)
            plain = self._tls.to_send()
        self._transport.write(plain)

    def _receive(self, tls: TlsSession, data: bytes) -> bytes:
        """Return the plain text in what came; answer a handshake."""
        try:
            plain = tls.decrypted(data)
        except ssl.SSLError as error:
            # the other side learns why by an alert
            self._transport.write(tls.to_send())
            self._fail(unreachable(error))
            return b""
        if reply := tls.to_send():
            self._transport.write(reply)
        if tls.established and self._parser is None:
            self._settle()
        return plain

    def _expire(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def _fail(self, error: ExchangeError) -> None:
        self.closed = True
        self._transport.close()
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(error)

    def _settle(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


async def connect(
    addresses: Sequence[Address],
    host: str,
    tls: ssl.SSLContext | None,
    deadline: float,
    tunnel: bytes | None = None,
) -> Connection:
    """Return a connection to the first address that takes one.

    `tunnel` is the request for one where the addresses are a proxy's. An address that is silent has
    a part of the time until the deadline (of the loop's clock), so that the others are tried too.
    Raises `ExchangeError`, and `TimeoutError` where none answers.
    """
    loop = asyncio.get_running_loop()
    for left in range(len(addresses), 0, -1):
        address = addresses[len(addresses) - left]
        now = loop.time()
        try:
            async with asyncio.timeout_at(now + (deadline - now) / left):
                return await _connect(address, host, tls, deadline, tunnel)
        except TimeoutError:
            if left == 1:
                raise
        except OSError as error:
            if left == 1:
                # asyncio's own text names the address again
                raise unreachable(
                    OSError(error.errno, os.strerror(error.errno)) if error.errno else error
                ) from None
    raise AssertionError("a resolver returns an address or raises")


async def _connect(
    address: Address,
    host: str,
    tls: ssl.SSLContext | None,
    deadline: float,
    tunnel: bytes | None,
) -> Connection:
    loop = asyncio.get_running_loop()
    family, sockaddr = address
    endpoint = socket.socket(family, socket.SOCK_STREAM)
    try:
        endpoint.setblocking(False)
        await loop.sock_connect(endpoint, sockaddr)
    except BaseException:
        endpoint.close()
        raise
    _, connection = await loop.create_connection(Connection, sock=endpoint)
    try:
        if tunnel:
            await connection.open_tunnel(tunnel, deadline)
        if tls:
            await connection.handshake(TlsSession(tls, host))
    except BaseException:
        connection.abort()
        raise
    return connection
