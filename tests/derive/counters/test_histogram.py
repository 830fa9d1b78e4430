"""Quantiles and shares against arithmetic by hand."""

from math import inf

import pytest

from exporter.derive.counters.histogram import Histogram, Quantile, Share, histogram_of

# 100 events: 10 up to 0.1, 40 more up to 0.5, 40 more up to 1, 10 above
HISTOGRAM = Histogram((0.1, 0.5, 1.0, inf), (10.0, 50.0, 90.0, 100.0), 62.0)


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        (0.5, Quantile(0.5, 0.1, 0.5)),
        (0.3, Quantile(0.3, 0.1, 0.5)),
        (0.7, Quantile(0.75, 0.5, 1.0)),
        (0.9, Quantile(1.0, 0.5, 1.0)),
        (0.1, Quantile(None, None, 0.1)),
        (0.01, Quantile(None, None, 0.1)),
        (0.91, Quantile(None, 1.0, None)),
        (1.0, Quantile(None, 1.0, None)),
    ],
)
def test_quantiles_are_interpolated_and_bounds_at_the_ends(q: float, expected: Quantile) -> None:
    found = HISTOGRAM.quantile(q)
    assert found is not None
    assert (found.lower, found.upper) == (expected.lower, expected.upper)
    assert found.value == (None if expected.value is None else pytest.approx(expected.value))


def test_a_quantile_is_that_of_promql() -> None:
    # histogram_quantile(0.95) of 10, 90 and 100 up to 1, 2 and 4 s: 2 + 2 x (95 - 90) / 10
    found = Histogram((1.0, 2.0, 4.0, inf), (10.0, 90.0, 100.0, 100.0)).quantile(0.95)
    assert found == Quantile(3.0, 2.0, 4.0)


def test_without_events_nothing_is_known() -> None:
    empty = Histogram((0.1, inf), (0.0, 0.0), 0.0)
    assert empty.quantile(0.5) is None
    assert empty.within(0.1) is None
    assert empty.mean is None
    assert empty.largest is None


def test_the_mean_is_the_sum_over_the_count() -> None:
    assert HISTOGRAM.mean == pytest.approx(0.62)
    assert Histogram((inf,), (3.0,)).mean is None


@pytest.mark.parametrize(
    ("threshold", "share"),
    [
        (0.5, Share(0.5, 0.5)),
        (1.0, Share(0.9, 0.9)),
        (0.7, Share(0.5, 0.9)),
        (0.05, Share(0.0, 0.1)),
        (20.0, Share(0.9, 1.0)),
    ],
)
def test_a_share_is_known_at_bounds_alone(threshold: float, share: Share) -> None:
    assert HISTOGRAM.within(threshold) == share


def test_the_bucket_of_the_largest_value_is_the_last_that_holds_any() -> None:
    assert Histogram((1.0, 2.0, inf), (3.0, 4.0, 4.0)).largest == Quantile(2.0, 1.0, 2.0)
    assert HISTOGRAM.largest == Quantile(None, 1.0, None)


def test_counts_that_fall_from_bucket_to_bucket_are_taken_to_stay() -> None:
    assert histogram_of([1.0, 2.0, inf], [3.0, 2.0, 5.0], None).counts == (3.0, 3.0, 5.0)
