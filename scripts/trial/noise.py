"""Noise with a memory, over slices of time."""

from typing import Final

import numpy as np

from .compiled import compiled
from .profile import Array

SLICE: Final = 15.0
"""Seconds of a slice of what surrounds the engines: demand, neighbours, air."""


def wander(random: np.random.Generator, slices: int, deviation: float, memory: float) -> Array:
    """Return stationary noise of a standard deviation that is forgotten in `memory` seconds."""
    values = random.standard_normal(slices) * deviation
    _remember(values, float(np.exp(-SLICE / memory)))
    return values


@compiled
def _remember(values: Array, keep: float) -> None:
    fresh = np.sqrt(1.0 - keep * keep)
    for i in range(1, len(values)):
        values[i] = keep * values[i - 1] + fresh * values[i]
