"""Figures from windows: rates, occupancy, hit ratios, what bounds a server."""

import pytest

from exporter.derive.figure import Figures
from exporter.derive.figures import figures
from exporter.derive.ratio import Ratio
from exporter.derive.summary import ServerLimits
from exporter.derive.window import Window
from exporter.engines.plan import Snapshot
from tests.pages import snapshot


def page(time: float, **raw: float) -> Snapshot:
    text = "".join(
        f'vllm:{name}{{engine="0",model_name="m"}} {value!r}\n' for name, value in raw.items()
    )
    return snapshot(text, "0.26.0", time)


def derive(*pages: Snapshot, limits: ServerLimits | None = None, seconds: float = 60) -> Figures:
    window = Window(seconds)
    for one in pages:
        window.add(one)
    return figures(window, limits or ServerLimits())


def test_rates_per_second_and_per_gpu() -> None:
    values = derive(
        page(0, generation_tokens_total=0, prompt_tokens_total=0),
        page(10, generation_tokens_total=500, prompt_tokens_total=2000),
        limits=ServerLimits(gpus=4),
    )
    assert values["generation_tokens_per_second"] == 50
    assert values["generation_tokens_per_second_per_gpu"] == Ratio(50, 4)
    assert values["prompt_tokens_per_second_per_gpu"] == Ratio(200, 4)
    assert values["window_seconds"] == 10


def test_without_a_gpu_count_there_is_no_figure_per_gpu() -> None:
    values = derive(page(0, generation_tokens_total=0), page(10, generation_tokens_total=5))
    assert "generation_tokens_per_second_per_gpu" not in values


def test_before_the_first_page_there_is_nothing_and_after_it_only_its_gauges() -> None:
    window = Window(60)
    assert figures(window, ServerLimits()) == {}
    window.add(page(0, generation_tokens_total=5, num_requests_running=3))
    assert figures(window, ServerLimits(256, 8192, 1)) == {"requests_running": 3}


def test_occupancy_is_mean_running_over_the_seats_of_all_engines() -> None:
    values = derive(
        page(0, num_requests_running=100),
        page(5, num_requests_running=10),
        page(10, num_requests_running=30),
        limits=ServerLimits(max_num_seqs=40),
    )
    assert values["batch_occupancy_ratio"] == Ratio(20, 40)


def test_unknown_limits_leave_ratios_unknown() -> None:
    values = derive(page(0, num_requests_running=1), page(5, num_requests_running=1))
    assert "batch_occupancy_ratio" not in values
    assert "token_budget_ratio" not in values


def test_hit_ratio_is_weighted_by_tokens_and_nothing_over_nothing_is_unknown() -> None:
    quiet = {"external_prefix_cache_queries_total": 0, "external_prefix_cache_hits_total": 0}
    values = derive(
        page(0, prefix_cache_queries_total=0, prefix_cache_hits_total=0, **quiet),
        page(5, prefix_cache_queries_total=1000, prefix_cache_hits_total=0, **quiet),
        page(10, prefix_cache_queries_total=1100, prefix_cache_hits_total=88, **quiet),
    )
    assert values["prefix_cache_hit_ratio"] == {"local": Ratio(88, 1100)}


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
    values = derive(
        snapshot(by_source(0, 0) + looked % (0, 0), "0.20.2", 0),
        snapshot(by_source(700, 300) + looked % (7000, 300), "0.20.2", 10),
        limits=ServerLimits(gpus=1),
    )
    assert values["prompt_cached_ratio"] == Ratio(300, 1000)
    assert values["prefix_cache_hit_ratio"] == {"local": Ratio(300, 7000)}
    assert values["prompt_tokens_computed_per_second_per_gpu"] == Ratio(70, 1)


def test_computed_tokens_before_engines_counted_them() -> None:
    values = derive(
        page(0, prompt_tokens_total=0, prefix_cache_hits_total=0),
        page(10, prompt_tokens_total=1000, prefix_cache_hits_total=400),
        limits=ServerLimits(gpus=1),
    )
    assert values["prompt_tokens_computed_per_second_per_gpu"] == Ratio(60, 1)


def test_decode_batch_by_littles_law() -> None:
    values = derive(
        page(0, inter_token_latency_seconds_sum=0, inter_token_latency_seconds_count=0),
        page(4, inter_token_latency_seconds_sum=250, inter_token_latency_seconds_count=9),
    )
    assert values["decode_batch_size"] == 62.5


def sglang(time: float, running: int, decoded: int, timed: int, waited: float) -> Snapshot:
    return snapshot(
        f'sglang:num_running_reqs{{tp_rank="0"}} {running}\n'
        f'sglang:realtime_tokens_total{{mode="decode",tp_rank="0"}} {decoded}\n'
        f"sglang:inter_token_latency_seconds_sum {waited}\n"
        f"sglang:inter_token_latency_seconds_count {timed}\n",
        "0.5.23",
        time,
    )


def test_decode_batch_of_answers_that_are_not_streamed() -> None:
    """SGLang times no output of these before the fiftieth."""
    values = derive(sglang(0, 8, 0, 0, 0), sglang(15, 8, 400, 100, 30))
    assert values["decode_batch_size"] == pytest.approx(400 / 15 * 30 / 100)
    untimed = derive(sglang(0, 8, 0, 0, 0), sglang(15, 8, 400, 0, 0))
    assert untimed["decode_batch_size"] == 8
    assert derive(sglang(0, 0, 9, 9, 9), sglang(15, 0, 9, 9, 9))["decode_batch_size"] == 0


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
            limits=ServerLimits(max_num_batched_tokens=400),
        )

    for whole in (2000, 9000):
        assert step(whole)["token_budget_ratio"] == 0.5


def test_sglang_counts_tokens_as_they_are_made() -> None:
    def at(time: float, decode: int, first: int, finished: int) -> Snapshot:
        return snapshot(
            f'sglang:realtime_tokens_total{{mode="decode",tp_rank="0"}} {decode}\n'
            f"sglang:time_to_first_token_seconds_count {first}\n"
            f"sglang:generation_tokens_total {finished}\n",
            "0.5.23",
            time,
        )

    values = derive(at(0, 0, 0, 0), at(10, 90, 10, 0))
    assert values["generation_tokens_per_second"] == 10


def bound(pages: int, limits: ServerLimits, **gauges: float) -> object:
    return derive(
        *(page(5.0 * i, num_preemptions_total=0, **gauges) for i in range(pages)), limits=limits
    ).get("bound")


@pytest.mark.parametrize(
    ("gauges", "limits", "expected"),
    [
        ({"num_requests_waiting": 0, "num_requests_running": 256}, ServerLimits(256), "demand"),
        ({"num_requests_waiting": 9, "num_requests_running": 250}, ServerLimits(256), "sequences"),
        (
            {
                "num_requests_waiting": 9,
                "num_requests_running": 90,
                "kv_cache_usage_perc": 0.97,
            },
            ServerLimits(256),
            "kv_cache",
        ),
        ({"num_requests_waiting": 9, "num_requests_running": 90}, ServerLimits(256), None),
        ({"num_requests_running": 90}, ServerLimits(256), None),
    ],
)
def test_what_bounds_a_server(
    gauges: dict[str, float], limits: ServerLimits, expected: str | None
) -> None:
    assert bound(4, limits, **gauges) == expected


def test_preemptions_mean_the_kv_cache_and_full_steps_the_token_budget() -> None:
    queue = {"num_requests_waiting": 5.0, "num_requests_running": 9.0}
    thrown = derive(
        page(0, num_preemptions_total=0, **queue), page(5, num_preemptions_total=3, **queue)
    )
    assert thrown["bound"] == "kv_cache"
    steps = {"iteration_tokens_total_count": 0.0, "iteration_tokens_total_sum": 0.0}
    full = {"iteration_tokens_total_count": 10.0, "iteration_tokens_total_sum": 9000.0}
    busy = derive(
        page(0, **queue, **steps),
        page(5, **queue, **full),
        limits=ServerLimits(max_num_batched_tokens=1000),
    )
    assert busy["bound"] == "token_budget"


def test_requests_that_wait_for_something_else_are_no_queue() -> None:
    waiting = (
        'vllm:num_requests_running{engine="0"} 256\n'
        'vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 0\n'
        'vllm:num_requests_waiting_by_reason{engine="0",reason="deferred"} 9\n'
    )
    values = derive(
        snapshot(waiting, "0.26.0", 0), snapshot(waiting, "0.26.0", 5), limits=ServerLimits(256)
    )
    assert values["bound"] == "demand"


def test_latencies_are_means_over_the_requests_and_outputs_of_the_window() -> None:
    def latencies(first: tuple[float, float], between: tuple[float, float]) -> dict[str, float]:
        return {
            "time_to_first_token_seconds_sum": first[0],
            "time_to_first_token_seconds_count": first[1],
            "inter_token_latency_seconds_sum": between[0],
            "inter_token_latency_seconds_count": between[1],
        }

    values = derive(
        page(0, **latencies((90, 30), (100, 10_000))),
        page(10, **latencies((92, 40), (104, 10_800))),
        page(20, **latencies((95, 50), (110, 11_000))),
    )
    assert values["time_to_first_token_mean_seconds"] == Ratio(5, 20)
    assert values["inter_token_latency_mean_seconds"] == Ratio(10, 1000)


def test_an_idle_window_has_no_latency() -> None:
    idle = {"inter_token_latency_seconds_sum": 1.0, "inter_token_latency_seconds_count": 9.0}
    values = derive(page(0, **idle), page(10, **idle))
    assert "inter_token_latency_mean_seconds" not in values


def test_gauges_are_shown_as_means_of_the_window_and_as_they_are_now() -> None:
    gauges = ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")
    values = derive(
        *(
            page(5.0 * i, **dict(zip(gauges, row, strict=True)))
            for i, row in enumerate([(9, 9, 0.9), (10, 0, 0.1), (30, 4, 0.3)])
        )
    )
    assert values["requests_running_mean"] == 20
    assert values["requests_queued_mean"] == 2
    assert values["kv_cache_usage_mean_ratio"] == pytest.approx(0.2)
    assert values["requests_running"] == 30
    assert values["requests_waiting"] == 4
    assert values["kv_cache_usage_ratio"] == 0.3
