"""How many runs a side, against textbook values, and the order of runs."""

from math import expm1

import pytest

from exporter.base.errors import CompareError
from exporter.bench_plan.runs import order_of, run_names, runs_per_side


# Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), table 2.4.1: two-sided 5 %,
# power 80 %, effect in standard deviations
@pytest.mark.parametrize(
    ("standardised", "count"), [(0.5, 64), (0.6, 45), (0.7, 33), (0.8, 26), (1.0, 17), (1.2, 12)]
)
def test_numbers_of_the_textbook(standardised: float, count: int) -> None:
    assert abs(runs_per_side(expm1(0.01 * standardised), 0.01) - count) <= 1


def test_more_spread_and_smaller_effects_take_more_runs() -> None:
    by_spread = [runs_per_side(0.03, spread) for spread in (0.005, 0.01, 0.02, 0.04)]
    by_effect = [runs_per_side(effect, 0.01) for effect in (0.1, 0.05, 0.02, 0.01)]
    assert by_spread == sorted(by_spread)
    assert by_effect == sorted(by_effect)
    assert by_spread[0] == by_effect[0] == 2


def test_what_nobody_runs_is_refused() -> None:
    with pytest.raises(CompareError, match="more than 100 runs a side; give a larger effect"):
        runs_per_side(0.001, 0.05)


def test_order() -> None:
    letters = {"baseline": "A", "candidate": "B"}
    assert "".join(letters[side] for side in order_of(4)) == "ABBABAAB"
    for count in range(1, 12):
        order = order_of(count)
        assert order.count("baseline") == order.count("candidate") == count
        pairs = zip(order[::2], order[1::2], strict=True)
        assert all(first != second for first, second in pairs)


def test_a_steady_drift_falls_on_both_sides_alike() -> None:
    for count in (2, 4, 6, 8):
        order = order_of(count)
        places = [[i for i, side in enumerate(order) if side == own] for own in set(order)]
        assert sum(places[0]) == sum(places[1])


def test_names() -> None:
    assert run_names(order_of(2)) == (
        *("01-baseline", "02-candidate", "03-candidate", "04-baseline"),
    )
