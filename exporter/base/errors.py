"""The one exception tree. Each message is a sentence naming the input, the place and the remedy.

InferfleetError
├── ConfigError          a configuration file or flag cannot be used
├── CredentialsError     a file of credentials cannot be read or sent; its content is never shown
├── FetchError           a request to a server failed; carries a bounded `reason`
├── KubernetesApiError   a request to the Kubernetes API failed; carries the HTTP status
├── PageError            a metrics page was refused; carries the line number
│   ├── NoEngineError    the page is valid but no known engine speaks on it
│   └── GpuPageError     the page is valid but no known GPU exporter speaks on it
├── CatalogError         a catalog file is wrong
├── GpuError             a source of GPU telemetry cannot be read
├── RecordingError       a recording cannot be played
├── CompareError         a comparison cannot be made as requested
└── PreflightError       an upgrade cannot be looked at as requested
"""

from collections.abc import Sequence
from typing import Final, Literal

from .untrusted import SENTENCE_CHARACTERS, one_line

FetchReason = Literal["connect", "timeout", "http_status", "too_large", "protocol"]


_MOST_JOINED: Final = 8


def joined(faults: Sequence[str]) -> str:
    """Return the first few faults in one line, and how many more there are."""
    more = len(faults) - _MOST_JOINED
    return "; ".join([*faults[:_MOST_JOINED], *([f"and {more} more faults"] if more > 0 else [])])


class InferfleetError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(InferfleetError):
    """A configuration file or flag cannot be used; `faults` are its sentences, one each."""

    def __init__(self, *faults: str) -> None:
        super().__init__(joined(faults))
        self.faults = faults


class CredentialsError(InferfleetError):
    """A file of credentials cannot be read or sent; the message never shows its content."""


class FetchError(InferfleetError):
    """A request to a server failed; `status` is the HTTP status that it failed by, else 0."""

    def __init__(self, reason: FetchReason, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.reason: FetchReason = reason
        self.status = status


class KubernetesApiError(InferfleetError):
    """A request to the Kubernetes API failed.

    `status` is the HTTP status, 0 where there was no answer; `retry_after` the seconds the server
    asks to wait, 0 where it asks for none.
    """

    def __init__(self, status: int, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class PageError(InferfleetError):
    """A metrics page was refused; nothing on it was used.

    `line` counts from 1; 0 means the page as a whole. The message may quote the page.
    """

    def __init__(self, line: int, message: str) -> None:
        message = one_line(message, SENTENCE_CHARACTERS)
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line


class NoEngineError(PageError):
    """The page is valid text but carries no known engine's metrics."""


class GpuPageError(PageError):
    """The page is valid text but carries no known GPU exporter's metrics."""


class CatalogError(InferfleetError):
    """A catalog file is wrong."""


class GpuError(InferfleetError):
    """A source of GPU telemetry cannot be read; nothing of this reading was used."""


class RecordingError(InferfleetError):
    """A recording cannot be played."""


class CompareError(InferfleetError):
    """A comparison cannot be made as requested."""


class PreflightError(InferfleetError):
    """An upgrade cannot be looked at as requested."""
