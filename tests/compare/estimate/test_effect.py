"""The regression: against plain least squares with dummies, and its errors against formulas."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.estimate.effect import Rows, absorbed, effect
from exporter.compare.fleet.windows import Floats


def rows(
    seed: int = 0, change: float = 0.0, nodes: int = 8, blocks: int = 12, each: int = 6
) -> Rows:
    """Return windows of nodes, half of them upgraded after two thirds of the blocks."""
    random = np.random.default_rng(seed)
    node = np.repeat(np.arange(nodes), blocks * each)
    block = np.tile(np.repeat(np.arange(blocks), each), nodes)
    ever = np.arange(nodes) < nodes // 2
    treated = (ever[node] & (block >= 2 * blocks // 3)).astype(float)
    y = 0.02 * random.standard_normal(nodes)[node] + 0.02 * random.standard_normal(blocks)[block]
    y = y + 0.01 * random.standard_normal((nodes, blocks))[node, block]
    y = y + 0.01 * random.standard_normal(len(node)) + change * treated
    weight = random.uniform(0.5, 1.0, len(node))
    return Rows(y, weight, treated, node, block, ever, True, True)


def dummies(one: Rows) -> Floats:
    columns = [one.treated[:, None], np.eye(one.nodes)[one.node]]
    if one.time_effects:
        columns.append(np.eye(one.blocks)[one.block][:, 1:])
    return np.concatenate(columns, axis=1)


@pytest.mark.parametrize("time_effects", [True, False])
def test_absorbed_effects_are_those_of_dummies(time_effects: bool) -> None:
    one = replace(rows(3, 0.05), time_effects=time_effects)
    root = np.sqrt(one.weight)
    matrix = dummies(one)
    expected = np.linalg.lstsq(matrix * root[:, None], one.y * root)[0][0]
    own, seen = (absorbed(v, one.weight, one) for v in (one.treated, one.y))
    assert (one.weight * own * seen).sum() / (one.weight * own * own).sum() == pytest.approx(
        expected, abs=1e-10
    )


def test_an_effect_is_found_with_an_honest_interval() -> None:
    covered, found = 0, []
    for seed in range(40):
        told = effect(rows(seed, -0.05), floor=0.0)
        assert told is not None
        low, high = told.interval(0.05)
        covered += low <= -0.05 <= high
        found.append(told.estimate)
    assert np.mean(found) == pytest.approx(-0.05, abs=0.002)
    assert covered >= 36


def test_rows_that_move_together_do_not_make_it_surer() -> None:
    """A tenfold of rows within the same nodes and blocks leaves the error where it was."""
    one = rows(1, each=4)
    many = replace(
        one,
        y=np.repeat(one.y, 10),
        weight=np.repeat(one.weight, 10),
        treated=np.repeat(one.treated, 10),
        node=np.repeat(one.node, 10),
        block=np.repeat(one.block, 10),
    )
    few, lots = effect(one, 0.0), effect(many, 0.0)
    assert few is not None
    assert lots is not None
    assert lots.stderr == pytest.approx(few.stderr, rel=0.02)


def test_no_error_gets_below_the_floor() -> None:
    one = rows(1)
    quiet = replace(one, y=0.0 * one.y)
    told = effect(quiet, floor=0.004)
    assert told is not None
    assert told.estimate == pytest.approx(0.0, abs=1e-12)
    assert told.stderr == pytest.approx(0.004)
    assert told.floor == 0.004


def test_outliers_weigh_little() -> None:
    one = rows(2, 0.03)
    wild = one.y.copy()
    wild[np.flatnonzero(one.treated > 0)[::12]] -= 1.0
    told = effect(replace(one, y=wild), 0.0)
    assert told is not None
    assert told.estimate == pytest.approx(0.03, abs=0.02)


def test_what_cannot_be_told_is_none() -> None:
    one = rows(0)
    assert effect(replace(one, treated=0.0 * one.treated), 0.0) is None
    assert effect(replace(one, weight=one.weight * (one.treated == 0)), 0.0) is None
    # every node ran the candidate in all of its rows: nothing is left of it beside the nodes
    assert effect(replace(one, treated=one.ever[one.node].astype(float)), 0.0) is None
