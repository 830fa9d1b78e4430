"""The significance level is spent once, however often one looks."""

from itertools import pairwise

import numpy as np
import pytest

from exporter.compare.estimate.spending import FIRST_LOOK, look_level, look_times
from exporter.compare.statistics.t_distribution import quantile


@pytest.mark.parametrize("hours", [0.1, 1.0, 1.5, 2.0, 3.3, 7.0, 23.0, 24.0, 24.5, 167.0])
def test_looks_double_and_the_last_is_apart(hours: float) -> None:
    times = look_times(hours * 3600)
    assert times[-1] == hours * 3600
    assert all(time == FIRST_LOOK * 2**i for i, time in enumerate(times[:-1]))
    assert all(1.41 < later / time < 2.83 for time, later in pairwise(times))


def test_a_single_look_has_the_whole_level() -> None:
    assert look_level(0.05, [1.0]) == pytest.approx(0.05)


def test_the_boundaries_are_the_published_ones() -> None:
    # Lan and DeMets' function of the Pocock type, five looks evenly, two-sided 0.05
    bounds = [
        quantile(1 - look_level(0.05, [(i + 1) / 5 for i in range(looks)]) / 2, 1e6)
        for looks in range(1, 6)
    ]
    assert bounds == pytest.approx([2.438, 2.427, 2.410, 2.397, 2.386], abs=0.002)


@pytest.mark.parametrize("fractions", [(0.17, 0.33, 0.67, 1.0), (0.05, 1.0), (0.9, 0.95, 1.0)])
def test_data_without_a_change_are_called_as_often_as_promised(
    fractions: tuple[float, ...],
) -> None:
    levels = [look_level(0.05, fractions[: i + 1]) for i in range(len(fractions))]
    random, steps = np.random.default_rng(5), np.diff((0.0, *fractions))
    sums = np.cumsum(random.standard_normal((200_000, len(steps))) * np.sqrt(steps), axis=1)
    bounds = [quantile(1 - level / 2, 1e6) for level in levels]
    called = (np.abs(sums) / np.sqrt(fractions) > bounds).any(1).mean()
    assert called == pytest.approx(0.05, abs=0.002)
