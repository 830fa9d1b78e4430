"""The free batch curve: time per token as a sum of hats over the batch, fitted on the baseline.

Pure arithmetic. `time = sum_k height_k hat_k(log2 x) + sum_j slope_j covariate_j`, all coefficients
non-negative, hats at half-octave knots. No form of the curve is assumed: a quadratic fits dense
models and is wrong by half on mixtures of experts, whose step time jumps once most experts are
touched and then flattens. The fit is Huber-weighted least squares on the relative error
(Huber 1964), non-negative by the active-set method of Lawson and Hanson (1974, chapter 23) on the
normal equations (Bro and de Jong 1997).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..fleet.arrays import TINY, Floats, Ints

_ITERATIONS: Final = 4
_HUBER_THRESHOLD: Final = 2.0
_KNOT_SPACING: Final = 0.5
_MAX_ROWS: Final = 200_000


def nnls(gram: Floats, moment: Floats) -> Floats:
    """Return the x at least 0 that minimises x'Gx - 2m'x; G is symmetric positive semi-definite."""
    size = len(moment)
    x, active = np.zeros(size), np.zeros(size, dtype=bool)
    scale = max(float(np.abs(moment).max(initial=0.0)), TINY)
    for _ in range(3 * size):
        # at the optimum no coefficient that is 0 would lessen the error by growing
        descent = moment - gram @ x
        descent[active] = -np.inf
        steepest = int(np.argmax(descent))
        if active.all() or descent[steepest] <= 1e-10 * scale:
            break
        active[steepest] = True
        while True:
            trial = np.zeros(size)
            trial[active] = np.linalg.lstsq(gram[np.ix_(active, active)], moment[active])[0]
            if trial[active].min() > 0:
                break
            # go towards the free solution only until the first coefficient reaches 0, and drop it
            negative = active & (trial <= 0)
            fraction = (x[negative] / np.maximum(x[negative] - trial[negative], TINY)).min()
            x = x + fraction * (trial - x)
            active &= x > 1e-14
            x[~active] = 0.0
            if not active.any():
                trial = x
                break
        x = trial
    return x


def huber_weights(residual: Floats, weight: Floats) -> Floats:
    """Return the Huber weights of residuals: 1 within two robust deviations, less beyond.

    A saturated minute or a noisy neighbour then counts as a deviation of two, not of twenty.
    """
    used = weight > 0
    # 1.4826 makes the median absolute deviation that of a normal distribution
    deviation = 1.4826 * float(np.median(np.abs(residual[used]))) + 1e-9 if used.any() else 1.0
    return np.minimum(1.0, _HUBER_THRESHOLD * deviation / np.maximum(np.abs(residual), 1e-12))


@dataclass(frozen=True, slots=True)
class Curve:
    """A fitted curve: knots in log2 x, and the coefficients of hats and covariates."""

    knots: Floats
    heights: Floats
    slopes: Floats

    def at(self, x: Floats, covariates: Floats) -> Floats:
        """Return the expected time per token; `covariates` has a column for each slope."""
        # a sum of hats is the straight line between their heights
        hats = np.interp(np.log2(x), self.knots, self.heights)
        return np.asarray(hats + covariates @ self.slopes)

    def slope_errors(
        self, x: Floats, covariates: Floats, time: Floats, weight: Floats, cluster: Ints
    ) -> Floats:
        """Return independent errors of the slopes, of one standard deviation, a column each.

        Given are the rows that the curve was fitted on; those of a cluster may be alike (the
        sandwich of Liang and Zeger, Biometrika 73, 1986, p. 13). A coefficient at its bound of 0
        has no error.
        """
        positive = np.concatenate([self.heights, self.slopes]) > 0
        features = np.concatenate([_hats(x, self.knots), covariates], axis=1) / time[:, None]
        features = features[:, positive]
        scale = np.maximum(features.max(0, initial=0.0), TINY)
        features = features / scale
        expected = self.at(x, covariates) / time
        residual = np.log(np.maximum(expected, TINY))
        weight = weight * huber_weights(residual - np.median(residual), weight)
        score = features * (weight * (1.0 - expected))[:, None]
        scores = np.stack([np.bincount(cluster, column) for column in score.T], axis=1)
        bread = np.linalg.pinv(features.T @ (features * weight[:, None])) / scale[:, None]
        errors = np.zeros((len(positive), len(scores)))
        errors[positive] = bread @ scores.T
        # as few columns as there are slopes say the same as one for each cluster
        left, size, _ = np.linalg.svd(errors[len(self.heights) :], full_matrices=False)
        return np.asarray(left * size)


def fit(x: Floats, covariates: Floats, time: Floats, weight: Floats) -> Curve:
    """Fit the curve to times per token at x, rows weighted; x and time are above 0."""
    if len(x) > _MAX_ROWS:
        # some twenty coefficients gain nothing from more rows than that, and memory is bounded
        sample = np.linspace(0, len(x) - 1, _MAX_ROWS).astype(np.int64)
        x, covariates, time, weight = x[sample], covariates[sample], time[sample], weight[sample]
    low, high = np.log2(x.min()), np.log2(x.max())
    knots = np.arange(np.floor(low / _KNOT_SPACING), np.ceil(high / _KNOT_SPACING) + 1.0)
    knots = knots * _KNOT_SPACING
    # over the time, the target is 1 and the residual is the relative error: a token of 10 ms and
    # one of 50 ms count alike, as they do in the log ratio that is compared
    features = np.concatenate([_hats(x, knots), covariates], axis=1) / time[:, None]
    total = max(float(weight.sum()), TINY)
    # of one size: context (thousands) beside hats (1) would make the Gram matrix ill-conditioned
    scale = np.maximum((weight @ features) / total, 1e-12)
    scaled, robust = features / scale, np.ones(len(x))
    coefficients = np.zeros(features.shape[1])
    for _ in range(_ITERATIONS):
        combined = weight * robust
        coefficients = nnls(scaled.T @ (scaled * combined[:, None]), scaled.T @ combined)
        residual = np.log(np.maximum(scaled @ coefficients, 1e-9))
        robust = huber_weights(residual - np.median(residual), weight)
    coefficients = coefficients / scale
    return Curve(knots, coefficients[: len(knots)], coefficients[len(knots) :])


def _hats(x: Floats, knots: Floats) -> Floats:
    distance = np.abs(np.log2(x)[:, None] - knots) / _KNOT_SPACING
    return np.asarray(np.maximum(0.0, 1.0 - distance))
