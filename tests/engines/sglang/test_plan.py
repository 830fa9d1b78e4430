"""What is SGLang's own on a page: ranks, queues, roles, statuses."""

import math

import pytest

from tests.pages import snapshot, values

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
