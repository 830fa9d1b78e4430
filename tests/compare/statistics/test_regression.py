"""The regression with absorbed effects, against plain least squares with dummies."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.fleet.arrays import Floats
from exporter.compare.statistics.regression import Regression, absorbed, coefficient


def upgraded_nodes(
    seed: int = 0, change: float = 0.0, nodes: int = 8, blocks: int = 12, rows_each: int = 6
) -> Regression:
    """Return windows of nodes, half of them upgraded after two thirds of the blocks."""
    random = np.random.default_rng(seed)
    node = np.repeat(np.arange(nodes), blocks * rows_each)
    block = np.tile(np.repeat(np.arange(blocks), rows_each), nodes)
    treated_arm = np.arange(nodes) < nodes // 2
    treated = (treated_arm[node] & (block >= 2 * blocks // 3)).astype(float)
    y = 0.02 * random.standard_normal(nodes)[node] + 0.02 * random.standard_normal(blocks)[block]
    y = y + 0.01 * random.standard_normal((nodes, blocks))[node, block]
    y = y + 0.01 * random.standard_normal(len(node)) + change * treated
    weight = random.uniform(0.5, 1.0, len(node))
    return Regression(y, weight, treated, node, block, treated_arm, True, True)


def dummies(regression: Regression) -> Floats:
    columns = [regression.treated[:, None]]
    if regression.node_effects:
        columns.append(np.eye(regression.nodes)[regression.node])
    if regression.time_effects:
        time = np.eye(regression.blocks)[regression.block]
        columns.append(time[:, 1:] if regression.node_effects else time)
    return np.concatenate(columns, axis=1)


@pytest.mark.parametrize(
    ("node_effects", "time_effects"), [(True, True), (True, False), (False, True)]
)
def test_absorbed_effects_are_those_of_dummies(node_effects: bool, time_effects: bool) -> None:
    regression = replace(
        upgraded_nodes(3, 0.05), node_effects=node_effects, time_effects=time_effects
    )
    root = np.sqrt(regression.weight)
    matrix = dummies(regression)
    expected = np.linalg.lstsq(matrix * root[:, None], regression.y * root)[0][0]
    treatment, outcome = (
        absorbed(values, regression.weight, regression)
        for values in (regression.treated, regression.y)
    )
    assert coefficient(outcome, treatment, regression.weight) == pytest.approx(expected, abs=1e-10)


def test_a_treatment_that_is_its_nodes_has_no_coefficient() -> None:
    regression = upgraded_nodes()
    always = regression.treated_arm[regression.node].astype(float)
    treatment = absorbed(always, regression.weight, regression)
    assert coefficient(regression.y, treatment, regression.weight) is None


def test_a_single_time_block_with_weight_has_no_coefficient() -> None:
    # such replicates the bootstrap draws where blocks are few
    regression = upgraded_nodes(blocks=4)
    weight = np.where(regression.block == 3, regression.weight, 0.0)
    treatment = absorbed(regression.treated, weight, regression)
    assert np.abs(treatment[weight > 0]).max() < 1e-6
    assert coefficient(regression.y, treatment, weight) is None
