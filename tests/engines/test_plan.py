"""From raw names to canonical samples: every trap of the engines' pages, by name."""

import pytest

from tests.engines.v1_page import V1
from tests.pages import snapshot, values


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
