"""The effect of a release at matched load, and how sure it is.

Pure arithmetic. Given for each row the log of (time expected from the baseline's curve / time
seen), the effect is the coefficient of `treated` in a Huber-weighted regression with effects of
node and, where versions ran at the same time, of time block. Both are absorbed exactly
(Frisch-Waugh-Lovell), so a thousand nodes cost no more than eight.

The interval is two-way clustered over node and time block (Cameron, Gelbach and Miller 2011:
V = V_node + V_time - V_both), cross-checked by a block bootstrap that draws nodes and time blocks;
the larger is taken, and a floor found in comparisons of a release with itself is added.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from ..fleet.windows import Floats, Ints, Mask
from .curve import huber
from .t_distribution import quantile

_PASSES: Final = 4
_MOST_BLOCK_FREEDOM: Final = 20
_REPLICATES: Final = 100
# a large effect moves the load itself, and is read off a part of the curve known less well
_CURVE_ERROR: Final = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What a regression sees; every array has one entry a row.

    `y` is the outcome, `weight` at least 0, `treated` 1 for the candidate; `node` and `block`
    number the clusters. `ever` tells of each node whether it ran the candidate.
    """

    y: Floats
    weight: Floats
    treated: Floats
    node: Ints
    block: Ints
    ever: Mask
    node_effects: bool
    time_effects: bool

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return len(self.ever)

    @property
    def blocks(self) -> int:
        """How many time blocks there are."""
        return int(self.block.max(initial=-1)) + 1


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect on the scale of `y`: estimate, standard error, degrees of freedom.

    `limited_by` is what more of would make it surer, `floor` what no data gets the error below.
    """

    estimate: float
    stderr: float
    freedom: float
    limited_by: Literal["servers", "hours"]
    floor: float

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return the two-sided interval with error alpha."""
        half = quantile(1.0 - alpha / 2.0, self.freedom) * self.stderr
        return self.estimate - half, self.estimate + half


def effect(rows: Rows, floor: float, least: float = 0.0) -> Effect | None:
    """Return the effect of `treated`, None where the rows cannot tell one.

    On the scale of `y`, `floor` is the standard error that no amount of data gets below, and
    `least` what is known of the rest of the error before any data is seen.
    """
    weight = rows.weight
    if not _tells(rows, weight):
        return None
    estimate, residual, own = 0.0, rows.y, rows.treated
    for _ in range(_PASSES):
        own = absorbed(rows.treated, weight, rows)
        seen = absorbed(rows.y, weight, rows)
        power = float((weight * own * own).sum())
        if power <= 1e-9 * max(float(weight.sum()), 1e-300):
            return None
        estimate = float((weight * own * seen).sum()) / power
        residual = seen - estimate * own
        last, weight = weight, rows.weight * huber(residual, rows.weight)
    power = float((last * own * own).sum())
    variance, freedom, by_node = _clustered(rows, last * own * residual / power, last)
    drawn = _drawn(replace(rows, weight=last))
    stderr = np.sqrt(max(variance, drawn, least**2) + floor**2 + (_CURVE_ERROR * estimate) ** 2)
    limited: Literal["servers", "hours"] = "servers" if by_node else "hours"
    return Effect(estimate, float(stderr), freedom, limited, floor)


def absorbed(values: Floats, weight: Floats, rows: Rows) -> Floats:
    """Return what is left of values when effects of node and time block are taken out."""
    if not (rows.node_effects and rows.time_effects):
        group = rows.node if rows.node_effects else rows.block
        if not (rows.node_effects or rows.time_effects):
            return values - float((weight * values).sum() / weight.sum())
        total = np.bincount(group, weight)
        mean = np.bincount(group, weight * values) / np.maximum(total, 1e-300)
        return np.asarray(values - mean[group])
    by_node, by_block = _two_way(values, weight, rows.node, rows.block, rows.nodes, rows.blocks)
    return np.asarray(values - by_node[rows.node] - by_block[rows.block])


def _two_way(
    values: Floats, weight: Floats, node: Ints, block: Ints, nodes: int, blocks: int
) -> tuple[Floats, Floats]:
    """Solve the normal equations of node and block effects by elimination of the nodes."""
    both = np.bincount(node * blocks + block, weight, nodes * blocks).reshape(nodes, blocks)
    sums = weight * values
    of_node = np.bincount(node, sums, nodes)
    of_block = np.bincount(block, sums, blocks)
    inverse = 1.0 / np.maximum(both.sum(1), 1e-300)
    left = np.diag(both.sum(0)) - both.T @ (both * inverse[:, None])
    # a constant may move from the blocks to the nodes; a touch of ridge settles where it is
    left.flat[:: blocks + 1] += 1e-10 * max(float(np.trace(left)) / blocks, 1e-300)
    by_block = np.linalg.solve(left, of_block - both.T @ (of_node * inverse))
    by_node = (of_node - both @ by_block) * inverse
    return np.asarray(by_node), np.asarray(by_block)


def _tells(rows: Rows, weight: Floats) -> bool:
    used = weight > 0
    return bool((used & (rows.treated > 0)).any() and (used & (rows.treated == 0)).any())


def _clustered(rows: Rows, influence: Floats, weight: Floats) -> tuple[float, float, bool]:
    """Return the two-way clustered variance, its degrees of freedom, and if nodes dominate it."""
    used = weight > 0
    cells = np.bincount(
        rows.node * rows.blocks + rows.block, influence, rows.nodes * rows.blocks
    ).reshape(rows.nodes, rows.blocks)
    nodes = len(np.unique(rows.node[used]))
    blocks = len(np.unique(rows.block[used]))
    # two groups of nodes, treated ones and controls, cost a degree of freedom each
    groups = 2 if rows.time_effects else 1
    of_node = float((cells.sum(1) ** 2).sum()) * nodes / max(nodes - groups, 1)
    of_block = float((cells.sum(0) ** 2).sum()) * blocks / max(blocks - 1, 1)
    both = float((cells**2).sum())
    variance = max(of_node + of_block - both, of_node, of_block)
    # without a past of their own the nodes' differences are in the effect, however long it is seen
    by_node = of_node >= of_block or not rows.node_effects
    freedom = nodes - groups if by_node else min(blocks - 1, _MOST_BLOCK_FREEDOM)
    return variance, float(max(freedom, 1)), by_node


def _drawn(rows: Rows) -> float:
    """Return the variance of the estimate when nodes, and then time blocks, are drawn anew.

    Nodes are drawn within those that ran the candidate and those that did not, blocks within
    those before and after the first candidate row, so that every draw has the design's shape.
    """
    sums = _aggregate(rows)
    generator = np.random.default_rng(20)
    first = rows.block[(rows.treated > 0) & (rows.weight > 0)].min()
    after = np.arange(rows.blocks) >= first
    one = np.ones(rows.nodes), np.ones(rows.blocks)
    count = _REPLICATES if rows.nodes * rows.blocks < 20_000 else _REPLICATES // 3
    by_node = [_estimate(sums, _draw(rows.ever, generator), one[1]) for _ in range(count)]
    by_block = [_estimate(sums, one[0], _draw(after, generator)) for _ in range(count)]
    return _variance(by_node) + _variance(by_block)


def _variance(estimates: list[float]) -> float:
    found = np.array(estimates)
    found = found[np.isfinite(found)]
    return float(found.var()) if len(found) > len(estimates) // 2 else 0.0


def _draw(strata: Mask, generator: np.random.Generator) -> Floats:
    counts = np.zeros(len(strata))
    for stratum in (strata, ~strata):
        members = np.flatnonzero(stratum)
        if len(members):
            counts += np.bincount(generator.choice(members, len(members)), minlength=len(strata))
    return counts


def _aggregate(rows: Rows) -> Rows:
    """Add rows up by node, block and side; a regression on the sums is the one on the rows."""
    key = (rows.node * rows.blocks + rows.block) * 2 + (rows.treated > 0)
    found, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    weight = np.bincount(inverse, rows.weight, len(found)).astype(np.float64)
    y = np.bincount(inverse, rows.weight * rows.y, len(found)) / np.maximum(weight, 1e-300)
    return replace(
        rows,
        y=y,
        weight=weight,
        treated=rows.treated[first],
        node=rows.node[first],
        block=rows.block[first],
    )


def _estimate(rows: Rows, nodes: Floats, blocks: Floats) -> float:
    weight = rows.weight * nodes[rows.node] * blocks[rows.block]
    total = float(weight.sum())
    if total <= 0:
        return float("nan")
    own = absorbed(rows.treated, weight, rows)
    power = float((weight * own * own).sum())
    if power <= 1e-9 * total:
        return float("nan")
    return float((weight * own * rows.y).sum()) / power
