from typing import Any

import pytest

from exporter.engines.sglang import server_info

SIZES = {"tp_size": 8, "pp_size": 1, "dp_size": 4, "device": "cuda"}


def facts_of(**info: object) -> dict[str, Any]:
    resolved, requested = server_info.read(info)
    assert (resolved.source, requested.source) == ("server_info", "server_args")
    return dict(resolved.values)


def requested_cap(**info: object) -> object:
    return server_info.read(info)[1].values.get("max_num_seqs")


def test_data_parallel_attention_shares_the_gpus_of_tensor_parallel() -> None:
    assert facts_of(**SIZES, enable_dp_attention=True)["gpus"] == 8


def test_plain_data_parallel_multiplies_the_gpus() -> None:
    assert facts_of(**SIZES, enable_dp_attention=False)["gpus"] == 32


def test_a_server_on_the_cpu_has_no_gpus() -> None:
    assert "gpus" not in facts_of(**(SIZES | {"device": "cpu"}))


def test_the_resolved_cap_is_the_scheduler_s() -> None:
    states = [{"effective_max_running_requests_per_dp": 52} for _ in range(4)]
    assert facts_of(internal_states=states)["max_num_seqs"] == 52
    assert "max_num_seqs" not in facts_of(internal_states=[], max_running_requests=64)
    assert "max_num_seqs" not in facts_of(internal_states="none")


def test_the_cap_asked_for_is_shared_out_by_data_parallel_attention_only() -> None:
    assert requested_cap(**SIZES, enable_dp_attention=True, max_running_requests=256) == 64
    assert requested_cap(**SIZES, enable_dp_attention=False, max_running_requests=256) == 256
    assert requested_cap(**SIZES, max_running_requests=None) is None
    assert requested_cap(dp_size=8, enable_dp_attention=True, max_running_requests=4) is None


@pytest.mark.parametrize(
    ("info", "budget"),
    [
        ({"chunked_prefill_size": 8192, "max_prefill_tokens": 16384}, 8192),
        ({"chunked_prefill_size": 32768, "max_prefill_tokens": 16384}, 32768),
        ({"chunked_prefill_size": -1, "max_prefill_tokens": 16384, "context_length": 4096}, 16384),
        ({"chunked_prefill_size": -1, "max_prefill_tokens": 4096, "context_length": 32768}, 32768),
        ({"chunked_prefill_size": -1, "max_prefill_tokens": 4096, "max_req_input_len": 8186}, 8186),
        ({"chunked_prefill_size": -1, "max_prefill_tokens": 16384}, None),
        ({"chunked_prefill_size": None, "max_prefill_tokens": 16384}, None),
        ({}, None),
    ],
)
def test_the_tokens_of_one_step(info: dict[str, object], budget: int | None) -> None:
    assert facts_of(**info).get("max_num_batched_tokens") == budget


def test_unset_quantisation_is_unknown_for_the_checkpoint_may_bring_its_own() -> None:
    assert "quantization" not in facts_of(quantization=None)
    assert facts_of(quantization="fp8")["quantization"] == "fp8"


def test_speculation_role_and_prefix_cache() -> None:
    found = facts_of(
        speculative_algorithm="EAGLE3", disaggregation_mode="decode", disable_radix_cache=True
    )
    assert (found["speculation"], found["role"], found["prefix_caching"]) == (
        "eagle3",
        "decode",
        False,
    )
    off = facts_of(speculative_algorithm=None, disaggregation_mode="null")
    assert (off["speculation"], off["role"]) == ("none", "both")
    assert facts_of() == {}
