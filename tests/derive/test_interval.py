"""Work between two snapshots: resets, restarts, series that come and go."""

import gc
from itertools import pairwise
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive.interval import between
from exporter.engines.plan import Snapshot
from tests.pages import snapshot


def page(tokens: dict[str, float], start: float | None = None, time: float = 0.0) -> Snapshot:
    text = "".join(
        f'vllm:num_requests_running{{engine="{engine}",model_name="m"}} 1\n'
        f'vllm:generation_tokens_total{{engine="{engine}",model_name="m"}} {value!r}\n'
        for engine, value in tokens.items()
    )
    if start is not None:
        text += f"process_start_time_seconds {start}\n"
    return snapshot(text, time=time)


COUNTS = st.integers(0, 10**9).map(float)


@given(st.lists(COUNTS, min_size=2, max_size=6))
def test_intervals_add_up_to_the_counter(counts: list[float]) -> None:
    pages = [page({"0": value}, time=float(i)) for i, value in enumerate(sorted(counts))]
    intervals = [between(a, b) for a, b in pairwise(pages)]
    grown = sum(i.increase["generation_tokens"] for i in intervals if i)
    assert grown == max(counts) - min(counts)
    assert sum(i.seconds for i in intervals if i) == len(counts) - 1


@given(COUNTS, COUNTS)
def test_a_fall_is_a_restart_never_a_negative_increase(old: float, new: float) -> None:
    found = between(page({"0": old}), page({"0": new}, time=5))
    if new < old:
        assert found is None
    else:
        assert found is not None
        assert found.increase["generation_tokens"] == new - old


def test_a_moved_start_time_is_a_restart_even_if_counters_grew() -> None:
    assert between(page({"0": 5}, 1000), page({"0": 50}, 1100, 5)) is None
    assert between(page({"0": 5}, 1000), page({"0": 50}, 1001.5, 5)) is not None


def test_a_counter_that_the_exporter_stops_reading_is_no_restart() -> None:
    """A label that grew too long hides a counter; what it did meanwhile is unknown, not 0."""
    prompt = 'vllm:prompt_tokens_total{engine="0",tenant="%s"} %d\n'
    running = 'vllm:num_requests_running{engine="0"} 1\n'
    generated = 'vllm:generation_tokens_total{engine="0"} %d\n'
    pages = [
        snapshot(running + generated % (10 * i) + prompt % (tenant, 5000 + i), time=float(i))
        for i, tenant in enumerate(["a", "a" * 5000, "a" * 5000, "a", "a"])
    ]
    intervals = [between(a, b) for a, b in pairwise(pages)]
    assert [i.increase["generation_tokens"] for i in intervals if i] == [10, 10, 10, 10]
    assert [i.increase.get("prompt_tokens") for i in intervals if i] == [None, None, None, 1]


def test_one_engine_of_several_that_fell_is_a_restart() -> None:
    assert between(page({"0": 100, "1": 50}), page({"0": 200, "1": 3}, time=5)) is None


def test_an_engine_that_appears_counts_from_nothing_and_one_that_vanishes_is_a_restart() -> None:
    one, two = page({"0": 100}), page({"0": 110, "1": 7}, time=5)
    grown = between(one, two)
    assert grown is not None
    assert grown.increase["generation_tokens"] == 17
    assert between(two, page({"0": 120}, time=10)) is None


def test_quantities_that_are_not_told_are_missing() -> None:
    found = between(page({"0": 1}), page({"0": 2}, time=5))
    assert found is not None
    assert set(found.increase) == {"generation_tokens"}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_counter_without_a_number_or_an_end_tells_nothing(value: float) -> None:
    found = between(page({"0": 1}), page({"0": value}, time=5))
    assert found is not None
    assert "generation_tokens" not in found.increase


def test_what_a_plan_gave_is_forgotten_with_it() -> None:
    one = page({"0": 1})
    between(one, one)
    plan = ref(one.plan)
    del one
    gc.collect()
    assert plan() is None
