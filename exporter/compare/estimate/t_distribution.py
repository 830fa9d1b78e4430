"""Student's t distribution, so that a comparison needs no scipy. Pure arithmetic."""

from functools import lru_cache
from math import exp as _exp
from math import lgamma, pi, sqrt

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(200)


def below(t: float, freedom: float) -> float:
    """Return the probability that Student's t with these degrees of freedom is below t.

    The density is integrated over the angle atan(t / sqrt(freedom)), where it is smooth and
    bounded: cos(angle) ** (freedom - 1), by Gauss-Legendre quadrature.
    """
    angle = float(np.arctan(t / sqrt(freedom)))
    half = angle / 2.0
    points = half * (_NODES + 1.0)
    area = half * float((_WEIGHTS * np.cos(points) ** (freedom - 1.0)).sum())
    log_scale = lgamma((freedom + 1.0) / 2.0) - lgamma(freedom / 2.0)
    return 0.5 + area * _exp(log_scale) / sqrt(pi)


@lru_cache(maxsize=1024)
def quantile(share: float, freedom: float) -> float:
    """Return the t below which a share of the distribution lies; share from 0.5 to below 1."""
    low, high = 0.0, 1.0
    while below(high, freedom) < share:
        low, high = high, 2.0 * high
        if high > 1e12:
            break
    for _ in range(80):
        middle = (low + high) / 2.0
        low, high = (middle, high) if below(middle, freedom) < share else (low, middle)
    return (low + high) / 2.0


def two_sided(t: float, freedom: float) -> float:
    """Return the probability of a value at least as far from 0 as t."""
    return max(2.0 * (1.0 - below(abs(t), freedom)), 0.0)
