"""The effect of a release at matched load, and its uncertainty.

Pure arithmetic. Given for each row the log of (time expected from the baseline's curve / time
observed), the effect is the coefficient of `treated` in a weighted regression with effects of node
and, where versions ran at the same time, of time block. Both are absorbed exactly
(Frisch-Waugh-Lovell), so a thousand nodes cost no more than eight. No row is weighted down for
being far from the others: what a release does to a few windows alone is an effect of it.

The interval is two-way clustered over node and time block (Cameron, Gelbach and Miller 2011:
V = V_node + V_time - V_both), cross-checked by a block bootstrap over nodes and time blocks; the
larger is taken, and a floor measured in comparisons of a release with itself is added. The floor
is known and not estimated, so it has no degrees of freedom to lose: those of the sum are
Satterthwaite's (An approximate distribution of estimates of variance components, Biometrics 2,
1946, p. 110).
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from ..fleet.arrays import Floats, Ints
from .bootstrap import bootstrap_variance
from .regression import Regression, absorbed, coefficient
from .t_distribution import quantile

_MAX_BLOCK_DEGREES_OF_FREEDOM: Final = 20
_MAX_DEGREES_OF_FREEDOM: Final = 1000.0
# a large effect moves the load itself, and is read off a part of the curve known less well
_CURVE_ERROR: Final = 0.03


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect on the scale of the outcome: estimate, standard error, degrees of freedom.

    `limited_by` is what more of would narrow the interval; no amount of data brings the standard
    error below `minimum_stderr`. `of_nodes` is the part of the variance that the data's own nodes
    show, before what is known from elsewhere is pooled with it.
    """

    estimate: float
    stderr: float
    degrees_of_freedom: float
    limited_by: Literal["servers", "hours"]
    minimum_stderr: float
    of_nodes: "Variance | None" = None

    def times(self, factor: float) -> "Effect":
        """Return the effect on so many times the outcome; the factor is above 0."""
        return replace(
            self,
            estimate=factor * self.estimate,
            stderr=factor * self.stderr,
            minimum_stderr=factor * self.minimum_stderr,
        )

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the two-sided confidence interval at significance level alpha."""
        half = quantile(1.0 - alpha / 2.0, self.degrees_of_freedom) * self.stderr
        return self.estimate - half, self.estimate + half


@dataclass(frozen=True, slots=True)
class Variance:
    """An estimate of a variance, with the degrees of freedom it has."""

    value: float
    degrees_of_freedom: float

    def pooled(self, other: "Variance") -> "Variance":
        """Return the estimate of both together, each weighted by its degrees of freedom.

        Where one is a scaled inverse chi-squared prior this is the posterior's scale (Gelman et
        al., Bayesian Data Analysis, 3rd edition, section 2.6; limma's moderated variance).
        """
        degrees = self.degrees_of_freedom + other.degrees_of_freedom
        total = self.value * self.degrees_of_freedom + other.value * other.degrees_of_freedom
        return Variance(total / degrees, degrees)

    @property
    def mode(self) -> float:
        """The likeliest variance, where this is a scaled inverse chi-squared prior."""
        return self.value * self.degrees_of_freedom / (self.degrees_of_freedom + 2.0)

    def plus(self, other: "Variance") -> "Variance":
        """Return the variance of a sum of independent terms (Satterthwaite 1946)."""
        total = self.value + other.value
        if total <= 0:
            return Variance(0.0, min(self.degrees_of_freedom, other.degrees_of_freedom))
        uncertainty = sum(
            (part.value / total) ** 2 / part.degrees_of_freedom for part in (self, other)
        )
        return Variance(total, 1.0 / max(uncertainty, 1.0 / _MAX_DEGREES_OF_FREEDOM))


def estimate_effect(
    regression: Regression,
    minimum_stderr: float,
    spread: Variance | None = None,
    transient: Variance | None = None,
    uncompared: float = 0.0,
    errors: Floats | None = None,
) -> Effect | None:
    """Return the effect of `treated`, None where the rows do not identify one.

    On the scale of the outcome, `minimum_stderr` is a standard error that comes on top of that of
    the data. `spread` is the variance of the effect that nodes alone make, as far as it is known
    from elsewhere, `transient` what they make by differing from themselves over so short a time;
    `uncompared` is the share of the work that the rows do not stand for. `errors` has a column for
    each independent error of what y was taken against, such as a fitted curve: by how much one of a
    standard deviation moves y. Where both sides' loads are alike, it moves them alike (two-step
    estimation: Murphy and Topel, J. Bus. Econ. Stat. 3, 1985, p. 370).
    """
    if not _has_both_sides(regression):
        return None
    weight = regression.weight
    treatment = absorbed(regression.treated, weight, regression)
    outcome = absorbed(regression.y, weight, regression)
    estimate = coefficient(outcome, treatment, weight)
    if estimate is None:
        return None
    residual = outcome - estimate * treatment
    power = float((weight * treatment * treatment).sum())
    clustered = _cluster(regression, weight * treatment * residual / power)
    between = clustered.of_node if spread is None else clustered.of_node.pooled(spread)
    variance = between.plus(clustered.excess_of_block)
    # Clustered errors are too small with few clusters, the bootstrap with few of a stratum; which
    # one errs is not known, so the larger is taken.
    value = max(variance.value, bootstrap_variance(regression, weight))
    variance = Variance(value, variance.degrees_of_freedom)
    # a short watch shows too little of how nodes differ from themselves from hour to hour
    if transient and transient.value > value:
        degrees = transient.degrees_of_freedom
        if not regression.node_effects:
            # how they differ from each other is in it, and known no better than before
            degrees = min(degrees, variance.degrees_of_freedom)
        variance = Variance(transient.value, degrees)
    # What the data cannot show is independent of it and adds as a variance: the floor, and the
    # curve's error, which grows with the effect.
    known = minimum_stderr**2 + (_CURVE_ERROR * estimate) ** 2
    for column in () if errors is None else errors.T:
        moved = coefficient(absorbed(column, weight, regression), treatment, weight)
        known += (moved or 0.0) ** 2
    # work that was not compared may have changed by nothing or by twice as much: a uniform
    # distribution has its width over the root of 12 as standard deviation
    known += (uncompared * 2.0 * estimate) ** 2 / 12.0
    total = variance.plus(Variance(known, np.inf))
    limited_by: Literal["servers", "hours"] = "servers" if clustered.by_node else "hours"
    return Effect(
        estimate,
        float(np.sqrt(total.value)),
        total.degrees_of_freedom,
        limited_by,
        minimum_stderr,
        clustered.of_node,
    )


def _has_both_sides(regression: Regression) -> bool:
    used = regression.weight > 0
    treated = regression.treated > 0
    return bool((used & treated).any() and (used & ~treated).any())


@dataclass(frozen=True, slots=True)
class _Cluster:
    """The parts of the two-way clustered variance, and whether nodes dominate it.

    `excess_of_block` is what time blocks add to the variance between nodes.
    """

    of_node: Variance
    excess_of_block: Variance
    by_node: bool


def _cluster(regression: Regression, influence: Floats) -> _Cluster:
    """Return the variance of the sum of influences with clusters of nodes and of time blocks.

    Rows of one node are alike (its hardware, its traffic), and so are those of one hour (the day's
    rhythm): thousands of rows hold about as much as there are nodes and hours. Summed within a
    cluster before squaring, correlated influences do not average out (Cameron, Gelbach and Miller
    2011). Each part has the usual small-sample correction, G / (G - 1) for G clusters.
    """
    used = regression.weight > 0
    sums = _sums_by_cluster(regression, influence)
    nodes = len(np.unique(regression.node[used]))
    blocks = len(np.unique(regression.block[used]))
    # two groups of nodes, treated ones and controls, cost a degree of freedom each
    groups = 2 if regression.time_effects else 1
    node_degrees = float(max(nodes - groups, 1))
    # neighbouring blocks are not quite independent: more degrees of freedom are not claimed
    block_degrees = float(max(min(blocks - 1, _MAX_BLOCK_DEGREES_OF_FREEDOM), 1))
    of_node = _between_nodes(regression, sums.sum(1), node_degrees)
    of_block = float((sums.sum(0) ** 2).sum()) * blocks / max(blocks - 1, 1)
    excess = max(of_block - float((sums**2).sum()), 0.0)
    return _Cluster(
        Variance(of_node, node_degrees),
        Variance(excess, block_degrees),
        # without a past of their own the nodes' differences are in the effect, however many hours
        of_node >= of_block or not regression.node_effects,
    )


def _between_nodes(regression: Regression, influence: Floats, degrees: float) -> float:
    """Return the variance that nodes make, from their influences.

    The arms' nodes are taken to differ by as much, so that the few of a small arm are not all that
    is known of it: an influence times the nodes of its arm is what its node differs by.
    """
    present = np.bincount(regression.node[regression.weight > 0], minlength=regression.nodes) > 0
    arm = regression.treated_arm.astype(np.int64) * regression.time_effects
    counts = np.bincount(arm[present], minlength=2)
    squares = float(((influence * counts[arm])[present] ** 2).sum())
    return squares / degrees * float((1.0 / counts[counts > 0]).sum())


def _sums_by_cluster(regression: Regression, influence: Floats) -> Floats:
    """Return the influences added up by node (rows) and time block (columns)."""
    nodes, blocks = regression.nodes, regression.blocks
    cell: Ints = regression.node * blocks + regression.block
    return np.asarray(np.bincount(cell, influence, nodes * blocks).reshape(nodes, blocks))
