"""The variance of an effect by a block bootstrap over nodes, and over time blocks.

Pure arithmetic: the generator has a fixed seed, so that one fleet has one answer.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from ..fleet.arrays import Floats, Ints
from .regression import Regression, absorbed, coefficient, summed

_SEED: Final = 20
_REPLICATES: Final = 100
_LARGE: Final = 20_000


def bootstrap_variance(regression: Regression, weight: Floats) -> float:
    """Return the variance of the estimate when nodes, and then time blocks, are resampled.

    Whole clusters are resampled, not rows, since rows of one are not independent. Nodes are
    resampled within their arm, blocks within those in which the same arms ran the candidate, so
    that every replicate has the design's shape: a replicate without controls would estimate
    something else.
    """
    cells, _ = summed(replace(regression, weight=weight), np.zeros(len(weight), dtype=np.int64))
    generator = np.random.default_rng(_SEED)
    arms, periods = regression.treated_arm.astype(np.int64), _periods(regression, weight)
    every_node, every_block = np.ones(regression.nodes), np.ones(regression.blocks)
    large = regression.nodes * regression.blocks >= _LARGE
    count = _REPLICATES // 3 if large else _REPLICATES
    by_node = [_replicate(cells, _resampled(arms, generator), every_block) for _ in range(count)]
    by_block = [_replicate(cells, every_node, _resampled(periods, generator)) for _ in range(count)]
    return _variance(by_node) + _variance(by_block)


def _variance(estimates: list[float | None]) -> float:
    """Return the variance of the replicates that had an estimate, 0 where half had none."""
    values = np.array([value for value in estimates if value is not None])
    return float(values.var()) if len(values) > len(estimates) // 2 else 0.0


def _periods(regression: Regression, weight: Floats) -> Ints:
    """Return for each time block a number that those share in which the same arms are treated."""
    rows = (regression.treated > 0) & (weight > 0)
    period = np.zeros(regression.blocks, dtype=np.int64)
    for number, arm in ((1, True), (2, False)):
        treated = regression.block[rows & (regression.treated_arm[regression.node] == arm)]
        period[np.unique(treated)] += number
    return period


def _resampled(strata: Ints, generator: np.random.Generator) -> Floats:
    """Return how often each member is in a sample with replacement from its own stratum."""
    counts = np.zeros(len(strata))
    for stratum in np.unique(strata)[::-1]:
        members = np.flatnonzero(strata == stratum)
        counts += np.bincount(generator.choice(members, len(members)), minlength=len(strata))
    return counts


def _replicate(cells: Regression, nodes: Floats, blocks: Floats) -> float | None:
    """Return the estimate with nodes and blocks counted so many times, None where there is none."""
    weight = cells.weight * nodes[cells.node] * blocks[cells.block]
    if float(weight.sum()) <= 0:
        return None
    return coefficient(cells.y, absorbed(cells.treated, weight, cells), weight)
