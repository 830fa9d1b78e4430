"""The time range of a comparison."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Start and end in Unix seconds, and the width of a window in seconds or None to choose it."""

    start: float
    end: float
    width: float | None = None

    @property
    def seconds(self) -> float:
        """The length of the range."""
        return self.end - self.start
