"""Noise that remembers, and smoothing: first-order filters over slices of time."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Array = NDArray[np.float64]

SLICE: Final = 15.0
"""Seconds of one slice of simulated time."""


def autoregressive(
    random: np.random.Generator, shape: tuple[int, ...], slices: int, sd: float, memory: float
) -> Array:
    """Return stationary noise of standard deviation `sd` that is forgotten in `memory` seconds.

    The last axis is time.
    """
    keep = np.exp(-SLICE / memory)
    shocks = random.standard_normal((slices, *shape)) * sd * np.sqrt(1 - keep * keep)
    start = random.standard_normal(shape) * sd
    return np.moveaxis(_filtered(shocks, keep, start), 0, -1)


def smoothed(values: Array, memory: float) -> Array:
    """Return values averaged over the `memory` seconds before; the last axis is time."""
    keep = np.exp(-SLICE / memory)
    by_time = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    return np.moveaxis(_filtered((1 - keep) * by_time, keep, by_time[0]), 0, -1)


def _filtered(added: Array, keep: float, start: Any) -> Array:
    """Return y with y[i] = keep y[i - 1] + added[i], and `start` before the first."""
    state = (keep * np.asarray(start))[None]
    return np.asarray(lfilter([1.0], [1.0, -keep], added, axis=0, zi=state)[0])
