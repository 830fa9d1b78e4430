"""The difference of two sides of runs, from the spread between runs.

Pure arithmetic. A run is one value, however many windows it has: windows of one run share its
start, its machine and its clocks, and ten times as many would say no more of the next run. The
interval is Welch's, with Satterthwaite's degrees of freedom (Welch 1947, Satterthwaite 1946): a
change may well alter how far runs spread, and pooling the sides' spreads would then call several
times as often as promised where their numbers differ.
"""

from itertools import combinations
from math import expm1, log1p, sqrt
from typing import Final

import numpy as np

from ..assess.verdict import POWER
from ..fleet.arrays import Floats
from ..statistics.effect import Effect
from ..statistics.t_distribution import quantile

MIN_RUNS: Final = 2
"""Runs of each side that a verdict needs: fewer have no spread."""

RUN_STDDEV: Final = 0.008
"""Standard deviation of the log of a run's speed that runs are taken to have at least.

Two runs may agree by chance, and their spread would then promise more than a third keeps. Real
servers set up alike had this one: `python -m scripts.real_upgrades` measures it.
"""

MAX_RUNS: Final = 100
"""Runs of a side that nobody makes more than."""


def effect_of_runs(baseline: Floats, candidate: Floats) -> Effect | None:
    """Return the effect on the scale of the values, one for each run that is known.

    None where a side has fewer than `MIN_RUNS`.
    """
    if min(len(baseline), len(candidate)) < MIN_RUNS:
        return None
    counts = len(baseline), len(candidate)
    variances = _variance(baseline), _variance(candidate)
    stderr, degrees = _welch(variances, counts)
    estimate = float(candidate.mean() - baseline.mean())
    return Effect(estimate, stderr, degrees, "servers", 0.0)


def _variance(values: Floats) -> float:
    """Return the variance of runs, at least what those of one set-up have."""
    return max(float(values.var(ddof=1)), RUN_STDDEV**2)


def _welch(variances: tuple[float, float], counts: tuple[int, int]) -> tuple[float, float]:
    """Return the standard error of the difference of two means, and its degrees of freedom."""
    parts = [variance / count for variance, count in zip(variances, counts, strict=True)]
    total = sum(parts)
    degrees = total**2 / sum(
        part**2 / (count - 1) for part, count in zip(parts, counts, strict=True)
    )
    return sqrt(total), degrees


def difference_of_runs(values: Floats) -> float | None:
    """Return by how much the slower of two runs of one side is slower, None for a single run.

    `values` are logs, one a run; over more than two runs it is the root mean square of all pairs,
    as a relative amount, 0.02 for 2 %.
    """
    if len(values) < MIN_RUNS:
        return None
    pairs = [(a - b) ** 2 for a, b in combinations(values.tolist(), 2)]
    return -expm1(-sqrt(float(np.mean(pairs))))


def required_runs(baseline: Floats, candidate: Floats, margin: float, alpha: float) -> int | None:
    """Return how many runs of each side would detect the margin in 80 % of cases.

    Sides of several runs, taken to spread as they do now. None where a hundred would not do.
    """
    variances = _variance(baseline), _variance(candidate)
    return runs_to_detect(variances, margin, alpha, max(len(baseline), len(candidate)))


def runs_to_detect(
    variances: tuple[float, float], effect: float, alpha: float, fewest: int = MIN_RUNS
) -> int | None:
    """Return how many runs of each side detect a relative effect with the power of a verdict.

    `variances` are those of the logs of the sides' runs, `alpha` is two-sided; at least `fewest`
    runs, None where `MAX_RUNS` would not do. The detectable difference is the sum of Student's
    quantiles of 1 - alpha / 2 and of the power, times the standard error of the difference (Zar,
    Biostatistical Analysis, chapter 8: sample size of a two-sample t test).
    """
    for count in range(fewest, MAX_RUNS + 1):
        stderr, degrees = _welch(variances, (count, count))
        factor = quantile(1.0 - alpha / 2.0, degrees) + quantile(POWER, degrees)
        if factor * stderr <= log1p(effect):
            return count
    return None
