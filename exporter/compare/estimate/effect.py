"""The effect of a release at matched load, and its uncertainty.

Pure arithmetic. Given for each row the log of (time expected from the baseline's curve / time
observed), the effect is the coefficient of `treated` in a Huber-weighted regression with effects of
node and, where versions ran at the same time, of time block. Both are absorbed exactly
(Frisch-Waugh-Lovell), so a thousand nodes cost no more than eight.

The interval is two-way clustered over node and time block (Cameron, Gelbach and Miller 2011:
V = V_node + V_time - V_both), cross-checked by a block bootstrap over nodes and time blocks; the
larger is taken, and a floor measured in comparisons of a release with itself is added.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ..fleet.arrays import Floats, Ints
from .bootstrap import bootstrap_variance
from .curve import huber_weights
from .regression import Regression, absorbed, coefficient
from .t_distribution import quantile

_ITERATIONS: Final = 4
_MAX_BLOCK_DEGREES_OF_FREEDOM: Final = 20
# a large effect moves the load itself, and is read off a part of the curve known less well
_CURVE_ERROR: Final = 0.03


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect on the scale of the outcome: estimate, standard error, degrees of freedom.

    `limited_by` is what more of would narrow the interval; no amount of data brings the standard
    error below `minimum_stderr`.
    """

    estimate: float
    stderr: float
    degrees_of_freedom: float
    limited_by: Literal["servers", "hours"]
    minimum_stderr: float

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the two-sided confidence interval at significance level alpha."""
        half = quantile(1.0 - alpha / 2.0, self.degrees_of_freedom) * self.stderr
        return self.estimate - half, self.estimate + half


def estimate_effect(
    regression: Regression, minimum_stderr: float, prior_stderr: float = 0.0
) -> Effect | None:
    """Return the effect of `treated`, None where the rows do not identify one.

    On the scale of the outcome, `minimum_stderr` is a standard error that comes on top of that of
    the data, and `prior_stderr` what the data's own is known to be at least.
    """
    weight = regression.weight
    if not _has_both_sides(regression):
        return None
    estimate, residual, treatment = 0.0, regression.y, regression.treated
    used_weight = weight
    for _ in range(_ITERATIONS):
        treatment = absorbed(regression.treated, weight, regression)
        outcome = absorbed(regression.y, weight, regression)
        solved = coefficient(outcome, treatment, weight)
        if solved is None:
            return None
        estimate = solved
        residual = outcome - estimate * treatment
        # the next weights judge these residuals; what was estimated belongs to these weights
        used_weight, weight = weight, regression.weight * huber_weights(residual, regression.weight)
    power = float((used_weight * treatment * treatment).sum())
    influence = used_weight * treatment * residual / power
    clustered = _cluster(regression, influence, used_weight)
    bootstrapped = bootstrap_variance(regression, used_weight)
    # Clustered errors are too small with few clusters, the bootstrap with few of a stratum; which
    # one errs is not known, so the larger is taken. What neither sees is independent of both and
    # adds as a variance: the floor, and the curve's error, which grows with the effect.
    stderr = np.sqrt(
        max(clustered.variance, bootstrapped, prior_stderr**2)
        + minimum_stderr**2
        + (_CURVE_ERROR * estimate) ** 2
    )
    limited_by: Literal["servers", "hours"] = "servers" if clustered.by_node else "hours"
    return Effect(estimate, float(stderr), clustered.degrees_of_freedom, limited_by, minimum_stderr)


def _has_both_sides(regression: Regression) -> bool:
    used = regression.weight > 0
    treated = regression.treated > 0
    return bool((used & treated).any() and (used & ~treated).any())


@dataclass(frozen=True, slots=True)
class _Cluster:
    """The two-way clustered variance, its degrees of freedom, and whether nodes dominate it."""

    variance: float
    degrees_of_freedom: float
    by_node: bool


def _cluster(regression: Regression, influence: Floats, weight: Floats) -> _Cluster:
    """Return the variance of the sum of influences with clusters of nodes and of time blocks.

    Rows of one node are alike (its hardware, its traffic), and so are those of one hour (the day's
    rhythm): thousands of rows hold about as much as there are nodes and hours. Summed within a
    cluster before squaring, correlated influences do not average out (Cameron, Gelbach and Miller
    2011). Each part has the usual small-sample correction, G / (G - 1) for G clusters.
    """
    used = weight > 0
    sums = _sums_by_cluster(regression, influence)
    nodes = len(np.unique(regression.node[used]))
    blocks = len(np.unique(regression.block[used]))
    # two groups of nodes, treated ones and controls, cost a degree of freedom each
    groups = 2 if regression.time_effects else 1
    of_node = float((sums.sum(1) ** 2).sum()) * nodes / max(nodes - groups, 1)
    of_block = float((sums.sum(0) ** 2).sum()) * blocks / max(blocks - 1, 1)
    of_intersection = float((sums**2).sum())
    # the difference may come out below either part, even below 0, in small samples
    variance = max(of_node + of_block - of_intersection, of_node, of_block)
    # without a past of their own the nodes' differences are in the effect, however many the hours
    by_node = of_node >= of_block or not regression.node_effects
    # neighbouring blocks are not quite independent: more degrees of freedom are not claimed
    degrees = nodes - groups if by_node else min(blocks - 1, _MAX_BLOCK_DEGREES_OF_FREEDOM)
    return _Cluster(variance, float(max(degrees, 1)), by_node)


def _sums_by_cluster(regression: Regression, influence: Floats) -> Floats:
    """Return the influences added up by node (rows) and time block (columns)."""
    nodes, blocks = regression.nodes, regression.blocks
    cell: Ints = regression.node * blocks + regression.block
    return np.asarray(np.bincount(cell, influence, nodes * blocks).reshape(nodes, blocks))
