"""One page of a GPU exporter, fetched over HTTP; its series say which exporter it is."""

from collections.abc import Sequence

from ...exposition import ParserLimits
from ...fetch import BlockingClient
from ..reading import GpuReading
from .reader import GpuPages


class PageSource:
    """Fetches a metrics page and reads the GPUs on it."""

    def __init__(
        self, client: BlockingClient, url: str, timeout: float, limits: ParserLimits
    ) -> None:
        self._client, self._url, self._timeout = client, url, timeout
        self._pages = GpuPages(limits)
        self._most_samples = limits.samples

    def read(self, time: float) -> Sequence[GpuReading]:
        """Return the GPUs of the page; raises `FetchError` or `PageError`."""
        answer = self._client.get(self._url, self._timeout)
        text = answer.page(self._most_samples)
        return self._pages.read(text, time, answer.openmetrics)

    def notes(self) -> Sequence[str]:
        """Return which GPUs of the last page are left out and why, one sentence each."""
        return self._pages.problems
