"""Energy between two moments, from counters that move at moments of their own."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.gpu.energy import EnergyCounters


def meter(*points: tuple[float, float], seconds: float = 100.0) -> EnergyCounters:
    found = EnergyCounters(seconds)
    for time, joules in points:
        found.add(time, {"a": joules})
    return found


def test_between_two_readings_it_is_a_straight_line() -> None:
    found = meter((0, 1000), (2, 1200), (4, 1800)).energy_use(["a"], 1.0, 3.0)
    assert found is not None
    assert found.joules == 100 + 300
    assert found.watts == 200
    assert found.step == 2
    assert found.fine


def test_past_the_last_reading_it_goes_on_as_steeply_for_a_while() -> None:
    held = meter((0, 0), (2, 200))
    found = held.energy_use(["a"], 1.0, 5.0)
    assert found is not None
    assert found.joules == 400
    assert held.energy_use(["a"], 1.0, 7.1) is None


def test_a_counter_that_stands_still_is_not_read_again_yet() -> None:
    # a source that renews its counter every 30 s, looked at every 10 s
    held = meter(*((float(t), float(t // 30 * 9000)) for t in range(0, 130, 10)))
    found = held.energy_use(["a"], 100.0, 105.0)
    assert found is not None
    assert found.joules == pytest.approx(300 * 5)
    assert found.step == 30
    assert not found.fine


def test_it_is_unknown_before_the_first_reading_and_across_a_reset() -> None:
    held = meter((10, 5), (12, 15))
    assert held.energy_use(["a"], 9.0, 11.0) is None
    held.add(14, {"a": 1})
    assert held.energy_use(["a"], 11.0, 14.0) is None
    held.add(16, {"a": 21})
    found = held.energy_use(["a"], 14.0, 16.0)
    assert found is not None
    assert found.joules == 20


def test_gpus_add_up_and_one_unknown_makes_all_unknown() -> None:
    held = meter((0, 0), (2, 200))
    held.add(0, {"b": 0})
    held.add(4, {"b": 1200})
    found = held.energy_use(["a", "b"], 0.0, 2.0)
    assert found is not None
    assert (found.joules, found.step) == (800, 4)
    assert held.energy_use(["a", "c"], 0.0, 2.0) is None
    assert held.energy_use([], 0.0, 2.0) is None
    held.forget(["a"])
    assert held.energy_use(["b"], 0.0, 2.0) is None


def test_old_readings_are_dropped() -> None:
    held = meter(*((float(t), t * 10.0) for t in range(200)), seconds=50)
    assert held.energy_use(["a"], 100.0, 110.0) is None
    assert held.energy_use(["a"], 150.0, 160.0) is not None


@given(
    powers=st.lists(st.floats(70, 700), min_size=4, max_size=20),
    cuts=st.lists(st.floats(0, 1), min_size=1, max_size=8),
)
def test_pieces_add_up_to_the_counter(powers: list[float], cuts: list[float]) -> None:
    held, joules = EnergyCounters(1e9), 0.0
    held.add(0, {"a": 0.0})
    for i, power in enumerate(powers):
        joules += power * 2
        held.add(2.0 * (i + 1), {"a": joules})
    end = 2.0 * len(powers)
    marks = sorted({0.0, end, *(cut * end for cut in cuts)})
    pieces = [held.energy_use(["a"], a, b) for a, b in pairwise(marks)]
    assert sum(piece.joules for piece in pieces if piece) == pytest.approx(joules)
