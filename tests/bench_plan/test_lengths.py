"""Mean, spread and quantiles of lengths, from the buckets of a histogram."""

from math import inf, sqrt

import numpy as np
import pytest

from exporter.bench_plan.lengths import lengths_of


def buckets_of(lengths: np.ndarray, bounds: list[float]) -> dict[float, float]:
    return {bound: float((lengths <= bound).sum()) for bound in [*bounds, inf]}


def test_lengths_that_are_uniform_are_found_again() -> None:
    lengths = np.random.default_rng(1).uniform(0, 1000, 50_000)
    bounds = [float(bound) for bound in range(100, 1001, 100)]
    found = lengths_of(buckets_of(lengths, bounds), float(lengths.sum()), len(lengths))
    assert found
    assert found.mean == pytest.approx(500, rel=0.01)
    assert found.stddev == pytest.approx(1000 / sqrt(12), rel=0.01)
    assert found.median == pytest.approx(500, rel=0.02)
    assert found.p90 == pytest.approx(900, rel=0.01)
    assert found.beyond_share == 0.0


def test_a_long_tail_is_wider_than_its_mean() -> None:
    lengths = np.random.default_rng(2).exponential(700, 50_000)
    bounds = [1.0, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]
    found = lengths_of(buckets_of(lengths, bounds), float(lengths.sum()), len(lengths))
    assert found
    assert found.mean == pytest.approx(700, rel=0.02)
    # buckets as wide as their bounds blur: the spread is about right, not exact
    assert found.stddev == pytest.approx(700, rel=0.2)


def test_what_is_beyond_the_last_bound_is_said() -> None:
    found = lengths_of({100.0: 60.0, inf: 100.0}, 9_000.0, 100.0)
    assert found
    assert found.beyond_share == 0.4
    assert found.p90 is None
    assert found.median == pytest.approx(83.3, abs=0.1)


def test_bounds_that_some_servers_lack_make_no_negative_bucket() -> None:
    found = lengths_of({100.0: 50.0, 200.0: 40.0, inf: 100.0}, 12_000.0, 100.0)
    assert found
    assert found.stddev is not None
    assert found.beyond_share == 0.5


def test_without_buckets_the_mean_alone_is_known() -> None:
    found = lengths_of({}, 300.0, 3.0)
    assert found
    assert (found.mean, found.stddev, found.median) == (100.0, None, None)


def test_no_request_is_no_length() -> None:
    assert lengths_of({100.0: 0.0, inf: 0.0}, 0.0, 0.0) is None
