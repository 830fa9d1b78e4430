"""Figures from windows: rates, occupancy, hit ratios, what bounds a server."""

import pytest

from exporter.derive.figures import Figures, Limits, Share, figures, share_of, together
from exporter.derive.window import Window
from exporter.engines.plan import Snapshot
from tests.pages import snapshot


def page(time: float, **raw: float) -> Snapshot:
    text = "".join(
        f'vllm:{name}{{engine="0",model_name="m"}} {value!r}\n' for name, value in raw.items()
    )
    return snapshot(text, "0.26.0", time)


def derive(*pages: Snapshot, limits: Limits | None = None, seconds: float = 60) -> Figures:
    window = Window(seconds)
    for one in pages:
        window.add(one)
    found = figures(window, limits or Limits())
    assert found is not None
    return found


def test_rates_per_second_and_per_gpu() -> None:
    found = derive(
        page(0, generation_tokens_total=0, prompt_tokens_total=0),
        page(10, generation_tokens_total=500, prompt_tokens_total=2000),
        limits=Limits(gpus=4),
    )
    assert found.generation_tokens_rate == 50
    assert found.per_gpu(found.generation_tokens_rate) == 12.5
    assert found.per_gpu(found.prompt_tokens_rate) == 50
    assert found.window_seconds == 10


def test_without_a_gpu_count_there_is_no_figure_per_gpu() -> None:
    found = derive(page(0, generation_tokens_total=0), page(10, generation_tokens_total=5))
    assert found.per_gpu(found.generation_tokens_rate) is None


def test_a_first_page_gives_no_figures() -> None:
    window = Window(60)
    window.add(page(0, generation_tokens_total=5))
    assert figures(window, Limits()) is None


def test_occupancy_is_mean_running_over_the_seats_of_all_engines() -> None:
    found = derive(
        page(0, num_requests_running=100),
        page(5, num_requests_running=10),
        page(10, num_requests_running=30),
        limits=Limits(max_num_seqs=40),
    )
    assert found.batch_occupancy == Share(20, 40)


def test_unknown_limits_leave_ratios_unknown() -> None:
    found = derive(page(0, num_requests_running=1), page(5, num_requests_running=1))
    assert found.batch_occupancy is None
    assert found.token_budget_ratio is None


def test_hit_ratio_is_weighted_by_tokens_and_nothing_over_nothing_is_unknown() -> None:
    quiet = {"external_prefix_cache_queries_total": 0, "external_prefix_cache_hits_total": 0}
    found = derive(
        page(0, prefix_cache_queries_total=0, prefix_cache_hits_total=0, **quiet),
        page(5, prefix_cache_queries_total=1000, prefix_cache_hits_total=0, **quiet),
        page(10, prefix_cache_queries_total=1100, prefix_cache_hits_total=88, **quiet),
    )
    assert found.prefix_cache_hits == {"local": Share(88, 1100)}


def test_cached_share_of_prompts_stands_beside_the_lookup_ratio() -> None:
    def by_source(computed: float, cached: float) -> str:
        return (
            'vllm:prompt_tokens_by_source_total{engine="0",source="local_compute"} '
            f"{computed}\n"
            f'vllm:prompt_tokens_cached_total{{engine="0"}} {cached}\n'
        )

    looked = (
        'vllm:prefix_cache_queries_total{engine="0"} %d\n'
        'vllm:prefix_cache_hits_total{engine="0"} %d\n'
    )
    found = derive(
        snapshot(by_source(0, 0) + looked % (0, 0), "0.20.2", 0),
        snapshot(by_source(700, 300) + looked % (7000, 300), "0.20.2", 10),
    )
    assert found.prompt_cached == Share(300, 1000)
    assert found.prefix_cache_hits["local"].ratio == pytest.approx(300 / 7000)
    assert found.prompt_tokens_computed_rate == 70


def test_computed_tokens_before_engines_counted_them() -> None:
    found = derive(
        page(0, prompt_tokens_total=0, prefix_cache_hits_total=0),
        page(10, prompt_tokens_total=1000, prefix_cache_hits_total=400),
    )
    assert found.prompt_tokens_computed_rate == 60


def test_decode_batch_by_littles_law() -> None:
    found = derive(
        page(0, inter_token_latency_seconds_sum=0, inter_token_latency_seconds_count=0),
        page(4, inter_token_latency_seconds_sum=250, inter_token_latency_seconds_count=9),
    )
    assert found.decode_batch == 62.5


def test_tokens_per_step_mean_the_same_before_and_after_the_change() -> None:
    def step(whole: float) -> Figures:
        extra = 'vllm:prompt_tokens_by_source_total{engine="0",source="local_compute"} %d\n'
        text = (
            'vllm:iteration_tokens_total_count{engine="0"} %d\n'
            'vllm:iteration_tokens_total_sum{engine="0"} %d\n'
            'vllm:generation_tokens_total{engine="0"} %d\n'
        )
        return derive(
            snapshot(text % (0, 0, 0) + extra % 0, "0.22.1", 0),
            snapshot(text % (10, whole, 500) + extra % 1500, "0.22.1", 10),
            limits=Limits(max_num_batched_tokens=400),
        )

    assert step(2000).token_budget_ratio == step(9000).token_budget_ratio == 0.5


def test_sglang_counts_tokens_as_they_are_made() -> None:
    def at(time: float, decode: int, first: int, finished: int) -> Snapshot:
        return snapshot(
            f'sglang:realtime_tokens_total{{mode="decode",tp_rank="0"}} {decode}\n'
            f"sglang:time_to_first_token_seconds_count {first}\n"
            f"sglang:generation_tokens_total {finished}\n",
            "0.5.23",
            time,
        )

    assert derive(at(0, 0, 0, 0), at(10, 90, 10, 0)).generation_tokens_rate == 10


def bound(pages: int, limits: Limits, **gauges: float) -> str | None:
    return derive(
        *(page(5.0 * i, num_preemptions_total=0, **gauges) for i in range(pages)), limits=limits
    ).bound


@pytest.mark.parametrize(
    ("gauges", "limits", "expected"),
    [
        ({"num_requests_waiting": 0, "num_requests_running": 256}, Limits(256), "demand"),
        ({"num_requests_waiting": 9, "num_requests_running": 250}, Limits(256), "sequences"),
        (
            {
                "num_requests_waiting": 9,
                "num_requests_running": 90,
                "kv_cache_usage_perc": 0.97,
            },
            Limits(256),
            "kv_cache",
        ),
        ({"num_requests_waiting": 9, "num_requests_running": 90}, Limits(256), None),
        ({"num_requests_running": 90}, Limits(256), None),
    ],
)
def test_what_bounds_a_server(
    gauges: dict[str, float], limits: Limits, expected: str | None
) -> None:
    assert bound(4, limits, **gauges) == expected


def test_preemptions_mean_the_kv_cache_and_full_steps_the_token_budget() -> None:
    queue = {"num_requests_waiting": 5.0, "num_requests_running": 9.0}
    thrown = derive(
        page(0, num_preemptions_total=0, **queue), page(5, num_preemptions_total=3, **queue)
    )
    assert thrown.bound == "kv_cache"
    steps = {"iteration_tokens_total_count": 0.0, "iteration_tokens_total_sum": 0.0}
    full = {"iteration_tokens_total_count": 10.0, "iteration_tokens_total_sum": 9000.0}
    busy = derive(
        page(0, **queue, **steps),
        page(5, **queue, **full),
        limits=Limits(max_num_batched_tokens=1000),
    )
    assert busy.bound == "token_budget"


def test_requests_that_wait_for_something_else_are_no_queue() -> None:
    waiting = (
        'vllm:num_requests_running{engine="0"} 256\n'
        'vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 0\n'
        'vllm:num_requests_waiting_by_reason{engine="0",reason="deferred"} 9\n'
    )
    found = derive(
        snapshot(waiting, "0.26.0", 0), snapshot(waiting, "0.26.0", 5), limits=Limits(256)
    )
    assert found.bound == "demand"


def test_shares_add_up_by_their_parts() -> None:
    assert together([Share(1, 10), None, Share(90, 90)]) == Share(91, 100)
    assert together([None]) is None
    assert share_of(0, 0) is None
    assert share_of(None, 5) is None
