"""An effect and its standard error: honest intervals, clusters, the floor, machines."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.statistics.effect import Variance, estimate_effect
from tests.compare.statistics.test_regression import upgraded_nodes


def test_an_effect_has_an_honest_interval() -> None:
    covered, estimates = 0, []
    for seed in range(40):
        effect = estimate_effect(upgraded_nodes(seed, -0.05), minimum_stderr=0.0)
        assert effect is not None
        low, high = effect.interval(0.05)
        covered += low <= -0.05 <= high
        estimates.append(effect.estimate)
    assert np.mean(estimates) == pytest.approx(-0.05, abs=0.002)
    assert covered >= 36


def test_rows_that_move_together_do_not_narrow_it() -> None:
    """A tenfold of rows within the same nodes and blocks leaves the error where it was."""
    single = upgraded_nodes(1, rows_each=4)
    tenfold = replace(
        single,
        y=np.repeat(single.y, 10),
        weight=np.repeat(single.weight, 10),
        treated=np.repeat(single.treated, 10),
        node=np.repeat(single.node, 10),
        block=np.repeat(single.block, 10),
    )
    few, many = estimate_effect(single, 0.0), estimate_effect(tenfold, 0.0)
    assert few is not None
    assert many is not None
    assert many.stderr == pytest.approx(few.stderr, rel=0.02)


def test_no_error_gets_below_the_minimum() -> None:
    regression = upgraded_nodes(1)
    quiet = replace(regression, y=0.0 * regression.y)
    effect = estimate_effect(quiet, minimum_stderr=0.004)
    assert effect is not None
    assert effect.estimate == pytest.approx(0.0, abs=1e-12)
    assert effect.stderr == pytest.approx(0.004)
    assert effect.minimum_stderr == 0.004


def test_work_that_was_not_compared_widens_an_effect_and_nothing_else() -> None:
    for change in (0.0, -0.2):
        regression = upgraded_nodes(1, change)
        whole, half = (estimate_effect(regression, 0.0, uncompared=u) for u in (0.0, 0.5))
        assert whole is not None
        assert half is not None
        assert half.estimate == whole.estimate
        # from none to twice the effect, all of it equally likely
        beyond = 0.5 * abs(whole.estimate) / np.sqrt(3)
        assert half.stderr == pytest.approx(np.hypot(whole.stderr, beyond))


def test_an_error_of_the_curve_counts_by_what_it_moves_one_side_more_than_the_other() -> None:
    regression = upgraded_nodes(1, -0.05)
    plain = estimate_effect(regression, 0.0)
    alike = np.full((len(regression.y), 1), 0.02)
    unlike = np.stack([0.03 * regression.treated, 0.04 * regression.treated], axis=1)
    same, wider = (estimate_effect(regression, 0.0, errors=each) for each in (alike, unlike))
    assert plain is not None
    assert same is not None
    assert wider is not None
    assert same.stderr == pytest.approx(plain.stderr)
    assert wider.estimate == plain.estimate
    assert wider.stderr == pytest.approx(np.hypot(plain.stderr, 0.05))


def test_few_machines_that_look_alike_are_not_taken_to_be_alike() -> None:
    """What is known of machines beforehand counts beside what these show."""
    regression = replace(upgraded_nodes(1), node_effects=False)
    quiet = replace(regression, y=0.0 * regression.y)
    effect = estimate_effect(quiet, 0.0, Variance(0.01**2, 2.0))
    assert effect is not None
    # 2 degrees of freedom from before, 6 from eight nodes in two groups
    assert effect.stderr == pytest.approx(0.01 * np.sqrt(2 / 8))
    assert effect.degrees_of_freedom == pytest.approx(8.0)


def test_what_is_known_takes_no_degrees_of_freedom() -> None:
    """Where the floor is most of the error, few nodes do not widen the interval."""
    regression = upgraded_nodes(1, nodes=4)
    quiet = estimate_effect(replace(regression, y=0.0 * regression.y), 0.004)
    assert quiet is not None
    assert quiet.interval(0.05)[1] == pytest.approx(1.96 * 0.004, rel=0.01)
    shift = np.array([0.05, -0.05, 0.05, -0.05])[regression.node] * (regression.block >= 8)
    noisy = estimate_effect(replace(regression, y=regression.y + shift), 0.0)
    assert noisy is not None
    assert noisy.degrees_of_freedom == pytest.approx(2.0, rel=0.1)


def test_degrees_of_freedom_do_not_hang_on_which_variance_is_larger() -> None:
    """Two nodes a side may look alike by chance: the blocks then dominate no more surely."""
    wrong = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        regression = upgraded_nodes(seed, nodes=4)
        shift = 0.01 * random.standard_normal(4)[regression.node]
        moved = np.where(regression.block >= 8, shift, 0.0)
        effect = estimate_effect(replace(regression, y=regression.y + moved), 0.004)
        assert effect is not None
        low, high = effect.interval(0.05)
        wrong += not low <= 0 <= high
    assert wrong <= 14


def test_what_is_not_identified_is_none() -> None:
    regression = upgraded_nodes(0)
    untreated = regression.treated == 0
    always = regression.treated_arm[regression.node].astype(float)
    assert estimate_effect(replace(regression, treated=0.0 * regression.treated), 0.0) is None
    assert estimate_effect(replace(regression, weight=regression.weight * untreated), 0.0) is None
    # every node ran the candidate in all of its rows: nothing is left of it beside the nodes
    assert estimate_effect(replace(regression, treated=always), 0.0) is None


@pytest.mark.parametrize("few", [1, 2])
def test_the_nodes_of_a_small_side_are_taken_to_differ_as_those_of_the_other(few: int) -> None:
    """Two canaries that happen to be alike are two of ten machines, not a spread of their own."""
    regression = replace(upgraded_nodes(0, nodes=10), node_effects=False)
    arm = np.arange(10) < few
    # beside each other at all times, and no noise but what nodes differ by
    treated = arm[regression.node].astype(np.float64)
    shown = list[float]()
    for seed in range(40):
        level = 0.01 * np.random.default_rng(seed).standard_normal(10)
        case = replace(regression, y=level[regression.node], treated=treated, treated_arm=arm)
        effect = estimate_effect(case, 0.0)
        assert effect is not None
        assert effect.of_nodes is not None
        assert effect.of_nodes.degrees_of_freedom == 8
        shown.append(effect.of_nodes.value)
    assert np.mean(shown) == pytest.approx(0.01**2 * (1 / few + 1 / (10 - few)), rel=0.25)
