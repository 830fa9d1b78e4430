"""The regression behind an effect: its data, and fixed effects of node and time block absorbed.

Pure arithmetic.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..fleet.arrays import TINY, Floats, Ints, Mask

MIN_WINDOWS: Final = 12
"""Rows of a side that an effect is estimated from at least; a row is a batch cell in a window."""


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """The rows of a regression; every array but the last has one entry a row.

    `y` is the outcome, `weight` at least 0, `treated` 1 for the candidate; `node` and `block`
    number the clusters. `treated_arm` holds of each node whether it ran the candidate.
    """

    y: Floats
    weight: Floats
    treated: Floats
    node: Ints
    block: Ints
    treated_arm: Mask
    node_effects: bool
    time_effects: bool

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return len(self.treated_arm)

    @property
    def blocks(self) -> int:
        """How many time blocks there are."""
        return int(self.block.max(initial=-1)) + 1


def summed(regression: Regression, stratum: Ints) -> tuple[Regression, Ints]:
    """Return rows added up by node, block, side and stratum, and the stratum of each sum.

    A regression on the sums has the results of that on the rows. Rows without weight are left out.
    """
    key = (regression.node * regression.blocks + regression.block) * 2 + (regression.treated > 0)
    key = key * (int(stratum.max(initial=0)) + 1) + stratum
    used = np.flatnonzero(regression.weight > 0)
    keys, first, inverse = np.unique(key[used], return_index=True, return_inverse=True)
    first = used[first]
    weight = np.bincount(inverse, regression.weight[used], len(keys)).astype(np.float64)
    sums = np.bincount(inverse, (regression.weight * regression.y)[used], len(keys))
    sums_of = replace(
        regression,
        y=sums / np.maximum(weight, TINY),
        weight=weight,
        treated=regression.treated[first],
        node=regression.node[first],
        block=regression.block[first],
    )
    return sums_of, np.asarray(stratum[first])


def absorbed(values: Floats, weight: Floats, regression: Regression) -> Floats:
    """Return the residuals of values on the fixed effects of node and time block.

    A regression of residuals on residuals has the coefficient of the whole regression (Frisch and
    Waugh 1933, Lovell 1963), so that the dummies of nodes and blocks need not be columns.
    """
    if not (regression.node_effects or regression.time_effects):
        return values - float((weight * values).sum() / weight.sum())
    if not (regression.node_effects and regression.time_effects):
        group = regression.node if regression.node_effects else regression.block
        total = np.bincount(group, weight)
        mean = np.bincount(group, weight * values) / np.maximum(total, TINY)
        return np.asarray(values - mean[group])
    by_node, by_block = _two_way_effects(values, weight, regression)
    return np.asarray(values - by_node[regression.node] - by_block[regression.block])


def node_levels(regression: Regression) -> Floats:
    """Return the effect of each node on the outcome, beside those of time block.

    Those of nodes that no common block links, directly or by others, differ by an arbitrary number.
    """
    by_node, _ = _two_way_effects(regression.y, regression.weight, regression)
    return by_node


def coefficient(outcome: Floats, treatment: Floats, weight: Floats) -> float | None:
    """Return the slope of an outcome on an absorbed treatment, None where that has no variation.

    The treatment has none left where it is the same as a node or a time block: then nothing tells
    the release from the machine or from the hour.
    """
    power = float((weight * treatment * treatment).sum())
    if power <= 1e-9 * max(float(weight.sum()), TINY):
        return None
    return float((weight * treatment * outcome).sum()) / power


def _two_way_effects(
    values: Floats, weight: Floats, regression: Regression
) -> tuple[Floats, Floats]:
    """Solve the normal equations of node and block effects by elimination of the more numerous.

    What is left to solve is as large as there are of the others: some nodes, or hours.
    """
    node, block = regression.node, regression.block
    nodes, blocks = regression.nodes, regression.blocks
    sums = weight * values
    joint, of_node, of_block = (
        np.bincount(key, numbers, size).astype(np.float64)
        for key, numbers, size in (
            (node * blocks + block, weight, nodes * blocks),
            (node, sums, nodes),
            (block, sums, blocks),
        )
    )
    joint = joint.reshape(nodes, blocks)
    if nodes < blocks:
        by_block, by_node = _eliminated(joint.T, of_block, of_node)
    else:
        by_node, by_block = _eliminated(joint, of_node, of_block)
    return by_node, by_block


def _eliminated(joint: Floats, of_row: Floats, of_column: Floats) -> tuple[Floats, Floats]:
    """Return the effects of rows and columns from weights by both, and from sums by each."""
    columns = len(of_column)
    inverse = 1.0 / np.maximum(joint.sum(1), TINY)
    schur = np.diag(joint.sum(0)) - joint.T @ (joint * inverse[:, None])
    # a constant may move from the columns to the rows; a touch of ridge settles where it is, also
    # where a replicate has drawn one of them alone and nothing but rounding is left
    scale = max(float(np.trace(schur)), 1e-6 * float(joint.sum()), TINY)
    schur.flat[:: columns + 1] += 1e-10 * scale / columns
    by_column = np.linalg.solve(schur, of_column - joint.T @ (of_row * inverse))
    by_row = (of_row - joint @ by_column) * inverse
    return np.asarray(by_row), np.asarray(by_column)
