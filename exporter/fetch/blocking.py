"""The same requests for a thread that waits for them, one connection each."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from ..config import HttpSettings
from .client import HttpClient
from .http_response import HttpResponse
from .proxy import Proxy
from .tls import ClientTls


class BlockingClient:
    """Sends requests from any thread that runs no event loop, as `HttpClient` does."""

    def __init__(
        self,
        http: HttpSettings,
        max_bytes: int,
        *,
        headers: Mapping[str, str] | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        self._http, self._max_bytes, self._tls = http, max_bytes, ClientTls(http)
        self._headers, self._proxy = headers, proxy

    def get(self, url: str, timeout: float) -> HttpResponse:
        """Return a 200 answer, or raise `FetchError`."""
        return asyncio.run(self._with_client(lambda client: client.get(url, timeout)))

    def post_form(self, url: str, form: Mapping[str, str | float], timeout: float) -> HttpResponse:
        """Send a form and return the answer whatever its status, or raise `FetchError`."""
        return asyncio.run(self._with_client(lambda client: client.post_form(url, form, timeout)))

    async def _with_client(
        self, send: Callable[[HttpClient], Awaitable[HttpResponse]]
    ) -> HttpResponse:
        client = HttpClient(
            self._http, self._max_bytes, self._tls, headers=self._headers, proxy=self._proxy
        )
        try:
            return await send(client)
        finally:
            client.close()
