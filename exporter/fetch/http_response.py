"""A server's answer as those who asked for it see it."""

from dataclasses import dataclass
from typing import Final

from ..base.errors import PageError

_LINES_OF_SAMPLE: Final = 4
"""A sample, and before it all comments that a family may have."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A server's answer: body after decompression, its content type and status.

    `retry_after` is how many seconds the server asks to wait, 0 where it asks for none.
    """

    body: bytes
    content_type: str
    status: int = 200
    retry_after: float = 0.0

    @property
    def openmetrics(self) -> bool:
        """Whether the server declared the body as OpenMetrics."""
        return self.content_type.startswith("application/openmetrics-text")

    def page(self, most_samples: int) -> str:
        """Return the body as the text of a metrics page, or raise `PageError`.

        Lines are counted before they are split: each costs memory, however little is on it.
        """
        most = _LINES_OF_SAMPLE * most_samples
        if len(self.body) > most and (lines := self.body.count(b"\n")) > most:
            raise PageError(0, f"the page has {lines} lines, more than {most}")
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError as error:
            line = self.body.count(b"\n", 0, error.start) + 1
            raise PageError(line, "the page is not UTF-8 text") from None
