"""Load points: where decoded tokens are made, and how many requests are in flight there."""

import pytest

from exporter.bench_plan.load_points import load_points
from exporter.bench_plan.traffic import Cell, hours_of, quantile


def cell(batch: float, tokens: float, waiting: float = 0.0, seconds: float = 100.0) -> Cell:
    return Cell(seconds, batch * seconds, tokens, 10.0, waiting * seconds)


CELLS = (cell(64, 5_000), cell(2, 1_000), cell(16, 4_000, waiting=3.0))


def test_points_are_quantiles_of_the_decoded_tokens() -> None:
    points = load_points(CELLS, output_tokens=11, point_seconds=60)
    assert [(point.name, point.concurrency) for point in points] == [
        ("quiet", 2),
        ("typical", 19),
        ("busy", 64),
    ]
    assert [point.decode_batch for point in points] == [2, 16, 64]


def test_a_jump_of_the_load_is_no_point() -> None:
    """Where half of the tokens are made at 8 and half at 64, next to none are made between."""
    cells = (
        cell(8, 4_980),
        cell(24, 20, waiting=90.0),
        cell(32, 20, waiting=90.0),
        cell(64, 4_980),
    )
    points = load_points(cells, output_tokens=11, point_seconds=60)
    assert [(point.name, point.concurrency) for point in points] == [
        ("quiet-typical", 8),
        ("busy", 64),
    ]


def test_requests_that_wait_for_their_first_token_are_in_flight() -> None:
    assert cell(16, 1, waiting=3.0).in_flight == pytest.approx(19.0)
    assert Cell(100.0, 1600.0, 1.0).in_flight == 16.0


def test_a_point_lasts_as_long_as_is_asked_at_the_fleets_speed() -> None:
    # 40 tokens a second, 10 of them a request: 4 requests a second
    points = load_points(CELLS, output_tokens=11, point_seconds=60)
    typical = points[1]
    assert typical.prompts == 240
    assert typical.seconds == pytest.approx(60.0)


def test_a_point_fills_each_place_several_times() -> None:
    busy = load_points(CELLS, output_tokens=1_001, point_seconds=60)[-1]
    assert busy.prompts == 4 * 64
    assert busy.seconds == pytest.approx(256 / (50 / 1_000))


def test_one_load_is_one_point() -> None:
    (point,) = load_points((cell(8.1, 1_000), cell(7.9, 1_000)), 11, 60)
    assert (point.name, point.concurrency) == ("quiet-typical-busy", 8)


def test_a_batch_below_one_is_one_request_at_a_time() -> None:
    assert load_points((cell(0.2, 1_000),), 11, 60)[0].concurrency == 1


def test_without_decoded_tokens_there_is_no_point() -> None:
    assert load_points((), 11, 60) == ()


def test_hours_are_means_with_idle_time() -> None:
    sums = {
        7200.0: {"seconds": 3600.0, "decode_sequence_seconds": 7200.0, "first_tokens": 1800.0},
        3600.0: {"seconds": 3600.0, "decode_sequence_seconds": 0.0},
        10800.0: {"seconds": 0.0},
    }
    quiet, busy = hours_of(sums)
    assert (quiet.end, quiet.decode_batch, quiet.requests_per_second) == (3600.0, 0.0, None)
    assert (busy.end, busy.decode_batch, busy.requests_per_second) == (7200.0, 2.0, 0.5)


def test_quantiles_are_values_that_there_are() -> None:
    assert quantile([5, 1, 3], 0.5) == 3
    assert quantile([5, 1, 3], 0.9) == 5
    assert quantile([], 0.5) is None
