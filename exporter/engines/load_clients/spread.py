"""Lengths as load clients draw them: evenly around a mean, no wider than it. Pure arithmetic."""

from math import sqrt
from typing import Final

_WIDEST: Final = 0.99
"""Relative half-width of the lengths a client draws; 1 is refused."""

WIDEST_SPREAD: Final = _WIDEST / sqrt(3.0)
"""Relative standard deviation of the widest lengths."""


def half_width(spread: float) -> float:
    """Return the relative half-width of a uniform distribution of a relative standard deviation."""
    return min(sqrt(3.0) * spread, _WIDEST)


def decimal(value: float) -> str:
    """Return a number as options have it: two decimals, without zeros at the end."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
