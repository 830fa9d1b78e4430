"""One effect over strata: the mean over the candidate's work, whatever the sides' mixes are."""

import numpy as np
import pytest

from exporter.compare.fleet.arrays import Floats, Ints
from exporter.compare.statistics.effect import Effect, estimate_effect
from exporter.compare.statistics.regression import Regression
from exporter.compare.statistics.strata import standardised

NODES, BLOCKS, PER_BLOCK = 8, 24, 12


def made(
    effects: tuple[float, ...], wide: Floats, level: float = 0.02, seed: int = 1
) -> tuple[Regression, Ints, Floats]:
    """Return a difference in differences whose effect hangs on the stratum, and each row's work.

    `wide` is by block how likely a row is in the last stratum; there work takes twice the time.
    The baseline's curve errs by `level` more from one stratum to the next.
    """
    random = np.random.default_rng(seed)
    node = np.repeat(np.arange(NODES), BLOCKS * PER_BLOCK)
    block = np.tile(np.repeat(np.arange(BLOCKS), PER_BLOCK), NODES)
    cell = np.where(random.random(len(node)) < wide[block], len(effects) - 1, 0)
    cell = np.where(cell == 0, random.integers(0, len(effects) - 1, len(node)), cell)
    treated = (node < NODES // 2) & (block >= BLOCKS // 2)
    y = 0.01 * random.standard_normal(len(node)) + level * cell
    y = y + treated * np.array(effects)[cell]
    spent = np.where(treated, 1.0 + (cell == len(effects) - 1), 0.0)
    regression = Regression(
        y,
        np.ones(len(node)),
        treated.astype(np.float64),
        node,
        block,
        np.arange(NODES) < NODES // 2,
        node_effects=True,
        time_effects=True,
    )
    return regression, cell.astype(np.int64), spent


def effect_of(regression: Regression) -> Effect:
    effect = estimate_effect(regression, 0.0)
    assert effect is not None
    return effect


def mean_over(spent: Floats, cell: Ints, effects: tuple[float, ...]) -> float:
    """Return the log of the work's time on the baseline over its time."""
    return float(np.log(np.average(np.exp(np.array(effects)[cell]), weights=spent)))


@pytest.mark.parametrize("effects", [(0.0, 0.0, -0.2), (0.0, -0.05, 0.3), (-0.1, -0.1, -0.1)])
def test_the_whole_is_the_mean_over_the_candidates_work(effects: tuple[float, ...]) -> None:
    regression, cell, spent = made(effects, np.linspace(0.1, 0.7, BLOCKS))
    effect = effect_of(standardised(regression, cell, spent))
    assert effect.estimate == pytest.approx(mean_over(spent, cell, effects), abs=0.003)


def test_how_much_an_hour_worked_in_a_stratum_is_no_noise() -> None:
    same, _, _ = made((0.0, 0.0, 0.0), np.linspace(0.1, 0.7, BLOCKS))
    regression, cell, spent = made((0.0, 0.0, -0.2), np.linspace(0.1, 0.7, BLOCKS))
    mixed, clean = effect_of(regression), effect_of(standardised(regression, cell, spent))
    assert clean.stderr < 0.6 * mixed.stderr
    # the curve's error, 3 % of an effect, is all that a change adds
    assert clean.stderr < 1.5 * effect_of(same).stderr + 0.03 * abs(clean.estimate)


def test_nothing_moves_where_nothing_changes() -> None:
    widths = list[float]()
    for seed in range(8):
        regression, cell, spent = made((0.0,) * 4, np.full(BLOCKS, 0.3), 0.0, seed)
        before, after = effect_of(regression), effect_of(standardised(regression, cell, spent))
        assert after.estimate == pytest.approx(0.0, abs=3.0 * after.stderr)
        widths.append(after.stderr / before.stderr)
    # the last stratum's work weighs more than its windows, which costs a little
    assert 0.85 < np.mean(widths) < 1.3


def test_work_that_is_not_compared_counts_as_the_nearest_stratum() -> None:
    effects = (0.0, 0.0, -0.2)
    regression, cell, spent = made(effects, np.full(BLOCKS, 0.4))
    lost = (regression.treated > 0) & (cell == 2) & (np.arange(len(cell)) % 4 > 0)
    weight = np.where(lost, 0.0, regression.weight)
    partly = Regression(
        regression.y,
        weight,
        regression.treated,
        regression.node,
        regression.block,
        regression.treated_arm,
        node_effects=True,
        time_effects=True,
    )
    effect = effect_of(standardised(partly, cell, spent))
    assert effect.estimate == pytest.approx(mean_over(spent, cell, effects), abs=0.004)


def test_a_stratum_of_few_windows_joins_its_neighbour() -> None:
    regression, cell, spent = made((0.0, -0.2), np.full(BLOCKS, 0.02))
    assert ((regression.treated > 0) & (cell == 1)).sum() > 0
    few = np.where((cell == 1) & (np.arange(len(cell)) % 3 > 0), 0, cell)
    effect = effect_of(standardised(regression, few, spent))
    assert abs(effect.estimate) < 0.02
