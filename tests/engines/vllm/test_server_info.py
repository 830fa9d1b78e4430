from collections.abc import Callable
from typing import Any

import pytest

from exporter.engines.sources.facts import parsed
from exporter.engines.vllm import server_info
from exporter.replay.recording import Recording


def facts_of(**sections: object) -> dict[str, Any]:
    return dict(server_info.read({"vllm_config": sections}).values)


def layout(device: str = "cuda", **parallel: object) -> dict[str, Any]:
    sizes = {"tensor_parallel_size": 4, "pipeline_parallel_size": 2, "data_parallel_size": 8}
    return facts_of(parallel_config=sizes | parallel, device_config={"device": device})


def test_the_internal_load_balancer_owns_every_rank() -> None:
    found = layout(data_parallel_size_local=2)
    assert (found["gpus"], found["data_parallel"], found["data_parallel_local"]) == (64, 8, 8)


def test_the_hybrid_load_balancer_owns_the_ranks_of_its_node() -> None:
    found = layout(data_parallel_hybrid_lb=True, data_parallel_size_local=2)
    assert (found["gpus"], found["data_parallel"], found["data_parallel_local"]) == (16, 8, 2)


def test_the_external_load_balancer_leaves_one_rank_a_server() -> None:
    found = layout(data_parallel_external_lb=True, data_parallel_size_local=1)
    assert (found["gpus"], found["data_parallel"], found["data_parallel_local"]) == (8, 8, 1)


def test_context_parallel_prefill_has_gpus_of_its_own() -> None:
    assert layout(data_parallel_size=1, prefill_context_parallel_size=2)["gpus"] == 16


def test_decode_context_parallel_shares_the_gpus_of_tensor_parallel() -> None:
    assert layout(data_parallel_size=1, decode_context_parallel_size=2)["gpus"] == 8


@pytest.mark.parametrize(
    ("sizes", "ranks"),
    [
        ({}, 1),
        ({"decode_context_parallel_size": 2}, 2),
        ({"decode_context_parallel_size": 2, "prefill_context_parallel_size": 4}, 8),
    ],
)
def test_ranks_that_share_a_sequence(sizes: dict[str, Any], ranks: int) -> None:
    assert layout(**sizes)["context_parallel"] == ranks


def test_a_configuration_without_its_layout_tells_no_ranks() -> None:
    assert "context_parallel" not in server_info.read({"vllm_config": {}}).values


def test_a_server_on_the_cpu_has_no_gpus() -> None:
    assert "gpus" not in layout(device="cpu")


def test_experts_are_shared_by_tensor_and_data_parallel_ranks() -> None:
    assert layout(enable_expert_parallel=True)["expert_parallel"] == 32
    assert layout(enable_expert_parallel=False)["expert_parallel"] == 1
    assert "expert_parallel" not in layout()


@pytest.mark.parametrize(
    ("transfer", "role"),
    [
        (None, "both"),
        ({"kv_role": "kv_producer"}, "prefill"),
        ({"kv_role": "kv_consumer"}, "decode"),
        ({"kv_role": "kv_both", "kv_connector": "NixlConnector"}, None),
    ],
)
def test_the_role_is_told_where_the_connector_fixes_it(transfer: object, role: str | None) -> None:
    assert facts_of(kv_transfer_config=transfer).get("role") == role
    assert "role" not in facts_of()


@pytest.mark.parametrize(
    ("chosen", "method"),
    [(None, "none"), ({"method": "eagle3"}, "eagle3"), ({"model": "/x/draft"}, "on")],
)
def test_the_speculation_method(chosen: object, method: str) -> None:
    assert facts_of(speculative_config=chosen)["speculation"] == method
    assert "speculation" not in facts_of()


@pytest.mark.parametrize(
    ("env", "runner"),
    [
        ({"VLLM_USE_V2_MODEL_RUNNER": True}, "v2"),
        ({"VLLM_USE_V2_MODEL_RUNNER": False}, "v1"),
        ({"VLLM_USE_V2_MODEL_RUNNER": None}, None),
        ({}, None),
    ],
)
def test_the_runner_is_told_only_where_it_is_set(env: object, runner: str | None) -> None:
    assert server_info.read({"vllm_config": {}, "vllm_env": env}).values.get("runner") == runner


@pytest.mark.parametrize(
    ("listing", "model"),
    [
        ("GPU 0: NVIDIA H200\nGPU 1: NVIDIA H200", "NVIDIA H200"),
        ("GPU 0: NVIDIA H200 (UUID: GPU-1234)", "NVIDIA H200"),
        ("GPU 0: NVIDIA H200\nGPU 1: NVIDIA L40S", None),
        ("", None),
        (None, None),
    ],
)
def test_the_gpu_model_is_told_where_the_node_has_one(listing: object, model: str | None) -> None:
    found = server_info.read({"vllm_config": {}, "system_env": {"nvidia_gpu_models": listing}})
    assert found.values.get("gpu_model") == model


def test_the_rest_of_the_environment_listing_is_no_setting() -> None:
    found = server_info.read(
        {"vllm_config": {}, "system_env": {"pip_packages": "x", "os": "linux"}}
    )
    assert found.settings == {}


def test_unquantised_is_known_but_a_missing_key_is_not() -> None:
    assert facts_of(model_config={"quantization": None})["quantization"] == "none"
    assert facts_of(model_config={"quantization": "fp8"})["quantization"] == "fp8"
    assert "quantization" not in facts_of(model_config={})


def test_the_text_form_agrees_with_the_object(recording: Callable[[str], Recording]) -> None:
    answers = recording("vllm-dense-0.26.0").answers
    text = server_info.read(parsed(answers["/server_info"].body)).values
    whole = server_info.read(parsed(answers["/server_info?config_format=json"].body)).values
    assert dict(text) == {key: whole[key] for key in text if key != "quantization"} | {
        "quantization": "none"
    }
    assert set(whole) - set(text) == {
        "max_num_seqs", "max_num_batched_tokens", "role", "data_parallel_local", "expert_parallel",
        "context_parallel",
    }  # fmt: skip


def test_text_that_says_something_twice_says_nothing() -> None:
    config = "tensor_parallel_size=2, note='a, tensor_parallel_size=9', pipeline_parallel_size=1"
    found = server_info.read({"vllm_config": config}).values
    assert (found["tensor_parallel"], found["pipeline_parallel"]) == (2, 1)
    twice = server_info.read({"vllm_config": f"{config}, tensor_parallel_size=4"}).values
    assert "tensor_parallel" not in twice


def test_text_with_data_parallel_ranks_leaves_the_gpus_open() -> None:
    sizes = "tensor_parallel_size=2, pipeline_parallel_size=1, data_parallel_size={}"
    config = f"device_config=cuda, {sizes}"
    assert server_info.read({"vllm_config": config.format(1)}).values["gpus"] == 2
    assert "gpus" not in server_info.read({"vllm_config": config.format(2)}).values


def test_text_with_a_draft_model_names_the_method() -> None:
    config = "model='m', speculative_config=SpeculativeConfig(method='eagle', num_spec_tokens=3)"
    assert server_info.read({"vllm_config": config}).values["speculation"] == "eagle"
