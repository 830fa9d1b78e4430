"""Work between two snapshots: resets, restarts, series that come and go."""

import gc
from itertools import pairwise
from typing import Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive.counters.limits import ServerLimits
from exporter.derive.interval import Interval, between
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


# as many as an engine with one request running can generate in a second
COUNTS = st.integers(0, 300_000).map(float)


@given(st.lists(COUNTS, min_size=2, max_size=6))
def test_intervals_add_up_to_the_counter(counts: list[float]) -> None:
    pages = [page({"0": value}, time=float(i)) for i, value in enumerate(sorted(counts))]
    intervals = [between(a, b) for a, b in pairwise(pages)]
    grown = sum(i.increase["generation_tokens"] for i in intervals if i)
    assert grown == max(counts) - min(counts)
    assert sum(i.seconds for i in intervals if i) == len(counts) - 1


@given(st.lists(st.integers(0, 10**12).map(float), min_size=2, max_size=6))
def test_work_is_never_negative_and_never_more_than_an_engine_can_do(counts: list[float]) -> None:
    pages = [page({"0": value}, time=float(i)) for i, value in enumerate(counts)]
    for old, new in pairwise(pages):
        found = between(old, new)
        grown = new.values[-1] - old.values[-1]
        if grown < 0:
            assert found is None
            continue
        assert found is not None
        # one running, and 16 that no gauge showed, each at 10 000 tokens/s for two intervals
        assert found.increase.get("generation_tokens") == (grown if grown <= 340_000 else None)
        assert found.complete == (grown <= 340_000)


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


def test_one_engine_of_several_that_fell_restarted_alone() -> None:
    found = between(page({"0": 100, "1": 50}), page({"0": 200, "1": 3}, time=5))
    assert found is not None
    assert found.increase == {"generation_tokens": 100}
    assert found.engines["1"] == "restart"
    assert not found.complete
    assert between(page({"0": 100, "1": 50}), page({"0": 2, "1": 3}, time=5)) is None


def test_an_engine_that_leaves_and_comes_back_is_a_gap_for_it_alone() -> None:
    """Its counters hold a lifetime when it joins, whether that is large or small."""
    pages = [
        page({"0": 100, "1": 7}),
        page({"0": 110}, time=5),
        page({"0": 130}, time=10),
        page({"0": 160, "1": 40}, time=15),
        page({"0": 200, "1": 45}, time=20),
    ]
    found = [interval for a, b in pairwise(pages) if (interval := between(a, b))]
    assert [interval.increase["generation_tokens"] for interval in found] == [10, 20, 30, 45]
    assert [interval.engines.get("1") for interval in found[:3]] == ["gap", None, "gap"]
    assert [interval.complete for interval in found] == [False, True, False, True]


def test_counters_that_lose_or_get_an_engines_name_are_a_gap() -> None:
    named = page({"0": 5000})
    unnamed = snapshot("vllm:num_requests_running 1\nvllm:generation_tokens_total 5100\n", time=5)
    for pages in ((named, unnamed), (unnamed, named)):
        found = between(*pages)
        assert found is not None
        assert found.increase == {}
        assert set(found.engines.values()) == {"gap"}


def test_a_family_that_an_idle_engine_makes_on_first_use_counts_from_nothing_if_that_can_be() -> (
    None
):
    idle = 'vllm:num_requests_running{engine="0"} 0\n'
    prompt = 'vllm:prompt_tokens_total{{engine="0"}} {}\n'
    for count, known in ((3000, True), (3e12, False)):
        found = between(snapshot(idle), snapshot(idle + prompt.format(count), time=5))
        assert found is not None
        assert found.increase.get("prompt_tokens") == (count if known else None)
        assert found.engines["0"] == "implausible" or known


@pytest.mark.parametrize(
    "shown_before",
    [
        'vllm:num_requests_running{engine="0"} 1\n',
        'vllm:num_requests_running{engine="0"} 0\nvllm:generation_tokens_total{engine="0"} %d\n',
    ],
)
def test_a_family_shown_late_holds_a_lifetime_not_work(shown_before: str) -> None:
    prompt = 'vllm:prompt_tokens_total{engine="0"} 3000\n'

    def page(tokens: int, time: float, more: str = "") -> Snapshot:
        return snapshot(
            (shown_before % tokens if "%" in shown_before else shown_before) + more, time=time
        )

    found = between(page(900, 0), page(1000, 5, prompt))
    assert found is not None
    assert "prompt_tokens" not in found.increase
    assert "prompt_tokens" in found.unknown


def test_a_family_made_after_a_warm_up_request_counts_from_nothing() -> None:
    tokens = 'vllm:generation_tokens_total{engine="0"} %d\n'
    name = "vllm:inter_token_latency_seconds"
    latency = f'{name}_sum{{engine="0"}} 2\n{name}_count{{engine="0"}} 90\n'
    found = between(snapshot(tokens % 8), snapshot(tokens % 548 + latency, time=5))
    assert found is not None
    assert found.increase["decode_sequence_seconds"] == 2.0


@pytest.mark.parametrize("pages", [("100", "NaN"), ("NaN", "200"), ("100", "+Inf"), ("NaN", "NaN")])
def test_a_counter_without_a_number_is_unknown(pages: tuple[str, str]) -> None:
    line = 'vllm:generation_tokens_total{engine="0"} '
    found = between(snapshot(f"{line}{pages[0]}\n"), snapshot(f"{line}{pages[1]}\n", time=5))
    assert found is not None
    assert found.increase == {}
    assert found.unknown == {"generation_tokens"}


def test_a_family_read_from_another_series_than_before_is_unknown_not_work() -> None:
    """SGLang's live counters appear with their first token, beside those of finished requests."""
    at_end = "sglang:cached_tokens_total %d\n"
    live = 'sglang:realtime_tokens_total{mode="prefill_cache"} %d\n'
    running = "sglang:num_running_reqs 1\n"

    def grown(before: int, old: str, new: str) -> Interval:
        found = between(snapshot(running + old % before), snapshot(running + new, time=5))
        assert found is not None
        return found

    switched = grown(900, at_end, live % 1000 + at_end % 950)
    assert switched.unknown >= {"hit_local", "prompt_tokens_cached"}
    assert "hit_local" not in switched.increase
    assert grown(0, at_end, live % 1000 + at_end % 950).increase["hit_local"] == 1000


def engine_page(time: float, order: list[int] | None = None, **moved: float) -> Snapshot:
    counters = {
        "generation_tokens_total": 1000.0,
        "inter_token_latency_seconds_sum": 40.1,
        "inter_token_latency_seconds_count": 1000.0,
        "time_to_first_token_seconds_sum": 7.7,
        "time_to_first_token_seconds_count": 10.0,
    }
    lines = [
        f'vllm:{name}{{engine="{i}"}} {value + moved.get(name, 0.0) * (1 + i / 7)!r}\n'
        for i in range(3)
        for name, value in {"num_requests_running": 4.0, **counters}.items()
    ]
    order = order or list(range(len(lines)))
    return snapshot("".join(lines[i] for i in order), time=time)


@given(st.permutations(range(18)), st.floats(0, 9), st.floats(0, 9))
def test_sums_do_not_depend_on_the_order_of_the_page(
    order: list[int], decoding: float, waited: float
) -> None:
    moved: dict[str, Any] = {
        "generation_tokens_total": 100.0,
        "inter_token_latency_seconds_sum": decoding,
        "inter_token_latency_seconds_count": 90.0,
        "time_to_first_token_seconds_sum": waited,
        "time_to_first_token_seconds_count": 10.0,
    }
    plain = between(engine_page(0), engine_page(5, **moved))
    shuffled = between(engine_page(0, order), engine_page(5, order, **moved))
    assert plain is not None
    assert shuffled is not None
    assert shuffled.increase == plain.increase
    assert shuffled.running == plain.running


def test_more_time_than_the_sequences_can_have_decoded_is_left_out_alone() -> None:
    """After a stall the outputs bring the time of the stall: no batch that ran now."""
    moved: dict[str, Any] = {
        "generation_tokens_total": 12.0,
        "inter_token_latency_seconds_count": 12.0,
    }
    kept = between(engine_page(0), engine_page(5, **moved, inter_token_latency_seconds_sum=20.0))
    stalled = between(
        engine_page(0), engine_page(5, **moved, inter_token_latency_seconds_sum=900.0)
    )
    assert kept is not None
    assert stalled is not None
    assert kept.unknown == frozenset()
    assert stalled.unknown == {"decode_sequence_seconds"}
    assert stalled.increase["generation_tokens"] == kept.increase["generation_tokens"]
    limited = between(
        engine_page(0),
        engine_page(5, **moved, inter_token_latency_seconds_sum=150.0),
        ServerLimits(max_num_seqs=8),
    )
    assert limited is not None
    assert "decode_sequence_seconds" in limited.unknown


def test_a_latency_that_falls_alone_is_no_restart() -> None:
    found = between(engine_page(0), engine_page(5, time_to_first_token_seconds_sum=-2.6e6))
    assert found is not None
    assert found.complete
    assert "first_token_seconds" in found.unknown
    assert "first_token_seconds" not in found.increase


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
