"""At which significance level each look at growing data tests, and when to look.

Pure arithmetic. Testing again and again until something shows finds something in every upgrade. So
the level is spent over the looks (Lan and DeMets, Discrete sequential boundaries for clinical
trials, Biometrika 70, 1983, p. 659), by their function of the Pocock type, which leaves a fair part
to the early ones. The boundaries follow from the recursion of Armitage, McPherson and Rowe
(Repeated significance tests on accumulating data, J. R. Stat. Soc. A 132, 1969, p. 235) for data
that come evenly. What differs between servers stays as it is from look to look, which makes the
looks more alike than that, and wrong calls rarer.
"""

from collections.abc import Sequence
from math import e, erfc, log1p, sqrt
from typing import Final

import numpy as np

from ..fleet.arrays import Floats

FIRST_LOOK: Final = 70 * 60.0
"""Seconds of data at the first look: an hour, and what a start within a window costs of one."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(100)
_erfc = np.vectorize(erfc, otypes=[np.float64])


def look_times(total: float) -> tuple[float, ...]:
    """Return after how many seconds of data to look: doubling, the last time at `total`.

    The last look is not so soon after the one before that hardly any of the level is left for it.
    """
    times = list[float]()
    time = FIRST_LOOK
    while time * sqrt(2.0) <= total:
        times.append(time)
        time *= 2.0
    return (*times, total)


def look_level(alpha: float, fractions: Sequence[float]) -> float:
    """Return the two-sided level at which the last of some looks tests.

    `fractions` are the parts of the data that were in at each look, growing, above 0 up to 1. All
    looks together make a wrong call with a probability of at most `alpha`, which is spent at 1.
    """
    # the sum of the data so far where no look made a call: its values, with their probabilities
    values, weights = np.zeros(1), np.ones(1)
    before, level = 0.0, alpha
    for fraction in fractions:
        deviation = sqrt(fraction - before)
        share = _spent(alpha, fraction) - _spent(alpha, before)
        bound = _bound(values, weights, deviation, share)
        level = erfc(bound / sqrt(2.0 * fraction))
        inside = bound * _NODES
        density = np.exp(-0.5 * ((inside[:, None] - values) / deviation) ** 2) @ weights
        values, weights = inside, bound * _WEIGHTS * density / (deviation * sqrt(2.0 * np.pi))
        before = fraction
    return level


def _spent(alpha: float, fraction: float) -> float:
    return alpha * log1p((e - 1.0) * fraction)


def _bound(values: Floats, weights: Floats, deviation: float, probability: float) -> float:
    """Return what the sum lies beyond, on either side, with a probability after its next step."""
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2.0
        scale = deviation * sqrt(2.0)
        beyond = (_erfc((middle - values) / scale) + _erfc((middle + values) / scale)) / 2.0
        if float(beyond @ weights) > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
