"""Student's t distribution, so that a comparison needs no scipy. Pure arithmetic."""

from functools import lru_cache
from math import exp as _exp
from math import lgamma, pi, sqrt

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)


def cumulative(t: float, degrees_of_freedom: float) -> float:
    """Return the probability that Student's t with these degrees of freedom is below t.

    The density is integrated over the angle atan(t / sqrt(degrees of freedom)), where it is smooth
    and bounded, cos(angle) ** (degrees of freedom - 1), by Gauss-Legendre quadrature.
    """
    angle = float(np.arctan(t / sqrt(degrees_of_freedom)))
    half = angle / 2.0
    points = half * (_NODES + 1.0)
    area = half * float((_WEIGHTS * np.cos(points) ** (degrees_of_freedom - 1.0)).sum())
    log_scale = lgamma((degrees_of_freedom + 1.0) / 2.0) - lgamma(degrees_of_freedom / 2.0)
    return 0.5 + area * _exp(log_scale) / sqrt(pi)


@lru_cache(maxsize=1024)
def quantile(probability: float, degrees_of_freedom: float) -> float:
    """Return the t that Student's t is below with a probability from 0.5 to under 1."""
    low, high = 0.0, 1.0
    while cumulative(high, degrees_of_freedom) < probability:
        low, high = high, 2.0 * high
        if high > 1e12:
            break
    for _ in range(80):
        middle = (low + high) / 2.0
        if cumulative(middle, degrees_of_freedom) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def two_sided_p_value(t: float, degrees_of_freedom: float) -> float:
    """Return the probability of a value at least as far from 0 as t."""
    return max(2.0 * (1.0 - cumulative(abs(t), degrees_of_freedom)), 0.0)
