"""At which significance level each look at growing data tests, however many looks there are.

Pure arithmetic. Testing again and again until something shows finds something in every upgrade. So
the intervals of all looks hold the truth together (repeated confidence intervals: Jennison and
Turnbull, Interim analyses, J. R. Stat. Soc. B 51, 1989, p. 305), with a boundary of the power
family (Wang and Tsiatis, Approximately optimal one-parameter boundaries for group sequential
trials, Biometrics 43, 1987, p. 193) that allows a look at any moment.

What a look knows is the inverse of its variance. A part of the variance is the same at all looks,
such as the difference between machines: an estimate that rests on it hardly changes any more. So
the looks share the level by that information, not by time, and a level follows from its own look
and the last one's time alone: no history has to be kept.

Whoever goes on looking after that time needs a boundary that grows, by the law of the iterated
logarithm: with the root of the logarithm of the information (mixtures have such boundaries:
Robbins, Annals of Mathematical Statistics 41, 1970, p. 1397).
"""

from math import log, sqrt
from statistics import NormalDist
from typing import Final

POWER: Final = 0.25
"""The boundary of the family: 0 is O'Brien and Fleming's, 0.5 would be Pocock's."""

GROWTH: Final = 1.5
"""How fast the squared boundary grows with the logarithm of the information after the last look.

So steep that all looks together stay within the level: a Brownian motion crosses it with 0.84 of
alpha up to the last look, and with 0.97 up to seven times its information.
"""

_NORMAL: Final = NormalDist()
_LEAST: Final = 1e-12
"""The least level that is told from none."""


def look_level(alpha: float, information: float) -> float:
    """Return the two-sided level at which a look tests.

    `information` is the part that is in of what will be known at the last look, above 0: 1 there,
    more at looks after it. Looks at any number of moments make a wrong call together with a
    probability of at most `alpha`.

    A Brownian motion crosses C t^p on either side before 1 with a probability of about
    (1 - p) / (1/2 - p) 2 (1 - Phi(C)): the tangent approximation of Jennen and Lerche (First exit
    densities of Brownian motion through one-sided moving boundaries, Z. Wahrscheinlichkeitstheorie
    55, 1981, p. 133), exact for p = 0.
    """
    bound = -_NORMAL.inv_cdf(alpha * (0.5 - POWER) / (2.0 * (1.0 - POWER)))
    if information > 1.0:
        bound *= sqrt(1.0 + GROWTH * log(information))
    else:
        bound *= information ** (POWER - 0.5)
    return max(2.0 * _NORMAL.cdf(-bound), _LEAST)
