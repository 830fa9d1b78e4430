"""Prompt tokens of finished requests that another server computed are in no load cell."""

from collections.abc import Callable, Iterable

import pytest

from exporter.derive.meter import Meter
from exporter.engines.plan import Snapshot
from exporter.replay.recording import Recording
from exporter.replay.snapshots import snapshots
from tests.cells import WHO, counted, total
from tests.pages import snapshot

VLLM = """vllm:num_requests_running{engine="%(engine)s"} 8
vllm:generation_tokens_total{engine="%(engine)s"} %(generated)s
vllm:time_to_first_token_seconds_count{engine="%(engine)s"} %(requests)s
vllm:inter_token_latency_seconds_sum{engine="%(engine)s"} %(waited)s
vllm:inter_token_latency_seconds_count{engine="%(engine)s"} %(generated)s
vllm:prompt_tokens_by_source_total{engine="%(engine)s",source="local_compute"} %(computed)s
vllm:request_prefill_kv_computed_tokens_sum{engine="%(engine)s"} %(finished)s
vllm:request_prefill_kv_computed_tokens_count{engine="%(engine)s"} %(requests)s
vllm:request_prefill_time_seconds_sum{engine="%(engine)s"} %(spent)s
vllm:request_prefill_time_seconds_count{engine="%(engine)s"} %(requests)s
"""


def page(time: float, computed: float, finished: float, engine: str = "0") -> str:
    return VLLM % {
        "engine": engine,
        "generated": 400 * time,
        "requests": 2 * time,
        "waited": 8 * time,
        "spent": 0.04 * time,
        "computed": computed,
        "finished": finished,
    }


def pages(
    computed: Callable[[float], float], finished: Callable[[float], float], seconds: int = 60
) -> list[Snapshot]:
    return [
        snapshot(page(t, computed(t), finished(t)), "0.33.0", t)
        for t in map(float, range(0, seconds + 1, 5))
    ]


def work(found: Iterable[Snapshot]) -> dict[str, float]:
    load = counted(found)
    quantities = ("prefill_tokens", "finished_prefill_tokens", "finished_prefill_seconds")
    return {quantity: total(load, quantity) for quantity in quantities}


@pytest.mark.parametrize("computed_before", [250, 10_000_000])
@pytest.mark.parametrize("finished_before", [0, 1000, 9_000_000])
@pytest.mark.parametrize("finished_rate", [6000, 40, 8000])
def test_a_decode_server_of_unknown_role(
    computed_before: float, finished_before: float, finished_rate: float
) -> None:
    """Whatever both counters held before, and however much the prefill server found cached."""
    found = work(
        pages(
            lambda t: computed_before + 2 * t,
            lambda t: finished_before + finished_rate * t,
        )
    )
    assert found["prefill_tokens"] == 120
    assert found["finished_prefill_tokens"] == 0
    assert found["finished_prefill_seconds"] == 0


@pytest.mark.parametrize(("computed", "finished"), [(750_000.0, 1e6), (5e8, 0.1), (0.1, 5e8)])
def test_an_ordinary_server_whatever_its_counters_held_before(
    computed: float, finished: float
) -> None:
    """A counter may have lost increments on its way, or a page's numbers their last digits."""
    found = work(pages(lambda t: computed + 751.3 * t, lambda t: finished + 751.3 * t))
    assert found["finished_prefill_tokens"] == pytest.approx(60 * 751.3)


def test_a_decode_server_that_keeps_the_old_meaning_is_not_harmed() -> None:
    """With the Rust front end finished tokens are those computed here, as before 0.31."""
    found = work(pages(lambda t: 250 + 2 * t, lambda t: 240 + 2 * t))
    assert found["finished_prefill_tokens"] == found["prefill_tokens"] == 120
    assert found["finished_prefill_seconds"] == pytest.approx(2.4)


def test_requests_that_finish_late_are_counted_when_they_do() -> None:
    """Sixty requests of 3000 tokens are computed at once and finish one by one."""
    found = work(
        pages(lambda t: 180_000.0 if t >= 10 else 0.0, lambda t: max(t - 15, 0) * 4000, 60)
    )
    assert found["finished_prefill_tokens"] == 180_000


def test_abandoned_requests_leave_what_was_computed_behind() -> None:
    found = work(pages(lambda t: 100 + 1000 * t, lambda t: 600 * t))
    assert found["finished_prefill_tokens"] == 600 * 60


def test_what_was_running_when_watching_began_costs_few_intervals() -> None:
    """A fleet that drains: 50,000 tokens of requests computed before the first page."""
    found = work(
        pages(lambda t: 1e6 + 1000 * t, lambda t: 950_000 + 1000 * t + min(t * 5000, 50_000))
    )
    # the ten seconds in which they finish, and with them those computed since
    assert found["finished_prefill_tokens"] == 50_000


def test_few_requests_that_failed_before_their_first_token_cost_their_interval_alone() -> None:
    found = work(pages(lambda t: 1000 * t + 1, lambda t: 1000 * t + (2000 if t >= 30 else 0), 120))
    assert found["finished_prefill_tokens"] == (120 - 5) * 1000
    assert found["prefill_tokens"] == 120_000


def test_the_time_left_out_is_known() -> None:
    load = counted(pages(lambda t: 250 + 2 * t, lambda t: 6000 * t))
    assert load.without_finished_prefill == 60
    assert total(load, "seconds") == 60
    assert counted(pages(lambda t: 2 * t, lambda t: 2 * t)).without_finished_prefill == 0


def test_a_restart_begins_anew() -> None:
    before = pages(lambda t: 5000 + 1000 * t, lambda t: 500 * t)
    after = [
        snapshot(page(t, 1000 * t, 1000 * t), "0.33.0", 100 + t)
        for t in map(float, range(0, 31, 5))
    ]
    assert work([*before, *after])["finished_prefill_tokens"] == 60 * 500 + 30 * 1000


def test_engines_of_one_page_are_judged_apart() -> None:
    meter = Meter(0.0, longest=30.0, max_cells=256)
    for t in map(float, range(0, 61, 5)):
        text = page(t, 1000 * t, 1000 * t, "0") + page(t, 250 + 2 * t, 6000 * t, "1")
        meter.add(snapshot(text, "0.33.0", t), t, WHO)
    by_engine = {
        engine: sum(
            work.get("finished_prefill_tokens", 0.0)
            for (other, _), work in meter.load.cells.items()
            if other == engine
        )
        for engine in ("0", "1")
    }
    assert by_engine == {"0": 60_000, "1": 0}


SGLANG = """sglang:num_running_reqs{tp_rank="0"} 8
sglang:realtime_tokens_total{mode="decode",tp_rank="0"} %(decoded)s
sglang:inter_token_latency_seconds_sum %(waited)s
sglang:inter_token_latency_seconds_count %(decoded)s
sglang:generation_tokens_total %(decoded)s
sglang:uncached_prompt_tokens_histogram_sum %(finished)s
sglang:uncached_prompt_tokens_histogram_count %(requests)s
"""


@pytest.mark.parametrize(("computed", "finished"), [(None, 0), (2, 0), (6000, 6000 * 60)])
def test_an_sglang_decode_server_of_unknown_role(computed: float | None, finished: float) -> None:
    found = []
    for t in map(float, range(0, 61, 5)):
        values = {"decoded": 400 * t, "waited": 8 * t, "finished": 6000 * t, "requests": 2 * t}
        text = SGLANG % values
        if computed is not None:
            text += (
                'sglang:realtime_tokens_total{mode="prefill_compute",tp_rank="0"} '
                f"{computed * t}\n"
            )
        found.append(snapshot(text, "0.5.23", t))
    assert work(found)["finished_prefill_tokens"] == finished


def test_of_recorded_servers_nothing_is_left_out(every_recording: Recording) -> None:
    taken = list(snapshots(every_recording))
    load = counted(taken)
    indices = [
        [
            i
            for i, sample in enumerate(one.plan.samples)
            if (sample.family, sample.suffix) == ("request_prompt_tokens_computed", "_sum")
        ]
        for one in (taken[0], taken[-1])
    ]
    first, last = (
        sum(one.values[i] for i in found)
        for one, found in zip((taken[0], taken[-1]), indices, strict=True)
    )
    seen = total(load, "finished_prefill_tokens")
    # a restart or preemptions leave out what they do, and a counter begins anew
    assert load.excluded or seen == last - first
