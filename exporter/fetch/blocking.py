"""The same requests for a thread that waits for them, one connection each."""

import asyncio

from ..config import HttpSettings
from .client import HttpClient
from .response import HttpResponse
from .tls import ClientTls


class BlockingClient:
    """Sends GET requests from any thread that runs no event loop."""

    def __init__(self, http: HttpSettings, max_bytes: int) -> None:
        self._http, self._max_bytes, self._tls = http, max_bytes, ClientTls(http)

    def get(self, url: str, timeout: float) -> HttpResponse:
        """Return a 200 answer, or raise `FetchError`, as `HttpClient` does."""
        return asyncio.run(self._get(url, timeout))

    async def _get(self, url: str, timeout: float) -> HttpResponse:
        client = HttpClient(self._http, self._max_bytes, self._tls)
        try:
            return await client.get(url, timeout)
        finally:
            client.close()
