"""What a change of speed at equal batch makes of the time between tokens at equal demand.

Pure arithmetic. By Little's law the batch B that a demand of r steps a second settles at is
B = r t(B, q, c), where t is a step's time with q prompt tokens a step of a sequence and a context
of c: a slower release runs larger batches, and so is slower twice. Solved on the baseline's curve
for the demand that a row had, it is the time that the baseline would have taken. Fitted over the
demand itself that time would not be a sum of its parts: what prompts add grows with the batch.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..fleet.arrays import TINY, Floats
from ..fleet.windows import Windows
from .curve import Curve
from .speed import SpeedIndex

_MAX_SATURATED_SHARE: Final = 0.05
_MAX_ELASTICITY: Final = 0.85
"""Change of log time a step per log batch, up to which the demand is taken to decide the batch.

At 1 the batch grows without end.
"""
_LOG_STEP: Final = 0.2
"""Half of the difference of log batch that the elasticity is taken over, of about two knots."""
_MAX_LOG_CHANGE: Final = float(np.log(2.0))
"""Largest change of log batch that is followed: beyond it the curve is known too little."""
_ITERATIONS: Final = 40
_DAMPING: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class DemandIndex:
    """The index at equal demand in units of that at equal batch, and how much larger it is.

    `speed.y` is the log of expected over observed time at equal demand over `amplification`, the
    mean factor by which a small change of the candidate's speed grows: an effect on it, with the
    errors known of speeds, is to be multiplied by that.
    """

    speed: SpeedIndex
    amplification: float


def at_equal_demand(index: SpeedIndex, windows: Windows) -> DemandIndex | None:
    """Return the index of decoding at equal demand; None where no work is below saturation.

    `windows` are those that the index was made from. Rows with a queue, and those in which the
    batch hardly tells of the demand, are left out.
    """
    observations, matching = index.observations, index.matching
    seconds = windows.column("seconds")[observations.rows]
    saturated = np.nan_to_num(windows.column("saturated_seconds"))[observations.rows] / seconds
    elasticity = _elasticity(index.curve, observations.x, observations.covariates)
    steady = (saturated < _MAX_SATURATED_SHARE) & (elasticity < _MAX_ELASTICITY)
    weight = np.where(steady, matching.weight, 0.0)
    work = np.where(index.treated & (matching.weight > 0), observations.work, 0.0)
    unsaturated = float(work[steady].sum())
    if not unsaturated:
        return None
    factor = 1.0 / (1.0 - np.where(steady, elasticity, 0.0))
    amplification = float(np.average(factor, weights=np.where(index.treated, weight, 0.0)))
    coverage = matching.coverage * unsaturated / float(work.sum())
    speed = replace(
        index,
        y=_log_ratio(index) / amplification - index.level,
        matching=replace(matching, weight=weight, coverage=coverage),
    )
    return DemandIndex(speed, amplification)


def _log_ratio(index: SpeedIndex) -> Floats:
    """Return the log of the time that the baseline would take at each row's demand over its own.

    The fixed point log b = log t(b B) - log t_observed of the relative batch b, by damped steps.
    """
    observations = index.observations
    observed, log_batch = np.log(observations.time), np.zeros(len(observations.time))
    for _ in range(_ITERATIONS):
        expected = _expected(index.curve, observations.x, observations.covariates, log_batch)
        towards = np.where(expected > 0, np.log(np.maximum(expected, TINY)) - observed, 0.0)
        log_batch += _DAMPING * (towards - log_batch)
        log_batch = np.clip(log_batch, -_MAX_LOG_CHANGE, _MAX_LOG_CHANGE)
    return log_batch


def _expected(curve: Curve, x: Floats, covariates: Floats, log_batch: Floats) -> Floats:
    """Return the curve at a batch changed by a log, with prefill share and context as they are."""
    factor = np.exp(log_batch)
    return curve.at(x * factor, covariates * factor[:, None])


def _elasticity(curve: Curve, x: Floats, covariates: Floats) -> Floats:
    """Return the change of log time a step per log batch on the curve."""
    step = np.full(len(x), _LOG_STEP)
    above, below = (_expected(curve, x, covariates, each) for each in (step, -step))
    known = (above > 0) & (below > 0)
    change = np.log(np.maximum(above, TINY)) - np.log(np.maximum(below, TINY))
    return np.where(known, change / (2.0 * _LOG_STEP), 1.0)
