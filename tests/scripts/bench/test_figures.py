"""CPU of a page, windows and phases from counters that are known."""

import pytest

from scripts.bench.figures import (
    Counted,
    Spread,
    bars,
    peak,
    requests_by_phase,
    windows,
    work_by_phase,
)

TIMES = [i / 4 for i in range(81)]


def steady(pages_a_second: int = 2) -> Counted:
    """Return 20 s in which each second costs 10 ms."""
    arrivals = [i / pages_a_second + 0.01 for i in range(20 * pages_a_second)]
    return Counted(TIMES, [0.01 * time for time in TIMES], arrivals)


@pytest.mark.parametrize("window", windows(5, 5, 3))
def test_each_window_of_steady_work_costs_the_same(window: tuple[float, float]) -> None:
    assert steady().ms_a_page(*window) == pytest.approx(5)
    assert steady(pages_a_second=10).ms_a_page(*window) == pytest.approx(1)
    assert steady().share_of_a_core(*window) == pytest.approx(0.01)


def test_windows_follow_one_another() -> None:
    assert windows(40, 20, 3) == [(40, 60), (60, 80), (80, 100)]


def test_what_was_spent_before_a_window_is_not_its_own() -> None:
    cpu = [10.0 if time < 5 else 10 + (time - 5) for time in TIMES]
    assert Counted(TIMES, cpu, []).cpu_between(5, 10) == pytest.approx(5)


def test_a_spread_is_the_median_and_its_range() -> None:
    assert Spread.of([3, 1, 2, 9]) == Spread(2.5, 1, 9)


def test_even_work_has_a_peak_of_1() -> None:
    shares = work_by_phase(steady(), 0, 20, interval=5, bins=20)
    assert peak(shares) == pytest.approx(1)
    assert sum(shares) == pytest.approx(1)


def test_work_is_counted_in_the_part_of_the_interval_it_was_done_in() -> None:
    # all of it between 1 s and 1.25 s of each interval
    cpu = [float((time + 3.75) // 5) for time in TIMES]
    shares = work_by_phase(Counted(TIMES, cpu, []), 0, 20, interval=5, bins=20)
    assert shares == [1.0 if part == 4 else 0.0 for part in range(20)]
    assert peak(shares) == 20


def test_requests_are_counted_in_the_part_of_the_interval_they_came_in() -> None:
    arrivals = [0.1, 2.6, 5.1, 7.6, 10.1]
    assert requests_by_phase(arrivals, 0, 10, interval=5, bins=2) == [0.5, 0.5]
    assert requests_by_phase(arrivals, 0, 5, interval=5, bins=5) == [0.5, 0, 0.5, 0, 0]


def test_bars_are_as_high_as_their_shares() -> None:
    assert bars([0.0, 0.25, 0.5, 0.01]) == " ▄█▁"
