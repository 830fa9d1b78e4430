"""Cells over a server's life: nothing lost, nothing counted twice, nothing under a wrong name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.derive.counters.latency_sums import LatencySums
from exporter.derive.counters.limits import ServerLimits
from exporter.derive.meter import LoadCells, Meter
from exporter.engines.plan import Labels, Snapshot
from tests.cells import WHO, total
from tests.pages import snapshot

NEXT: Labels = (("release", "next"),)
# raw counter -> the quantity a cell sums it as
RAW = {
    "inter_token_latency_seconds_sum": "decode_sequence_seconds",
    "time_to_first_token_seconds_count": "first_tokens",
    "time_to_first_token_seconds_sum": "first_token_seconds",
    "request_prefill_time_seconds_sum": "finished_prefill_seconds",
    "request_prefill_kv_computed_tokens_sum": "finished_prefill_tokens",
    "spec_decode_num_draft_tokens_total": "spec_draft_tokens",
    "spec_decode_num_accepted_tokens_total": "spec_accepted_tokens",
}


class Engine:
    """A vLLM server with counters that a test moves."""

    def __init__(self, engines: int = 1, version: str = "0.26.0") -> None:
        self.counters: list[dict[str, float]] = [{} for _ in range(engines)]
        self.gauges = {"num_requests_running": 0.0, "num_requests_waiting": 0.0}
        self.version = version
        self.start: float | None = None
        self.time = 0.0

    def page(self, seconds: float = 5.0, engine: int = 0, **moved: float) -> Snapshot:
        self.time += seconds
        mine = self.counters[engine]
        for name, amount in moved.items():
            mine[name] = mine.get(name, 0.0) + amount
        lines = [] if self.start is None else [f"process_start_time_seconds {self.start}"]
        for i, counters in enumerate(self.counters):
            known = {**dict.fromkeys([*RAW, *_COUNTS, *_NEEDED], 0.0), **self.gauges, **counters}
            lines += [
                f'vllm:{name}{{engine="{i}",model_name="m"{_SOURCE.get(name, "")}}} {value!r}'
                for name, value in known.items()
            ]
        return snapshot("\n".join(lines) + "\n", self.version, self.time)


_COUNTS = ("generation_tokens_total", "prompt_tokens_by_source_total", "num_preemptions_total")
_NEEDED = (
    "inter_token_latency_seconds_count",
    "request_prefill_time_seconds_count",
    "request_prefill_kv_computed_tokens_count",
)
_SOURCE = {"prompt_tokens_by_source_total": ',source="local_compute"'}
MOVED = {name: st.integers(0, 500).map(float) for name in (*RAW, *_COUNTS[:2])}
STEP = st.fixed_dictionaries(
    {
        "seconds": st.sampled_from([5.0, 10.0, 60.0]),
        "event": st.sampled_from(["", "", "", "restart", "upgrade", "unknown"]),
        "engine": st.integers(0, 1),
        "moved": st.fixed_dictionaries(
            {**MOVED, "num_preemptions_total": st.sampled_from([0.0, 0.0, 0.0, 4.0])}
        ),
    }
)


def sums(load: LoadCells) -> dict[str, float]:
    wanted = [*RAW.values(), "decode_tokens", "prefill_tokens"]
    return {quantity: total(load, quantity) for quantity in wanted}


@given(st.lists(STEP, max_size=10))
def test_work_in_is_work_out(steps: list[dict[str, Any]]) -> None:
    """What an engine counted is in its cells exactly, or its time is in what was left out."""
    server, meter, who = Engine(2), Meter(0, 30.0, 256), WHO
    server.start = -1000.0
    meter.add(server.page(), server.time, who)
    for step in steps:
        if step["event"] == "restart":
            server.counters, server.start = [{}, {}], server.time
        elif step["event"] == "upgrade":
            who = NEXT if who == WHO else WHO
        counted_before = sums(meter.load if meter.load.labels == who else LoadCells())
        out_before = sum(meter.load.excluded.values())
        moved = dict(step["moved"])
        moved["generation_tokens_total"] += moved["time_to_first_token_seconds_count"]
        # what finishes was computed
        moved["prompt_tokens_by_source_total"] += moved["request_prefill_kv_computed_tokens_sum"]
        page = server.page(step["seconds"], step["engine"], **moved)
        meter.add(page, server.time, None if step["event"] == "unknown" else who)
        left_out = sum(meter.load.excluded.values()) - out_before
        work = {quantity: moved[name] for name, quantity in RAW.items()}
        work["decode_tokens"] = step["moved"]["generation_tokens_total"]
        work["prefill_tokens"] = moved["prompt_tokens_by_source_total"]
        assert left_out in (0, step["seconds"], 2 * step["seconds"])
        if step["event"] or step["seconds"] > 30:
            assert left_out == 2 * step["seconds"]
        for quantity, amount in sums(meter.load).items():
            due = 0.0 if left_out else work[quantity]
            assert amount == counted_before[quantity] + due, quantity


@given(st.lists(STEP, max_size=10), st.integers(1, 4))
def test_every_second_is_counted_or_left_out_and_the_cap_holds(
    steps: list[dict[str, Any]], cap: int
) -> None:
    server, meter = Engine(2), Meter(0, 30.0, cap)
    meter.add(server.page(), 0, WHO)
    for step in steps:
        meter.add(server.page(step["seconds"], step["engine"], **step["moved"]), 0, WHO)
        assert len(meter.load.cells) <= cap
    left_out = sum(meter.load.excluded.values())
    assert total(meter.load, "seconds") + left_out == 2 * (server.time - 5)
    assert all(work["seconds"] > 0 for work in meter.load.cells.values())


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8))
def test_first_tokens_seen_before_their_tokens_are_owed_not_lost(
    moves: list[tuple[int, int]],
) -> None:
    server, meter, before = Engine(), Meter(0, 30.0, 256), 0.0
    meter.add(server.page(), 0, WHO)
    for made, first in [*moves, (1000, 0)]:
        moved = {"generation_tokens_total": made, "time_to_first_token_seconds_count": first}
        meter.add(server.page(**moved), 0, WHO)
        now = total(meter.load, "decode_tokens")
        assert now >= before
        before = now
    assert before == 1000 + sum(made - first for made, first in moves)


def follow(meter: Meter, *pages: Snapshot, unix: float = 0.0) -> LoadCells:
    for page in pages:
        meter.add(page, unix + page.time, WHO)
    return meter.load


def test_cells_too_many_are_left_out_and_told() -> None:
    server, meter = Engine(), Meter(0, 30.0, 2)
    for batch in (0.0, 0.5, 8.0, 16.0, 0.5):
        meter.add(server.page(inter_token_latency_seconds_sum=5 * batch), 0, WHO)
    assert list(meter.load.cells) == [("0", "1"), ("0", "8")]
    assert meter.load.excluded == {"cap": 5}
    assert meter.load.cells["0", "1"]["seconds"] == 10


def test_warm_up_lasts_from_the_servers_start() -> None:
    server, meter = Engine(), Meter(600, 30.0, 256)
    server.start = 1_000_000.0
    pages = [server.page(5) for _ in range(4)]
    # the second interval begins 600 s after the start
    found = follow(meter, *pages, unix=1_000_590.0)
    assert found.excluded == {"warm_up": 5}
    assert total(found, "seconds") == 10


def test_a_server_without_start_time_warms_up_only_after_a_restart_was_seen() -> None:
    server, meter = Engine(), Meter(10, 30.0, 256)
    first = [server.page(generation_tokens_total=9) for _ in range(2)]
    assert follow(meter, *first).excluded == {}
    server.counters = [{}]
    later = follow(meter, *[server.page(5) for _ in range(4)])
    assert later.excluded == {"restart": 5, "warm_up": 10}
    assert total(later, "seconds") == 10


def test_one_missed_sample_is_bridged_and_a_gap_is_not() -> None:
    server, meter = Engine(), Meter(0, 14.0, 256)
    found = follow(meter, server.page(), server.page(10), server.page(15), server.page(5))
    assert found.excluded == {"gap": 15}
    assert total(found, "seconds") == 15


def test_until_the_release_is_known_nothing_is_counted() -> None:
    server, meter = Engine(version=""), Meter(0, 30.0, 256)
    for _ in range(2):
        meter.add(server.page(generation_tokens_total=50), 0, None)
    server.version = "0.26.0"
    meter.add(server.page(generation_tokens_total=50), 0, WHO)
    assert meter.load.cells == {}
    assert meter.load.excluded == {"unknown": 10}
    meter.add(server.page(generation_tokens_total=50), 0, WHO)
    assert total(meter.load, "decode_tokens") == 50


def test_cells_of_a_release_end_with_it_and_not_with_a_restart() -> None:
    server, meter = Engine(), Meter(0, 30.0, 256)
    follow(meter, server.page(), server.page(generation_tokens_total=70))
    server.counters = [{}]
    server.version = ""
    meter.add(server.page(), 0, None)
    assert total(meter.load, "decode_tokens") == 70
    server.version = "0.26.0"
    for _ in range(2):
        meter.add(server.page(generation_tokens_total=4), 0, WHO)
    assert total(meter.load, "decode_tokens") == 74
    server.version = "0.27.0"
    meter.add(server.page(generation_tokens_total=4), 0, NEXT)
    assert (meter.load.labels, meter.load.cells) == (NEXT, {})
    meter.add(server.page(generation_tokens_total=4), 0, NEXT)
    assert total(meter.load, "decode_tokens") == 4


def test_data_parallel_engines_have_cells_of_their_own() -> None:
    server, meter = Engine(2), Meter(0, 30.0, 256)
    meter.add(server.page(), 0, WHO)
    moved = {"inter_token_latency_seconds_sum": 100.0, "generation_tokens_total": 40.0}
    meter.add(server.page(5, 1, **moved), 0, WHO, gpus=4, joules=1000)
    assert set(meter.load.cells) == {("0", "idle"), ("1", "24")}
    assert meter.load.cells["1", "24"]["gpu_seconds"] == 10
    assert meter.load.cells["1", "24"]["joules"] == 500
    assert "decode_tokens" not in meter.load.cells["0", "idle"]


def test_an_engine_that_joins_or_restarts_is_left_out_alone() -> None:
    server, meter = Engine(2), Meter(10, 30.0, 256)
    moved = {"generation_tokens_total": 10.0}
    follow(meter, server.page(), server.page(5, 0, **moved))
    server.counters.append({"generation_tokens_total": 9e6})
    found = follow(meter, server.page(5, 0, **moved))
    assert found.excluded == {"gap": 5}
    found = follow(meter, server.page(5, 2, **moved))
    assert found.excluded == {"gap": 5}
    assert total(found, "decode_tokens") == 30
    server.counters[1] = {}
    server.counters[0]["generation_tokens_total"] = 1e3
    server.counters[2]["generation_tokens_total"] = 3.0
    # two of three restarted, and warm up; the other goes on
    for _ in range(3):
        found = follow(meter, server.page(5, 0, **moved))
    assert found.excluded == {"gap": 5, "restart": 5, "warm_up": 10}


def test_an_engine_that_leaves_the_page_does_not_touch_the_others() -> None:
    server, meter = Engine(2), Meter(600, 30.0, 256)
    moved = {"generation_tokens_total": 10.0, "inter_token_latency_seconds_sum": 40.0}
    pages = [server.page(), server.page(5, 0, **moved)]
    server.counters.pop()
    pages.append(server.page(5, 0, **moved))
    found = follow(meter, *pages)
    assert found.excluded == {}
    assert found.cells["0", "8"]["decode_tokens"] == 20


def test_what_no_engine_can_do_is_left_out_and_counted() -> None:
    server, meter = Engine(), Meter(0, 30.0, 256)
    follow(meter, server.page(), server.page(generation_tokens_total=50))
    found = follow(meter, server.page(generation_tokens_total=5e8))
    assert found.excluded == {"implausible": 5}
    found = follow(meter, server.page(inter_token_latency_seconds_sum=1e6))
    assert found.excluded == {"implausible": 10}
    found = follow(meter, server.page(generation_tokens_total=50))
    assert total(found, "decode_tokens") == 100
    assert total(found, "seconds") == 10


def test_a_latency_that_is_none_is_left_out_of_its_cell_with_what_it_is_divided_by() -> None:
    server, meter, sums = Engine(), Meter(0, 30.0, 256), LatencySums()
    server.start = -900.0
    done: dict[str, Any] = {
        "request_prefill_time_seconds_sum": 0.3,
        "request_prefill_time_seconds_count": 2,
        "request_prefill_kv_computed_tokens_sum": 750,
        "prompt_tokens_by_source_total": 750,
        "generation_tokens_total": 12,
        "time_to_first_token_seconds_count": 2,
    }
    jump = {**done, "request_prefill_time_seconds_sum": 2.6e6}
    for moved in ({}, done, jump, done):
        page = server.page(**moved)
        follow(meter, sums.corrected(page, page.time))
    found = meter.load
    assert found.excluded == {"implausible_latency": 5}
    assert total(found, "seconds") == 15
    assert total(found, "finished_prefill_seconds") == pytest.approx(0.6)
    assert total(found, "finished_prefill_tokens") == 1500
    assert total(found, "decode_tokens") == 30
    assert total(found, "first_tokens") == 6


JUMPS = st.sampled_from([0.0, 0.0, 1e7, 5e8, 1e12])


@given(st.lists(st.tuples(st.integers(0, 1), JUMPS, st.floats(0, 100), st.booleans()), max_size=10))
def test_cells_never_hold_more_than_engines_can_do(
    steps: list[tuple[int, float, float, bool]],
) -> None:
    server, meter = Engine(2), Meter(0, 30.0, 256)
    follow(meter, server.page())
    for engine, jump, decoding, restart in steps:
        if restart:
            server.counters[engine] = {}
        moved = {
            "generation_tokens_total": 20.0 + jump,
            "inter_token_latency_seconds_sum": decoding + jump / 30,
            "inter_token_latency_seconds_count": 20.0 + jump,
            "prompt_tokens_by_source_total": 100.0 + jump,
        }
        follow(meter, server.page(5, engine, **moved))
    for work in meter.load.cells.values():
        assert all(amount >= 0 for amount in work.values())
        assert work.get("decode_tokens", 0.0) <= 2e4 * 16 * work["seconds"]
        assert work.get("decode_sequence_seconds", 0.0) <= 96 * work["seconds"]
        assert work["prefill_tokens"] <= 2e7 * work["seconds"]


def test_more_time_than_the_limit_of_sequences_gives_is_in_no_cell() -> None:
    server, meter = Engine(), Meter(0, 60, 100)
    for seconds in (20.0, 300.0):
        limits = ServerLimits(max_num_seqs=32)
        meter.add(server.page(1, generation_tokens_total=400), 0, WHO, limits=limits)
        moved = {"inter_token_latency_seconds_sum": seconds, "generation_tokens_total": 400.0}
        meter.add(server.page(1, 0, **moved), 0, WHO, limits=limits)
    assert {batch for _, batch in meter.load.cells} <= {"24", "idle", "0", "1"}
    assert meter.load.excluded["implausible"] == 1.0


def test_energy_counted_just_before_others_were_seen_on_the_gpu_is_given_up() -> None:
    server, meter = Engine(), Meter(0, 60, 100)
    moved = {"inter_token_latency_seconds_sum": 20.0, "generation_tokens_total": 400.0}
    meter.add(server.page(), 0, WHO, gpus=1)
    for seconds, given_up in ((5.0, True), (5.0, False)):
        meter.add(server.page(seconds, 0, **moved), 0, WHO, gpus=1, joules=1000)
        (work,) = meter.load.cells.values()
        assert work["joules"] == 1000
        meter.forget_young_energy(server.time + (0 if given_up else 1000))
        (work,) = meter.load.cells.values()
        assert ("joules" in work) is not given_up
        assert ("metered_decode_tokens" in work) is not given_up
        assert work["decode_tokens"] > 0
