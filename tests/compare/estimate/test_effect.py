"""An effect and its standard error: honest intervals, clusters, the floor, outliers."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.estimate.effect import estimate_effect
from tests.compare.estimate.test_regression import upgraded_nodes


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
    # what machines of one kind differ by is known before any data
    prior = estimate_effect(quiet, minimum_stderr=0.003, prior_stderr=0.004)
    assert prior is not None
    assert prior.stderr == pytest.approx(0.005)


def test_outliers_weigh_little() -> None:
    regression = upgraded_nodes(2, 0.03)
    wild = regression.y.copy()
    wild[np.flatnonzero(regression.treated > 0)[::12]] -= 1.0
    effect = estimate_effect(replace(regression, y=wild), 0.0)
    assert effect is not None
    assert effect.estimate == pytest.approx(0.03, abs=0.02)


def test_what_is_not_identified_is_none() -> None:
    regression = upgraded_nodes(0)
    untreated = regression.treated == 0
    always = regression.ever_treated[regression.node].astype(float)
    assert estimate_effect(replace(regression, treated=0.0 * regression.treated), 0.0) is None
    assert estimate_effect(replace(regression, weight=regression.weight * untreated), 0.0) is None
    # every node ran the candidate in all of its rows: nothing is left of it beside the nodes
    assert estimate_effect(replace(regression, treated=always), 0.0) is None
