"""The effect of two sides of runs: hand arithmetic, and how often it is wrong."""

from itertools import permutations
from math import log, sqrt

import numpy as np
import pytest

from exporter.compare.assess.verdict import p_value
from exporter.compare.replicates.effect import (
    RUN_STDDEV,
    difference_of_runs,
    effect_of_runs,
    required_runs,
)


def test_sides_of_equal_spread_against_hand_arithmetic() -> None:
    effect = effect_of_runs(np.array([0.00, 0.04]), np.array([0.20, 0.24]))
    assert effect is not None
    # each side's variance is 0.0008: 0.0008 / 2 + 0.0008 / 2, and two degrees of freedom
    assert effect.estimate == pytest.approx(0.20)
    assert effect.stderr == pytest.approx(sqrt(0.0008))
    assert effect.degrees_of_freedom == pytest.approx(2.0)
    half = 4.302653 * sqrt(0.0008)
    assert effect.interval(0.05) == pytest.approx((0.20 - half, 0.20 + half), rel=1e-5)


def test_sides_of_unequal_spread_against_hand_arithmetic() -> None:
    effect = effect_of_runs(np.array([0.0, 0.1, 0.2]), np.array([0.5, 0.9]))
    assert effect is not None
    # variances 0.01 of three runs and 0.08 of two
    first, second = 0.01 / 3, 0.08 / 2
    assert effect.estimate == pytest.approx(0.6)
    assert effect.stderr == pytest.approx(sqrt(first + second))
    degrees = (first + second) ** 2 / (first**2 / 2 + second**2 / 1)
    assert effect.degrees_of_freedom == pytest.approx(degrees)


def test_runs_that_agree_by_chance_have_the_spread_of_others() -> None:
    effect = effect_of_runs(np.array([0.0, 0.0]), np.array([0.1, 0.1]))
    assert effect is not None
    assert effect.stderr == pytest.approx(RUN_STDDEV)
    assert effect.degrees_of_freedom == pytest.approx(2.0)


def test_the_order_of_runs_does_not_matter() -> None:
    old, new = [0.01, 0.05, -0.02], [0.11, 0.02]
    effects = {
        (round(effect.estimate, 12), round(effect.stderr, 12))
        for a in permutations(old)
        for b in permutations(new)
        if (effect := effect_of_runs(np.array(a), np.array(b)))
    }
    assert len(effects) == 1


@pytest.mark.parametrize("counts", [(0, 2), (1, 1), (1, 9), (9, 1)])
def test_a_single_run_has_no_spread(counts: tuple[int, int]) -> None:
    assert effect_of_runs(*(np.zeros(count) for count in counts)) is None


@pytest.mark.parametrize("counts", [(2, 2), (2, 5), (5, 2), (3, 3)])
@pytest.mark.parametrize("spreads", [(1.0, 1.0), (1.0, 3.0)])
def test_runs_of_one_speed_are_called_about_as_rarely_as_promised(
    counts: tuple[int, int], spreads: tuple[float, float]
) -> None:
    random, calls, rounds = np.random.default_rng(7), 0, 2000
    for _ in range(rounds):
        sides = [random.normal(0.0, 0.02 * s, n) for n, s in zip(counts, spreads, strict=True)]
        effect = effect_of_runs(sides[0], sides[1])
        assert effect is not None
        calls += p_value(effect) < 0.05
    assert calls / rounds < 0.11


def test_what_two_runs_differ_by() -> None:
    assert difference_of_runs(np.log([100.0, 80.0])) == pytest.approx(0.20)
    assert difference_of_runs(np.log([80.0, 100.0])) == pytest.approx(0.20)
    assert difference_of_runs(np.log([100.0])) is None
    # pairs differ by 0.1, 0.1 and 0.2 on the log scale
    rms = sqrt((0.01 + 0.01 + 0.04) / 3)
    assert difference_of_runs(np.array([0.0, 0.1, 0.2])) == pytest.approx(1 - np.exp(-rms))


def test_how_many_runs_are_needed() -> None:
    old, new = np.array([0.0, 0.02]), np.array([0.01, 0.03])
    needed = required_runs(old, new, 0.03, 0.05)
    assert needed is not None
    assert needed > 2
    more = required_runs(old, new, 0.01, 0.05)
    assert more is not None
    assert more > needed
    assert required_runs(10 * old, 10 * new, 0.001, 0.05) is None
    assert required_runs(np.zeros(9), np.zeros(4), log(2.0), 0.05) == 9
