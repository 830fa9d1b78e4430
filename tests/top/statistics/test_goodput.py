"""Objectives: shares at buckets' bounds, and requests that met both."""

from math import inf

import pytest

from exporter.derive.counters.histogram import Histogram, Share
from exporter.top.statistics.goodput import (
    Attainment,
    Objective,
    Objectives,
    attainment,
    goodput,
)

OBJECTIVES = Objectives(Objective(1.0, 0.99), Objective(0.1, 0.99))


def histogram(bound: float, within: float, count: float = 100.0) -> Histogram:
    return Histogram((bound, inf), (within, count))


def test_an_objective_stands_beside_the_share_that_met_it() -> None:
    objective = OBJECTIVES.time_to_first_token
    assert attainment(histogram(1.0, 80), objective) == Attainment(objective, Share(0.8, 0.8))
    assert attainment(None, objective).good is None


def test_requests_that_met_both_lie_between_the_bounds_of_frechet() -> None:
    found = goodput(histogram(1.0, 80), histogram(0.1, 70), OBJECTIVES, 50.0)
    assert found is not None
    # 2 requests/s finished; between 80 + 70 - 100 and 70 of a hundred met both
    assert found.low == pytest.approx(2 * 0.5)
    assert found.high == pytest.approx(2 * 0.7)


def test_where_all_met_one_the_other_alone_decides() -> None:
    found = goodput(histogram(1.0, 100), histogram(0.1, 60, 60), OBJECTIVES, 60.0)
    assert found == Share(1.0, 1.0)


def test_bounds_never_fall_below_nothing() -> None:
    found = goodput(histogram(1.0, 30), histogram(0.1, 40), OBJECTIVES, 100.0)
    assert found is not None
    assert found.low == 0.0
    assert found.high == pytest.approx(0.3)


def test_what_the_engine_does_not_tell_leaves_goodput_unknown() -> None:
    assert goodput(None, histogram(0.1, 1), OBJECTIVES, 10.0) is None
    assert goodput(histogram(1.0, 1), None, OBJECTIVES, 10.0) is None
    assert goodput(histogram(1.0, 0, 0), histogram(0.1, 1), OBJECTIVES, 10.0) is None
    assert goodput(histogram(1.0, 1), histogram(0.1, 1), OBJECTIVES, 0.0) is None
