"""Sums of a page's values: the same in whatever order the series stand on it."""

from collections.abc import Iterable
from math import fsum, nan


def exact_sum(values: Iterable[float]) -> float:
    """Return the sum of values, rounded once; NaN where it has none, as of opposite infinities."""
    try:
        return fsum(values)
    except (ValueError, OverflowError):
        return nan
