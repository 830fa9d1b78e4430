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

from ..fleet.arrays import TINY, Floats, Mask
from ..fleet.windows import Windows
from .curve import Curve
from .matching import TAIL
from .observations import Observations
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
_SUPPORT: Final = (TAIL, 1.0 - TAIL)
"""Quantiles of the baseline's batches between which its curve is known."""
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
    batch hardly tells of the demand, are left out; the coverage counts those at whose demand the
    baseline would have run a batch that it did run.
    """
    observations, matching = index.observations, index.matching
    baseline = index.reference > 0
    work = np.where(index.treated & (matching.weight > 0), observations.work, 0.0)
    if not baseline.any() or not work.any():
        return None
    steps = _Steps(observations, index.curve, *np.quantile(observations.x[baseline], _SUPPORT))
    seconds = windows.column("seconds")[observations.rows]
    saturated = np.nan_to_num(windows.column("saturated_seconds"))[observations.rows] / seconds
    elasticity = steps.elasticity()
    steady = (saturated < _MAX_SATURATED_SHARE) & (elasticity < _MAX_ELASTICITY)
    if not work[steady].any():
        return None
    weight = np.where(steady, matching.weight, 0.0)
    factor = 1.0 / (1.0 - np.where(steady, elasticity, 0.0))
    amplification = float(np.average(factor, weights=np.where(index.treated, weight, 0.0)))
    log_batch = steps.log_batch()
    # where the baseline would have run batches that it never did, only the direction is known
    covered = work[steady & steps.supports(log_batch)].sum() / work.sum()
    speed = replace(
        index,
        y=log_batch / amplification - index.level,
        reference=np.where(steady, index.reference, 0.0),
        matching=replace(matching, weight=weight, coverage=matching.coverage * float(covered)),
        spent=np.where(steady, index.spent, 0.0),
    )
    return DemandIndex(speed, amplification)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """The baseline's time of a step for the rows of some observations, at other batches.

    `low` and `high` are the batches between which the baseline's curve is known: beyond them its
    hats are held.
    """

    observations: Observations
    curve: Curve
    low: float
    high: float

    def seconds(self, log_batch: Floats) -> Floats:
        """Return the time at batches changed by a log, prefill share and context unchanged."""
        factor = np.exp(log_batch)
        batch = np.clip(self.observations.x * factor, self.low, self.high)
        covariates = self.observations.covariates * factor[:, None]
        return self.curve.at(batch, covariates)

    def supports(self, log_batch: Floats) -> Mask:
        """Mark the rows whose batches, changed by a log, are ones that the baseline ran."""
        batch = self.observations.x * np.exp(log_batch)
        return (batch >= self.low) & (batch <= self.high) & (np.abs(log_batch) < _MAX_LOG_CHANGE)

    def elasticity(self) -> Floats:
        """Return the change of log time per log batch; it is 0 at least, and 1 where not known."""
        step = np.full(len(self.observations.x), _LOG_STEP)
        above, below = self.seconds(step), self.seconds(-step)
        known = (above > 0) & (below > 0)
        change = np.log(np.maximum(above, TINY)) - np.log(np.maximum(below, TINY))
        return np.where(known, np.maximum(change, 0.0) / (2.0 * _LOG_STEP), 1.0)

    def log_batch(self) -> Floats:
        """Return the log of the batch that the baseline would have run over that of each row.

        It is the log of its time over the observed one too. The fixed point of
        log b = log t(b B) - log t_observed, by damped steps.
        """
        observed = np.log(self.observations.time)
        log_batch = np.zeros(len(observed))
        for _ in range(_ITERATIONS):
            expected = self.seconds(log_batch)
            towards = np.where(expected > 0, np.log(np.maximum(expected, TINY)) - observed, 0.0)
            log_batch += _DAMPING * (towards - log_batch)
            log_batch = np.clip(log_batch, -_MAX_LOG_CHANGE, _MAX_LOG_CHANGE)
        return log_batch
