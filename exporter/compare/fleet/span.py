"""The time a comparison asks for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """What time is asked for: Unix seconds, and the width of a window or None to choose it."""

    start: float
    end: float
    width: float | None = None
