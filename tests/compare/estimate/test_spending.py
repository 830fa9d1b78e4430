"""The significance level is spent once, however often one looks."""

from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest

from exporter.compare.estimate.spending import POWER, look_level

NORMAL = NormalDist()


def test_the_level_grows_with_what_is_known_and_stays_below_the_whole() -> None:
    levels = [look_level(0.05, information) for information in np.linspace(0.01, 1.0, 100)]
    assert all(earlier < later for earlier, later in pairwise(levels))
    assert levels[-1] < 0.05


def test_the_boundary_is_a_power_of_the_information() -> None:
    bounds = [-NORMAL.inv_cdf(look_level(0.05, information) / 2) for information in (1.0, 0.0625)]
    assert bounds[1] / bounds[0] == pytest.approx(0.0625 ** (POWER - 0.5))


def test_next_to_nothing_known_is_no_level_at_all() -> None:
    assert 0.0 < look_level(0.05, 1e-9) < 1e-9


def test_after_the_last_look_ever_more_is_needed() -> None:
    levels = [look_level(0.05, information) for information in (1.0, 1.01, 2.0, 7.0)]
    assert all(earlier > later for earlier, later in pairwise(levels))
    assert levels[1] == pytest.approx(levels[0], rel=0.1)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(
    ("first", "last"), [(0.02, 1.0), (0.3, 1.0), (0.8, 1.0), (0.02, 7.0), (0.8, 30.0)]
)
def test_looks_at_any_number_of_moments_call_no_more_than_was_promised(
    alpha: float, first: float, last: float
) -> None:
    # information that the looks share: a part of the error is the same at all of them
    information = np.exp(np.linspace(np.log(first), np.log(last), 400))
    random = np.random.default_rng(5)
    steps = np.sqrt(np.diff((0.0, *information)))
    called = 0
    for _ in range(10):
        motion = np.cumsum(random.standard_normal((2_000, len(steps))) * steps, axis=1)
        bounds = [-NORMAL.inv_cdf(look_level(alpha, float(t)) / 2) for t in information]
        called += int((np.abs(motion) / np.sqrt(information) > bounds).any(1).sum())
    assert 0.1 * alpha < called / 20_000 < alpha
