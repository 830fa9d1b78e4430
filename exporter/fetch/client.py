"""HTTP from servers on an event loop: one deadline, a size limit, kept connections.

The deadline bounds the whole exchange: name, connection, TLS, every byte of headers and body. So a
server can cost its caller that long and no longer, whatever it sends or does not send.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from ssl import SSLContext
from typing import Final
from urllib.parse import urlencode

from ..base.errors import CredentialsError, FetchError
from ..base.event_loop import in_thread
from ..config import HttpSettings
from .address import Origin, RequestAddress, RequestBody, request_address
from .budget import LARGE_ANSWERS, ByteBudget
from .connection import Connection, connect
from .credentials import Credentials, redacted_body, redacted_text
from .http_response import HttpResponse
from .problem import ExchangeError, unreachable
from .proxy import Proxy
from .resolver import Resolver
from .response import ResponseParser
from .tls import ClientTls

_MAX_IDLE: Final = 2
_REMEDIES: Final = {
    **dict.fromkeys(
        (401, 403),
        ": give credentials in the http section of a configuration (record: --http-config)",
    ),
    **dict.fromkeys((301, 302, 307, 308), ": give the address it sends to"),
    400: ": a server of TLS is asked with https://",
    404: ": correct the address or its path",
}


class HttpClient:
    """Sends requests over connections it keeps; used on one event loop.

    `headers` go with every request; where there is a `proxy`, every request goes by it. Its clones
    share a `budget` of bytes.
    """

    def __init__(
        self,
        http: HttpSettings,
        max_bytes: int,
        tls: ClientTls | None = None,
        resolver: Resolver | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        proxy: Proxy | None = None,
        budget: ByteBudget | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.budget = budget or ByteBudget(LARGE_ANSWERS * max_bytes)
        self._http = http
        self._headers, self._proxy = headers or {}, proxy
        self._max_bytes = max_bytes
        self._tls = tls or ClientTls(http)
        self._resolver = resolver or Resolver()
        self._credentials = credentials or Credentials(http)
        self._addresses: dict[str, RequestAddress] = {}
        self._idle: list[tuple[Origin, Connection]] = []
        self._closed = False

    def clone(self) -> "HttpClient":
        """Return a client with connections of its own."""
        return HttpClient(
            self._http,
            self._max_bytes,
            self._tls,
            self._resolver,
            headers=self._headers,
            proxy=self._proxy,
            budget=self.budget,
            credentials=self._credentials,
        )

    def close(self) -> None:
        """Close the connections; one in use is closed after its answer."""
        self._closed = True
        for _, connection in self._idle:
            connection.abort()
        self._idle.clear()

    async def get(self, url: str, timeout: float, max_bytes: int | None = None) -> HttpResponse:
        """Return a 200 answer, or raise `FetchError` with a bounded reason.

        `timeout` in seconds bounds everything, `max_bytes` the body where it is not the client's
        own limit. A connection the server closed while it was kept is opened again once.
        """
        parser = ResponseParser(max_bytes or self._max_bytes, self.budget)
        return _required_200(await self._send("GET", url, None, timeout, parser), url)

    async def get_any(
        self, url: str, timeout: float, sink: Callable[[bytes], None] | None = None
    ) -> HttpResponse:
        """Return an answer whatever its status; raise as `get` does.

        A `sink` takes the body of a 200 answer as it comes, as `ResponseParser` has it.
        """
        parser = ResponseParser(self._max_bytes, self.budget, error_bodies=True, sink=sink)
        return await self._send("GET", url, None, timeout, parser)

    async def post(self, url: str, document: Mapping[str, object], timeout: float) -> HttpResponse:
        """Send a JSON document; return and raise as `get` does."""
        body = RequestBody(json.dumps(document).encode(), "application/json")
        parser = ResponseParser(self._max_bytes, self.budget)
        return _required_200(await self._send("POST", url, body, timeout, parser), url)

    async def post_form(
        self, url: str, form: Mapping[str, str | float], timeout: float
    ) -> HttpResponse:
        """Send a form and return the answer whatever its status; raise as `get` does."""
        body = RequestBody(urlencode(form).encode(), "application/x-www-form-urlencoded")
        parser = ResponseParser(self._max_bytes, self.budget, error_bodies=True)
        return await self._send("POST", url, body, timeout, parser)

    async def _send(
        self,
        method: str,
        url: str,
        body: RequestBody | None,
        timeout: float,
        parser: ResponseParser,
    ) -> HttpResponse:
        authorization = None
        try:
            deadline = asyncio.get_running_loop().time() + timeout
            address = self._address(url)
            authorization = await self._credentials.header(deadline)
            request = address.request(method, body, authorization)
            await self._exchange(address, request, parser, deadline)
            answer = parser.response()
            if authorization is None:
                return answer
            return replace(answer, body=redacted_body(answer.body, authorization))
        except TimeoutError as error:
            raise FetchError("timeout", f"{url} did not answer within {timeout:g} s") from error
        except ExchangeError as error:
            # without its cause, which may repeat the credentials
            problem = redacted_text(error.problem, authorization)
            raise FetchError(error.reason, f"{url} {problem}") from None
        except CredentialsError as error:
            raise FetchError("connect", str(error)) from error
        finally:
            parser.release()

    def _address(self, url: str) -> RequestAddress:
        address = self._addresses.get(url)
        if address is None:
            address = request_address(url, self._headers)
            if self._proxy and not address.origin[2]:
                address = self._proxy.through(address)
            self._addresses[url] = address
        return address

    async def _exchange(
        self, address: RequestAddress, request: bytes, parser: ResponseParser, deadline: float
    ) -> None:
        connection = self._idle_connection(address)
        if connection:
            try:
                await connection.exchange(request, parser, deadline)
            except ExchangeError:
                # a server may close a kept connection just as the request is sent
                if parser.started:
                    raise
                connection = None
        if connection is None:
            async with asyncio.timeout_at(deadline):
                connection = await self._connect(address, deadline)
            await connection.exchange(request, parser, deadline)
        if not connection.closed:
            self._keep(address, connection)

    def _idle_connection(self, address: RequestAddress) -> Connection | None:
        """Return an idle connection to an address, None where there is none."""
        for number, (origin, connection) in enumerate(self._idle):
            if origin == address.origin and not connection.closed:
                del self._idle[number]
                return connection
        return None

    def _keep(self, address: RequestAddress, connection: Connection) -> None:
        self._idle = [idle for idle in self._idle if not idle[1].closed]
        if self._closed or len(self._idle) >= _MAX_IDLE:
            connection.abort()
        else:
            self._idle.append((address.origin, connection))

    async def _connect(self, address: RequestAddress, deadline: float) -> Connection:
        host, port, encrypted = address.origin
        tls = await self._context() if encrypted else None
        next_host, next_port, tunnel = host, port, None
        if self._proxy and encrypted:
            next_host, next_port = self._proxy.host, self._proxy.port
            tunnel = self._proxy.tunnel_request(address)
        candidates = await self._resolver.addresses(next_host, next_port)
        try:
            return await connect(candidates, host, tls, deadline, tunnel)
        except (ExchangeError, TimeoutError, asyncio.CancelledError):
            self._resolver.renew(next_host, next_port)
            raise

    async def _context(self) -> SSLContext:
        if not self._tls.files:
            return self._tls.context()
        try:
            return await in_thread(self._tls.context, "certificates")
        except OSError as error:
            raise unreachable(error) from error


def _required_200(response: HttpResponse, url: str) -> HttpResponse:
    """Return an answer, or raise `FetchError` where its status is another than 200."""
    if response.status != 200:
        remedy = _REMEDIES.get(response.status, "")
        message = f"{url} answered {response.status}{remedy}"
        raise FetchError("http_status", message, response.status)
    return response
