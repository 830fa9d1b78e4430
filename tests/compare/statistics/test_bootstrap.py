"""The block bootstrap: one answer for one fleet, and near the variance that formulas give."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.statistics.bootstrap import bootstrap_variance
from exporter.compare.statistics.regression import Regression


def independent(nodes: int, blocks: int, treated: int) -> Regression:
    """Return one row a node and block, of independent noise; the last nodes are treated."""
    node, block = np.divmod(np.arange(nodes * blocks), blocks)
    noise = 0.01 * np.random.default_rng(1).standard_normal(len(node))
    treated_arm = np.arange(nodes) >= nodes - treated
    sides = treated_arm[node].astype(float)
    return Regression(noise, np.ones(len(node)), sides, node, block, treated_arm, False, True)


def test_it_is_near_the_variance_of_two_means() -> None:
    regression = independent(nodes=40, blocks=50, treated=20)
    expected = 2 * 0.01**2 / (20 * 50)
    # nodes and blocks are resampled in turn, so that independent noise counts twice
    variance = bootstrap_variance(regression, regression.weight)
    assert variance == pytest.approx(2 * expected, rel=0.5)
    assert bootstrap_variance(regression, regression.weight) == variance


def test_rows_that_repeat_do_not_lessen_it() -> None:
    regression = independent(nodes=8, blocks=12, treated=4)
    repeated = replace(
        regression,
        y=np.repeat(regression.y, 5),
        weight=np.repeat(regression.weight, 5),
        treated=np.repeat(regression.treated, 5),
        node=np.repeat(regression.node, 5),
        block=np.repeat(regression.block, 5),
    )
    variance = bootstrap_variance(regression, regression.weight)
    assert bootstrap_variance(repeated, repeated.weight) == pytest.approx(variance)
