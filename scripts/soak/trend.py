"""Whether a measured series is flat: its slope by least squares over the means of blocks.

Neighbouring samples are alike, and a slope over them all would look far surer than it is; means of
long blocks are nearly independent. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

_BLOCKS = 12
_STANDARD_ERRORS = 2.0
_NEGLIGIBLE = 0.005


@dataclass(frozen=True, slots=True)
class Trend:
    """Mean of a series, its slope in units an hour, and the slope's standard error."""

    mean: float
    slope: float
    error: float

    @property
    def flat(self) -> bool:
        """Whether the slope is within two standard errors of none, or under 0.5 % an hour."""
        bound = max(_STANDARD_ERRORS * self.error, _NEGLIGIBLE * abs(self.mean))
        return abs(self.slope) <= bound


def trend(seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """Return the trend of values over time; raise `ValueError` where there are too few."""
    size = len(values) // _BLOCKS
    if size == 0:
        raise ValueError(f"{len(values)} samples are too few: run for longer")
    blocks = [slice(i * size, (i + 1) * size) for i in range(_BLOCKS)]
    x = [_mean(seconds[block]) / 3600 for block in blocks]
    y = [_mean(values[block]) for block in blocks]
    middle, mean = _mean(x), _mean(y)
    spread = sum((a - middle) ** 2 for a in x)
    slope = sum((a - middle) * (b - mean) for a, b in zip(x, y, strict=True)) / spread
    rests = (b - mean - slope * (a - middle) for a, b in zip(x, y, strict=True))
    variance = sum(rest**2 for rest in rests) / (_BLOCKS - 2)
    return Trend(mean, slope, sqrt(variance / spread))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
