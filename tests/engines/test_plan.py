"""From raw names to canonical samples: every trap of the engines' pages, by name."""

import math
from collections.abc import Callable

import pytest

from exporter.base.errors import NoEngineError, PageError
from exporter.replay.recording import Recording
from exporter.vocabulary.engine import FAMILIES
from tests.pages import snapshot, values

V1 = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="m"} 100.0
"""


def test_a_histogram_named_total_gives_steps_and_their_tokens() -> None:
    found = snapshot(
        V1 + "# TYPE vllm:iteration_tokens_total histogram\n"
        'vllm:iteration_tokens_total_bucket{engine="0",le="+Inf",model_name="m"} 7.0\n'
        'vllm:iteration_tokens_total_count{engine="0",model_name="m"} 7.0\n'
        'vllm:iteration_tokens_total_sum{engine="0",model_name="m"} 900.0\n'
    )
    assert found.total("steps_total") == 7
    assert found.total("step_tokens_total") == 900


def test_a_bound_on_what_is_no_bucket_leaves_the_family_out() -> None:
    found = snapshot(V1.replace("running{", 'running{le="1",'))
    assert found.total("requests_running") is None
    assert found.total("prompt_tokens_total") == 100
    (note,) = (note for note in found.plan.notes if "(le)" in note)
    assert note.startswith("requests_running is left out: num_requests_running has a bound (le)")


def test_created_series_are_not_taken() -> None:
    found = snapshot(V1 + 'vllm:prompt_tokens_created{engine="0",model_name="m"} 1.7e9\n')
    assert found.total("prompt_tokens_total") == 100
    assert not any("created" in sample.suffix for sample in found.plan.samples)


def test_openmetrics_of_the_rust_front_end_reads_as_text_does() -> None:
    found = snapshot(
        "# TYPE vllm:num_requests_running gauge\n"
        'vllm:num_requests_running{model_name="m",engine="0"} 3\n'
        "# TYPE vllm:prompt_tokens counter\n"
        'vllm:prompt_tokens_total{model_name="m",engine="0"} 100\n# EOF\n',
        openmetrics=True,
    )
    as_text = snapshot(V1)
    assert found.plan.samples == as_text.plan.samples
    assert found.values == as_text.values


@pytest.mark.parametrize("prefix", ["vllm:", "vllm_", "kserve_vllm:", "ray_vllm:", "ray_vllm_"])
def test_every_prefix_is_read(prefix: str) -> None:
    found = snapshot(V1.replace("vllm:", prefix))
    assert found.plan.engine == "vllm"
    assert found.total("prompt_tokens_total") == 100


RAY = (
    'Component="core_worker",NodeAddress="10.9.0.4",ReplicaId="%s",WorkerId="%s",model_name="m",'
    'otel_scope_name="ray._private.telemetry",otel_scope_version=""'
)


@pytest.mark.parametrize("prefix", ["sglang:", "sglang_", "ray_sglang:", "ray_sglang_"])
@pytest.mark.parametrize("twins", [False, True])
def test_sglang_on_ray_reads_as_alone(prefix: str, twins: bool) -> None:
    scheduler, tokenizer = RAY % ("", "w1"), RAY % ("r1", "w2")
    page = (
        f'{prefix}num_running_reqs{{{scheduler},tp_rank="0"}} 8\n'
        f'{prefix}realtime_tokens_total{{{scheduler},mode="prefill_compute"}} 750\n'
        f'{prefix}realtime_tokens_total{{{scheduler},mode="prefill_cache"}} 250\n'
        f'{prefix}realtime_tokens_total{{{scheduler},mode="decode"}} 398\n'
        f'{prefix}generation_tokens_total{{{tokenizer},is_streaming="true"}} 400\n'
        f'{prefix}time_to_first_token_seconds_count{{{tokenizer},is_streaming="true"}} 2\n'
    )
    if twins:  # releases of Ray that show each counter as a gauge too
        page += page.replace("_tokens_total{", "_tokens{")
        page = "".join(f"{line}\n" for line in dict.fromkeys(page.splitlines()))
    found = snapshot(page)
    assert found.plan.engine == "sglang"
    assert found.plan.unknown_names == ()
    assert found.total("requests_running") == 8
    assert found.total("decode_tokens_total") == 398
    assert found.total("generation_tokens_total") == 400
    assert found.total("prefix_cache_hit_tokens_total", cache="local") == 250
    assert found.total("prefix_cache_queried_tokens_total", cache="local") == 1000


def test_a_page_that_says_everything_twice_is_read_once() -> None:
    found = snapshot(
        V1
        + 'vllm:generation_tokens_total{engine="0",model_name="m"} 5\n'
        + V1.replace("vllm:", "vllm_")
    )
    assert found.total("prompt_tokens_total") == 100
    assert "'vllm_'" in found.plan.notes[0]


def test_ray_workers_of_one_page_add_up() -> None:
    page = "".join(
        f'ray_vllm_prompt_tokens_total{{model_name="m",WorkerId="{worker}"}} 10\n'
        f'ray_vllm_kv_cache_usage_perc{{model_name="m",WorkerId="{worker}"}} 0.{worker}\n'
        for worker in (3, 7)
    )
    found = snapshot(page)
    assert found.total("prompt_tokens_total") == 20
    assert found.largest("kv_cache_usage_ratio") == 0.7


def test_v0_has_no_engine_index_and_no_prefix_counters() -> None:
    found = snapshot(
        'vllm:num_requests_running{model_name="m"} 2\n'
        'vllm:gpu_cache_usage_perc{model_name="m"} 0.5\n'
        'vllm:gpu_prefix_cache_hit_rate{model_name="m"} -1\n',
        "0.6.6",
    )
    assert values(found, "requests_running") == {"": 2}
    assert found.largest("kv_cache_usage_ratio") == 0.5
    assert found.total("prefix_cache_hit_tokens_total") is None


OLD_AND_NEW = """vllm:num_requests_running{engine="0",model_name="m"} 1
vllm:gpu_prefix_cache_queries_total{engine="0",model_name="m"} 50
vllm:gpu_prefix_cache_hits_total{engine="0",model_name="m"} 20
"""


def test_old_and_new_names_side_by_side_are_not_added() -> None:
    both = OLD_AND_NEW + OLD_AND_NEW.replace("gpu_prefix", "prefix").split("\n", 1)[1]
    found = snapshot(both, "0.10.1")
    assert values(found, "prefix_cache_queried_tokens_total") == {"engine_index=0,cache=local": 50}
    usage = (
        'vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.4\n'
        'vllm:gpu_cache_usage_perc{engine="0",model_name="m"} 0.4\n'
        'vllm:inter_token_latency_seconds_count{engine="0",model_name="m"} 9\n'
        'vllm:time_per_output_token_seconds_count{engine="0",model_name="m"} 9\n'
    )
    found = snapshot(both + usage, "0.10.2")
    assert found.total("kv_cache_usage_ratio") == 0.4
    assert values(found, "inter_token_latency_seconds", "_count") == {"engine_index=0": 9}


def test_blocks_become_tokens_by_version() -> None:
    config = 'vllm:cache_config_info{block_size="16",engine="0"} 1\n'
    blocks = snapshot(OLD_AND_NEW + config, "0.8.5")
    tokens = snapshot(OLD_AND_NEW + config, "0.9.1")
    assert blocks.total("prefix_cache_queried_tokens_total") == 50 * 16
    assert blocks.total("prefix_cache_hit_tokens_total") == 20 * 16
    assert tokens.total("prefix_cache_queried_tokens_total") == 50


def test_a_count_of_unknown_meaning_is_left_out_and_told() -> None:
    found = snapshot(OLD_AND_NEW)
    assert found.total("prefix_cache_queried_tokens_total") is None
    assert any("depends on the version" in note for note in found.plan.notes)
    found = snapshot(OLD_AND_NEW, "0.8.5")
    assert found.total("prefix_cache_queried_tokens_total") is None
    assert any("blocks of unknown size" in note for note in found.plan.notes)


def test_data_parallel_engines_keep_their_index_and_add_up() -> None:
    page = V1 + V1.replace('engine="0"', 'engine="1"').replace("100.0", "40.0")
    found = snapshot(page)
    assert values(found, "prompt_tokens_total") == {"engine_index=0": 100, "engine_index=1": 40}
    assert found.total("prompt_tokens_total") == 140
    assert len(found.plan.engines or ()) == 2


def test_pid_series_count_by_their_largest() -> None:
    found = snapshot(
        V1 + 'vllm:kv_cache_usage_perc{engine="0",model_name="m",pid="10"} 0.0\n'
        'vllm:kv_cache_usage_perc{engine="0",model_name="m",pid="11"} 0.625\n'
    )
    assert values(found, "kv_cache_usage_ratio") == {"engine_index=0": 0.625}


def test_the_newest_lora_series_speaks() -> None:
    lora = (
        'vllm:lora_requests_info{max_lora="4",running_lora_adapters="a,b",'
        'waiting_lora_adapters=""} %s\n'
        'vllm:lora_requests_info{max_lora="4",running_lora_adapters="c",'
        'waiting_lora_adapters="d,e,f"} %s\n'
    )
    older_first = snapshot(V1 + lora % (1000, 2000))
    newer_first = snapshot(V1 + lora % (3000, 2000))
    assert older_first.total("lora_running_adapters") == 1
    assert newer_first.total("lora_running_adapters") == 2
    assert newer_first.total("lora_max_adapters") == 4


LORA = 'vllm:lora_requests_info{%srunning_lora_adapters="%s",waiting_lora_adapters="%s"} 1000\n'


@pytest.mark.parametrize("waiting", ["a,b,c", "b,a,c", "d", ""])
def test_the_python_front_end_does_not_say_which_adapters_wait(waiting: str) -> None:
    found = snapshot(V1 + LORA % ('max_lora="4",', "a,b,c", waiting), "0.33.0")
    assert found.total("lora_running_adapters") == 3
    assert found.plan.indices("lora_waiting_adapters") == []
    assert any("lora_waiting_adapters is left out" in note for note in found.plan.notes)


def test_the_rust_front_end_does() -> None:
    found = snapshot(V1 + LORA % ("", "a,b", "c"), "0.33.0")
    assert found.total("lora_running_adapters") == 2
    assert found.total("lora_waiting_adapters") == 1
    assert found.total("lora_max_adapters") is None
    assert found.plan.notes == ()


LONG = "tenant-support-assistant," * 200


def test_a_family_of_which_a_series_is_dropped_is_left_out() -> None:
    """What remains would pass for the whole, or for the newest."""
    lora = (
        'vllm:lora_requests_info{max_lora="4",running_lora_adapters="a"} 1000\n'
        f'vllm:lora_requests_info{{max_lora="4",running_lora_adapters="{LONG}"}} 2000\n'
    )
    found = snapshot(V1 + lora)
    assert found.total("lora_running_adapters") is None
    assert found.total("prompt_tokens_total") == 100
    assert found.plan.samples_dropped == 1
    assert any("vllm:lora_requests_info is not read: 1 of" in note for note in found.plan.notes)


@pytest.mark.parametrize("suffix", ["_bucket", "_sum", "_count"])
def test_a_histogram_of_which_a_part_is_dropped_is_left_out(suffix: str) -> None:
    name = "vllm:time_to_first_token_seconds"
    page = (
        f'{name}_bucket{{engine="0",le="+Inf"}} 2\n'
        f'{name}_sum{{engine="0"}} 1\n{name}_count{{engine="0"}} 2\n'
        f'{name}{suffix}{{engine="1",le="+Inf",tenant="{LONG}"}} 2\n'
    )
    found = snapshot(V1 + page)
    assert values(found, "time_to_first_token_seconds", "_count") == {}
    assert found.plan.left_out == {"time_to_first_token_seconds"}


def test_an_older_name_replaces_one_that_is_dropped() -> None:
    reason = 'vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 4\n'
    page = V1 + 'vllm:num_requests_waiting{engine="0"} 5\n' + reason
    page += reason.replace('reason="capacity"', f'reason="{LONG}"')
    found = snapshot(page)
    assert values(found, "requests_waiting") == {"engine_index=0": 5}
    assert found.plan.left_out == frozenset()


def test_a_page_of_dropped_series_alone_still_names_its_engine() -> None:
    found = snapshot(V1.replace('"m"', f'"{LONG}"'))
    assert found.plan.engine == "vllm"
    assert found.plan.samples == ()
    assert found.plan.samples_dropped == 2


def test_rejections_without_an_engine_are_taken() -> None:
    found = snapshot(V1 + 'vllm:admission_rejections_total{model_name="m",reason="queue"} 4\n')
    assert values(found, "requests_rejected_total") == {"reason=queue": 4}


def test_waiting_by_reason_replaces_the_total() -> None:
    page = V1 + 'vllm:num_requests_waiting{engine="0",model_name="m"} 5\n'
    assert snapshot(page).total("requests_waiting") == 5
    page += (
        'vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 4\n'
        'vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="deferred"} 1\n'
    )
    assert snapshot(page).total("requests_waiting") == 5
    assert snapshot(page).total("requests_waiting", reason="capacity") == 4


@pytest.mark.parametrize(
    ("awake", "weights", "discarded", "sleeping"),
    [(1, 0, 0, 0), (0, 1, 0, 1), (0, 0, 1, 1), (0, 0, 0, 1)],
    ids=["awake", "weights offloaded", "all discarded", "KV cache released or paused"],
)
def test_an_engine_sleeps_that_is_not_awake(
    awake: int, weights: int, discarded: int, sleeping: int
) -> None:
    state = 'vllm:engine_sleep_state{engine="%d",model_name="m",sleep_state="%s"} %d\n'
    page = "".join(
        state % (0, name, value)
        for name, value in (
            ("awake", awake),
            ("weights_offloaded", weights),
            ("discard_all", discarded),
        )
    )
    found = snapshot(V1 + page + state % (1, "awake", 1))
    assert values(found, "sleeping") == {"engine_index=0": sleeping, "engine_index=1": 0}


def test_doubled_counter_names_of_offloading() -> None:
    old = (
        'vllm:kv_offload_total_bytes_total{engine="0",transfer_type="CPU_to_GPU"} 10\n'
        'vllm:kv_offload_total_bytes_total{engine="0",transfer_type="GPU_to_CPU"} 30\n'
    )
    new = (
        'vllm:kv_offload_load_bytes_total{engine="0"} 10\n'
        'vllm:kv_offload_store_bytes_total{engine="0"} 30\n'
    )
    expected = {"engine_index=0,direction=load": 10, "engine_index=0,direction=store": 30}
    assert values(snapshot(V1 + old), "kv_offload_bytes_total") == expected
    assert values(snapshot(V1 + new), "kv_offload_bytes_total") == expected
    assert values(snapshot(V1 + old + new), "kv_offload_bytes_total") == expected


@pytest.mark.parametrize(
    ("version", "failures"), [("0.30.0", 5), ("0.20.2", 5), ("0.31.0", 3), ("0.33.0", 3), ("", 3)]
)
def test_failed_notifications_are_failed_transfers_once(version: str, failures: float) -> None:
    """From 0.31 on the engine adds them itself."""
    found = snapshot(
        V1 + 'vllm:nixl_num_failed_transfers_total{engine="0"} 3\n'
        'vllm:nixl_num_failed_notifications_total{engine="0"} 2\n',
        version,
    )
    assert found.total("kv_transfer_failures_total") == failures
    assert found.plan.notes == ()


FINISHED = (
    'vllm:request_prefill_kv_computed_tokens_sum{engine="0"} 6000\n'
    'vllm:request_prefill_kv_computed_tokens_count{engine="0"} 2\n'
    'vllm:request_prefill_kv_computed_tokens_bucket{engine="0",le="+Inf"} 2\n'
)


@pytest.mark.parametrize(
    ("version", "role", "front_end", "known"),
    [
        ("0.31.0", "decode", "python", False),
        ("0.33.0", "decode", "python", False),
        ("0.33.0", "decode", "", False),
        ("", "decode", "", False),
        ("0.33.0", "decode", "rust", True),
        ("0.30.0", "decode", "python", True),
        ("0.33.0", "prefill", "python", True),
        ("0.33.0", "both", "python", True),
        ("0.33.0", "", "python", True),
    ],
)
def test_prefill_of_the_prefill_server_is_not_the_decode_servers(
    version: str, role: str, front_end: str, known: bool
) -> None:
    found = snapshot(V1 + FINISHED, version, role=role, front_end=front_end)
    sums = values(found, "request_prompt_tokens_computed", "_sum")
    assert sums == ({"engine_index=0": 6000} if known else {})
    assert found.plan.left_out == (set() if known else {"request_prompt_tokens_computed"})
    assert any("of role decode" in note for note in found.plan.notes) is not known


def test_a_page_without_engine_metrics_says_so() -> None:
    with pytest.raises(NoEngineError, match="--disable-log-stats"):
        snapshot("process_start_time_seconds 1\npython_info 1\n")


def test_a_page_of_a_ray_node_without_an_engine_says_where_engines_are() -> None:
    with pytest.raises(NoEngineError, match="log_engine_metrics"):
        snapshot('ray_node_cpu_utilization{ip="10.0.0.4"} 3\nray_serve_num_replicas 2\n')


def test_engine_names_behind_an_unknown_prefix_are_shown() -> None:
    for name in ("acme_vllm:num_requests_running", "otel_sglang_num_running_reqs"):
        with pytest.raises(NoEngineError, match=f"such as {name}:"):
            snapshot(f"ray_node_cpu_utilization 3\n{name} 1\n")


def test_a_series_that_stands_twice_is_refused() -> None:
    with pytest.raises(PageError, match="without a trailing slash") as caught:
        snapshot(V1 + V1)
    assert caught.value.line == 6


def test_recorded_pages_with_doubled_series_are_refused(
    recording: Callable[[str], Recording],
) -> None:
    doubled = [
        page
        for page in recording("vllm-0.20.2-api2-cpu").variants
        if page.path == "/metrics/" and page.text
    ]
    assert doubled
    for page in doubled:
        with pytest.raises(PageError, match="stands twice"):
            snapshot(page.text or "", openmetrics="openmetrics" in page.content_type)


def test_names_never_heard_of_are_told() -> None:
    found = snapshot(V1 + "vllm:brand_new_total 1\nvllm:mm_cache_queries_total 0\n")
    assert found.plan.unknown_names == ("vllm:brand_new_total",)


def test_no_recorded_page_has_a_name_never_heard_of(every_recording: Recording) -> None:
    for page in every_recording.pages:
        if page.text:
            assert snapshot(page.text, every_recording.engine_version).plan.unknown_names == ()


SGLANG = 'sglang:num_running_reqs{model_name="m",tp_rank="0",pp_rank="0"%s} %d\n'


def test_sglang_ranks_are_not_multiplied() -> None:
    page = "".join(
        f'sglang:num_running_reqs{{model_name="m",tp_rank="{tp}",pp_rank="{pp}"}} 6\n'
        for tp in (1, 0)
        for pp in (0, 1)
    )
    assert snapshot(page).total("requests_running") == 6


def test_sglang_data_parallel_attention_ranks_add_up() -> None:
    page = "".join(
        f'sglang:num_running_reqs{{dp_rank="{i}",tp_rank="{i}",pp_rank="0"}} {i + 1}\n'
        for i in range(4)
    )
    found = snapshot(page)
    assert found.total("requests_running") == 10
    assert len(found.plan.engines or ()) == 4


def test_sglang_priorities_are_not_added_to_their_total() -> None:
    page = "".join(SGLANG % (f',priority="{p}"', n) for p, n in (("", 5), ("1", 2), ("2", 3)))
    assert snapshot(page).total("requests_running") == 5


def test_sglang_streaming_and_other_requests_add_up() -> None:
    page = SGLANG % ("", 1) + "".join(
        f'sglang:prompt_tokens_total{{model_name="m",is_streaming="{s}"}} {n}\n'
        f'sglang:time_to_first_token_seconds_bucket{{is_streaming="{s}",le="0.1"}} {n}\n'
        f'sglang:time_to_first_token_seconds_count{{is_streaming="{s}"}} {n}\n'
        for s, n in (("true", 30), ("false", 12))
    )
    found = snapshot(page)
    assert found.total("prompt_tokens_total") == 42
    assert values(found, "time_to_first_token_seconds", "_bucket") == {"le=0.1": 42}


def test_sglang_gauges_that_mean_unknown_are_absent() -> None:
    found = snapshot(
        SGLANG % ("", 1) + "sglang:fwd_occupancy NaN\nsglang:utilization -1\n"
        'sglang:spec_accept_length{model_name="m",tp_rank="0"} 0\n'
    )
    assert math.isnan(*values(found, "spec_decode_accept_length").values())
    assert found.total("spec_decode_accept_length") is None


def test_sglang_gauges_with_bucket_labels_are_not_histograms() -> None:
    found = snapshot(
        SGLANG % ("", 1)
        + 'sglang:routing_key_all_req_count{gt="0",le="1",model_name="m",tp_rank="0"} 4\n'
    )
    assert {sample.family for sample in found.plan.samples} == {"requests_running"}


def test_sglang_queues_by_reason() -> None:
    found = snapshot(
        SGLANG % ("", 1) + 'sglang:num_queue_reqs{model_name="m",tp_rank="0"} 3\n'
        'sglang:num_grammar_queue_reqs{model_name="m",tp_rank="0"} 2\n'
        'sglang:num_decode_transfer_queue_reqs{model_name="m",tp_rank="0"} 1\n'
    )
    assert values(found, "requests_waiting") == {
        "reason=capacity": 3,
        "reason=grammar": 2,
        "reason=decode_transfer": 1,
    }


def test_sglang_requests_that_a_host_receives_wait_once() -> None:
    queue = 'sglang:num_decode_%s_queue_reqs{model_name="m",tp_rank="0"} %d\n'
    page = SGLANG % ("", 1) + 'sglang:num_queue_reqs{model_name="m",tp_rank="0"} 0\n'
    found = snapshot(page + queue % ("transfer", 5) + queue % ("host_receive", 2))
    assert values(found, "requests_waiting") == {
        "reason=capacity": 0,
        "reason=decode_transfer": 3,
        "reason=decode_host_receive": 2,
    }
    assert found.total("requests_waiting") == 5


SGLANG_FINISHED = """sglang:uncached_prompt_tokens_histogram_sum{%(labels)s} 6000
sglang:uncached_prompt_tokens_histogram_count{%(labels)s} 2
sglang:prompt_tokens_total{%(labels)s} 9000
sglang:cached_tokens_total{%(labels)s} 3000
sglang:generation_tokens_total{%(labels)s} 400
"""
OF_ANOTHER_SERVER = {
    "request_prompt_tokens_computed",
    "prompt_tokens_cached_total",
    "prefix_cache_queried_tokens_total",
    "prefix_cache_hit_tokens_total",
}


@pytest.mark.parametrize(
    ("labels", "role", "own"),
    [
        ('engine_type="decode"', "", False),
        ('engine_type="decode"', "both", False),
        ('model_name="m"', "decode", False),
        ('engine_type="unified"', "decode", True),
        ('engine_type="prefill"', "", True),
        ('model_name="m"', "", True),
    ],
)
def test_sglang_decode_servers_take_over_what_their_prefill_server_counted(
    labels: str, role: str, own: bool
) -> None:
    page = SGLANG % ("", 1) + SGLANG_FINISHED % {"labels": labels}
    found = snapshot(page, "0.5.23", role=role)
    assert (found.plan.families() >= OF_ANOTHER_SERVER) is own
    assert found.plan.left_out == (set() if own else OF_ANOTHER_SERVER)
    assert found.total("prompt_tokens_total") == 9000
    assert found.total("generation_tokens_total") == 400


def test_sglang_prefill_and_decode_on_one_page_are_told_apart() -> None:
    page = SGLANG % ("", 1) + "".join(
        SGLANG_FINISHED % {"labels": f'engine_type="{kind}"'} for kind in ("prefill", "decode")
    )
    found = snapshot(page, "0.5.23")
    assert found.total("prompt_tokens_total") == 18000
    assert found.total("prompt_tokens_cached_total") == 3000
    assert any("of role decode" in note for note in found.plan.notes)


def test_sglang_transfer_time_is_a_histogram_or_nothing() -> None:
    gauge = 'sglang:kv_transfer_latency_ms{model_name="m",tp_rank="0"} 12\n'
    assert snapshot(SGLANG % ("", 1) + gauge).plan.indices("kv_transfer_seconds") == []
    histogram = (
        'sglang:kv_transfer_latency_ms_bucket{le="250.0",model_name="m",tp_rank="0"} 2\n'
        'sglang:kv_transfer_latency_ms_sum{model_name="m",tp_rank="0"} 300\n'
        'sglang:kv_transfer_latency_ms_count{model_name="m",tp_rank="0"} 2\n'
    )
    found = snapshot(SGLANG % ("", 1) + histogram)
    assert values(found, "kv_transfer_seconds", "_sum") == {
        "connector=disaggregation": pytest.approx(0.3)
    }
    assert values(found, "kv_transfer_seconds", "_count") == {"connector=disaggregation": 2}
    assert values(found, "kv_transfer_seconds", "_bucket") == {
        "connector=disaggregation,le=0.25": 2
    }


def test_sglang_http_statuses_of_requests_only_and_by_class() -> None:
    found = snapshot(
        SGLANG % ("", 1)
        + "".join(
            f'sglang:http_responses_total{{endpoint="{path}",status_code="{code}"}} 2\n'
            for path, code in (
                ("/v1/completions", 200),
                ("/v1/completions", 400),
                ("/generate", 404),
                ("/metrics", 200),
                ("/health", 503),
            )
        )
    )
    assert values(found, "http_responses_total") == {"status=2xx": 2, "status=4xx": 4}


def test_bucket_bounds_have_one_spelling() -> None:
    page = (
        'vllm:time_to_first_token_seconds_bucket{engine="0",le="%s",model_name="m"} 1\n'
        'vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 1\n'
    )
    for text, bound in (("1", "1.0"), ("1.0", "1.0"), ("1e-3", "0.001"), ("+Inf", "+Inf")):
        found = snapshot(V1 + page % text)
        assert list(values(found, "time_to_first_token_seconds", "_bucket")) == [
            f"engine_index=0,le={bound}"
        ]


def test_recorded_histograms_keep_their_buckets(every_recording: Recording) -> None:
    text = next(page.text for page in reversed(every_recording.pages) if page.text)
    found = snapshot(text, every_recording.engine_version)
    for family in FAMILIES:
        if family.kind != "histogram":
            continue
        buckets = values(found, family.name, "_bucket")
        counts = values(found, family.name, "_count")
        infinite = [value for key, value in buckets.items() if key.endswith("le=+Inf")]
        assert sorted(infinite) == sorted(counts.values())
