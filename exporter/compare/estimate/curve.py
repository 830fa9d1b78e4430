"""The free batch curve: time per token as a sum of hats over the batch, fitted on the baseline.

Pure arithmetic. `time = sum_k theta_k hat_k(log2 x) + sum_j slope_j covariate_j`, all coefficients
non-negative, hats at half-octave knots. No form of the curve is assumed: a quadratic fits dense
models and is wrong by half on mixtures of experts, whose step time jumps once most experts are
touched and then flattens. The fit is Huber-weighted least squares on the relative error
(Huber 1964), non-negative by the active-set method of Lawson and Hanson (1974, chapter 23) on the
normal equations (Bro and de Jong 1997).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..fleet.windows import Floats

_PASSES: Final = 4
_HUBER: Final = 2.0
_STEP: Final = 0.5
_MOST_ROWS: Final = 200_000


def nnls(gram: Floats, moment: Floats) -> Floats:
    """Return the non-negative x least in x'Gx - 2m'x; G is symmetric and positive semi-definite."""
    size = len(moment)
    x, active = np.zeros(size), np.zeros(size, dtype=bool)
    scale = max(float(np.abs(moment).max(initial=0.0)), 1e-300)
    for _ in range(3 * size):
        slope = moment - gram @ x
        slope[active] = -np.inf
        best = int(np.argmax(slope))
        if active.all() or slope[best] <= 1e-10 * scale:
            break
        active[best] = True
        while True:
            trial = np.zeros(size)
            trial[active] = np.linalg.lstsq(gram[np.ix_(active, active)], moment[active])[0]
            if trial[active].min() > 0:
                break
            low = active & (trial <= 0)
            share = (x[low] / np.maximum(x[low] - trial[low], 1e-300)).min()
            x = x + share * (trial - x)
            active &= x > 1e-14
            x[~active] = 0.0
            if not active.any():
                trial = x
                break
        x = trial
    return x


def huber(residual: Floats, weight: Floats) -> Floats:
    """Return Huber weights of residuals: 1 within two robust deviations, falling off beyond."""
    used = weight > 0
    deviation = 1.4826 * float(np.median(np.abs(residual[used]))) + 1e-9 if used.any() else 1.0
    return np.minimum(1.0, _HUBER * deviation / np.maximum(np.abs(residual), 1e-12))


@dataclass(frozen=True, slots=True)
class Curve:
    """A fitted curve: knots in log2 x, and the coefficients of hats and covariates."""

    knots: Floats
    theta: Floats
    slopes: Floats

    def at(self, x: Floats, covariates: Floats) -> Floats:
        """Return the expected time per token; `covariates` has a column for each slope."""
        # a sum of hats is the straight line between their heights
        hats = np.interp(np.log2(x), self.knots, self.theta)
        return np.asarray(hats + covariates @ self.slopes)


def fit(x: Floats, covariates: Floats, time: Floats, weight: Floats) -> Curve:
    """Fit the curve to times per token at x, rows weighted; x and time are above 0.

    A few hundred thousand rows tell some twenty numbers as well as more do, so no more are used.
    """
    if len(x) > _MOST_ROWS:
        some = np.linspace(0, len(x) - 1, _MOST_ROWS).astype(np.int64)
        x, covariates, time, weight = x[some], covariates[some], time[some], weight[some]
    low, high = np.log2(x.min()), np.log2(x.max())
    knots = np.arange(np.floor(low / _STEP), np.ceil(high / _STEP) + 1.0) * _STEP
    features = np.concatenate([_hats(x, knots), covariates], axis=1) / time[:, None]
    total = max(float(weight.sum()), 1e-300)
    scale = np.maximum((weight @ features) / total, 1e-12)
    scaled, robust = features / scale, np.ones(len(x))
    found = np.zeros(features.shape[1])
    for _ in range(_PASSES):
        both = weight * robust
        found = nnls(scaled.T @ (scaled * both[:, None]), scaled.T @ both)
        residual = np.log(np.maximum(scaled @ found, 1e-9))
        robust = huber(residual - np.median(residual), weight)
    found = found / scale
    return Curve(knots, found[: len(knots)], found[len(knots) :])


def _hats(x: Floats, knots: Floats) -> Floats:
    distance = np.abs(np.log2(x)[:, None] - knots) / _STEP
    return np.asarray(np.maximum(0.0, 1.0 - distance))
