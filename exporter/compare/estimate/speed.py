"""The speed of each observation beside what the baseline's curve expects, and the rows matched.

Pure arithmetic.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..fleet.arrays import TINY, Floats, Ints, Mask
from ..statistics.effect import Effect, Variance, estimate_effect
from ..statistics.regression import Regression, absorbed, coefficient
from ..statistics.strata import standardised
from .curve import Curve, fit, huber_weights
from .design import Design
from .matching import MIN_WINDOWS_PER_CELL, LoadRows, Matching, match_distribution, match_range
from .observations import Observations

_MIN_WINDOWS_DESCRIBED: Final = 0.5
_LEAST_TIMES: Final = 4
"""Means of each server that a variance is taken of, at least."""
_WHOLE: Final = 0.5
"""Part of a time's work that must be there for its mean to count."""


@dataclass(frozen=True, slots=True, eq=False)
class SpeedIndex:
    """Log of (time expected on the baseline's curve / time observed) by row, and the matching.

    Above 0 is faster than the baseline at the same load. Arrays are parallel to the observations;
    `curve` is the baseline's, `reference` the weights of its rows, earlier ones among them, `level`
    what was taken off for a node's own speed before; `cell` numbers the batch cells, and `spent` is
    what the candidate's judged work took, compared or not, 0 for the baseline. `curve_error` has a
    column for each independent error of the curve's slopes: by how much one of a standard deviation
    moves y.
    """

    observations: Observations
    y: Floats
    treated: Mask
    matching: Matching
    curve: Curve
    reference: Floats
    level: Floats
    cell: Ints
    spent: Floats
    curve_error: Floats

    def effect(
        self, design: Design, mask: Mask | None = None, *, amplification: float = 1.0
    ) -> Effect | None:
        """Return the effect over the candidate's work, or over the part of it in a mask.

        That of a part is of what is compared of it. `amplification` is how many times as large the
        outcome is that it stands for. None where the matched rows identify no effect.
        """
        inside = np.ones(len(self.y), dtype=bool) if mask is None else mask
        regression = self._regression(design, inside)
        spent = np.where(inside, self.spent, 0.0)
        compared = float(spent[regression.weight > 0].sum()) / max(float(spent.sum()), TINY)
        return estimate_effect(
            standardised(regression, self.cell, spent),
            design.minimum_stderr,
            design.spread_over(amplification),
            transient_variance(self, design) if mask is None else None,
            uncompared=1.0 - compared if mask is None else 0.0,
            errors=self.curve_error,
        )

    def change(self, design: Design) -> float:
        """Return the effect over the candidate's work without its error, 0 where there is none."""
        regression = self._regression(design, np.ones(len(self.y), dtype=bool))
        weight = regression.weight
        if not weight[self.treated].any() or not weight[~self.treated].any():
            return 0.0
        regression = standardised(regression, self.cell, self.spent)
        y, treated = (
            absorbed(values, regression.weight, regression)
            for values in (regression.y, regression.treated)
        )
        return coefficient(y, treated, regression.weight) or 0.0

    def _regression(self, design: Design, inside: Mask) -> Regression:
        rows = self.observations.rows
        return Regression(
            self.y,
            np.where(inside, self.matching.weight, 0.0),
            self.treated.astype(np.float64),
            design.node[rows],
            design.block[rows],
            design.treated_arm,
            design.node_effects,
            design.concurrent,
        )


def transient_variance(index: SpeedIndex, design: Design) -> Variance | None:
    """Return the variance of an effect from how servers differ from themselves over a short time.

    A server is slower for an hour and not for the next, by its neighbours or its traffic, and all
    windows of a short watch are of one such hour: what they show of it is too little. The servers
    of the baseline tell, by the variance of their means over times as long as the candidate's.
    """
    used, step = index.matching.weight > 0, index.observations.window
    node, weight = design.node[index.observations.rows], index.reference
    length = len(np.unique(step[used & index.treated]))
    reference = weight > 0
    if not design.concurrent or not length or not reference.any() or min(design.servers) < 1:
        return None
    first, last = int(step[reference].min()), int(step[reference].max())
    # where the past is short, shorter times tell, in which servers vary by more
    length = max(min(length, (last + 1 - first) // _LEAST_TIMES), 1)
    times = (last - first) // length + 1
    key = node[reference] * times + (step[reference] - first) // length
    size = len(design.nodes) * times
    total = np.bincount(key, weight[reference], size).reshape(-1, times)
    sums = np.bincount(key, weight[reference] * index.y[reference], size).reshape(-1, times)
    # a time that a server ran for a part of only is shorter than the candidate's
    known = total > _WHOLE * np.max(total, axis=1, initial=0.0, keepdims=True)
    mean = np.where(known, sums / np.where(known, total, 1.0), 0.0)
    # what all servers have in common at a time is in both sides, and a server's level in its own
    for axis in (0, 1):
        count = np.maximum(known.sum(axis, keepdims=True), 1)
        mean = np.where(known, mean - mean.sum(axis, keepdims=True) / count, 0.0)
    degrees = int(known.sum() - known.any(0).sum() - known.any(1).sum() + 1)
    squares = float((mean**2).sum())
    if degrees < 1:
        return None
    variance = squares / degrees * sum(1.0 / servers for servers in design.servers)
    if not design.node_effects and design.spread is not None:
        # with no past to compare with, what machines differ by is there from the first moment on
        variance += design.spread.mode
    return Variance(variance, degrees)


def speed_index(observations: Observations, design: Design) -> SpeedIndex | None:
    """Fit the baseline's curve and match; None where the baseline has too few rows."""
    rows = observations.rows
    treated, keep = design.treated[rows], design.keep[rows]
    # what the baseline did earlier tells how long its work takes, and at which loads
    known = np.where(keep | design.reference[rows], observations.weight, 0.0)
    baseline = (known > 0) & ~treated
    # two rows a coefficient at least; with a fault there is no verdict, and what is shown only
    # describes
    rows_per_coefficient = 1 if design.fault else 2
    min_windows = _MIN_WINDOWS_DESCRIBED if design.fault else MIN_WINDOWS_PER_CELL
    too_few = baseline.sum() < rows_per_coefficient * _coefficients(observations)
    if too_few or not (treated & (known > 0)).any():
        return None
    fitted = (
        observations.x[baseline],
        observations.covariates[baseline],
        observations.time[baseline],
        known[baseline],
    )
    curve = fit(*fitted)
    cell = np.floor(2.0 * np.log2(observations.x)).astype(np.int64)
    cell -= cell.min()
    # a little beyond the baseline's range the curve is a line through next to nothing
    batch = observations.x[baseline]
    x = np.clip(observations.x, batch.min(), batch.max())
    expected = curve.at(x, observations.covariates)
    # the curve is 0 where the baseline had no data at all: no expectation, no comparison
    usable = (known > 0) & (expected > 0)
    load_rows = LoadRows(
        observations.loads,
        cell,
        np.where(usable, known, 0.0),
        np.where(keep, observations.work, 0.0),
        treated,
    )
    match = match_range if design.concurrent else match_distribution
    matched = match(load_rows, min_windows)
    matching = replace(matched, weight=np.where(keep, matched.weight, 0.0))
    level = design.levels[design.node[rows]]
    y = np.log(np.where(usable, expected, observations.time) / observations.time) - level
    reference = np.where(treated, 0.0, matched.weight)
    # taken as the effect is: else a noisy neighbour would count in the means of earlier times alone
    reference *= _outlier_weights(y, reference, treated, cell)
    outlying = _outlier_weights(y, matching.weight, treated, cell)
    matching = replace(matching, weight=matching.weight * outlying)
    spent = np.where(treated & keep, observations.spent, 0.0)
    cluster = design.node[rows] * (int(design.block.max(initial=0)) + 1) + design.block[rows]
    slope_errors = curve.slope_errors(*fitted, cluster[baseline])
    return SpeedIndex(
        observations,
        y,
        treated,
        matching,
        curve,
        reference,
        level,
        cell,
        spent,
        (observations.covariates @ slope_errors) / np.maximum(expected, TINY)[:, None],
    )


def _outlier_weights(y: Floats, weight: Floats, treated: Mask, cell: Ints) -> Floats:
    """Return Huber weights of rows by how far they are from others of their side at their batch.

    A neighbour's noise touches some windows of a server. What a release does to some batches alone
    touches most of that side's windows there: it moves their median, and none is far from it.
    """
    group = 2 * cell + treated
    residual = np.zeros(len(y))
    for number in np.unique(group[weight > 0]):
        rows = (group == number) & (weight > 0)
        residual[rows] = y[rows] - np.median(y[rows])
    return huber_weights(residual, weight)


def _coefficients(observations: Observations) -> int:
    """Return how many coefficients the curve has: about one a half octave, and the slopes."""
    half_octaves = np.unique(np.floor(2.0 * np.log2(observations.x)))
    return len(half_octaves) + int(observations.covariates.shape[1])
