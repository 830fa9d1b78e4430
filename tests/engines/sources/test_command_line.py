import json
from typing import Any

import pytest

from exporter.engines.registry import ENGINES
from exporter.engines.sources import command_line
from exporter.engines.sources.arguments import arguments_start, options

ONE_RANK = {"tensor_parallel": 1, "pipeline_parallel": 1, "data_parallel": 1}
ALONE = {"context_parallel": 1, **ONE_RANK, "data_parallel_local": 1, "gpus": 1}


def vllm(*words: str) -> dict[str, Any]:
    return dict(command_line.read(ENGINES["vllm"], ["/opt/bin/vllm", "serve", *words]).values)


def sglang(*words: str) -> dict[str, Any]:
    line = ["python3", "-m", "sglang.launch_server", *words]
    return dict(command_line.read(ENGINES["sglang"], line).values)


@pytest.mark.parametrize(
    ("line", "begin"),
    [
        (["vllm", "serve", "m"], 2),
        (["/usr/bin/python3", "/opt/venv/bin/vllm", "serve", "m"], 3),
        (["tini", "--", "vllm", "serve", "m"], 4),
        (["python", "-m", "vllm.entrypoints.openai.api_server", "--model", "m"], 3),
        (["python", "-m", "vllm.entrypoints.cli.main", "serve", "m"], 4),
        (["python", "-m", "sglang.launch_server", "--model-path", "m"], 3),
        (["python", "/src/vllm/entrypoints/openai/api_server.py", "--model", "m"], 2),
        (["python", "-m", "dynamo.vllm", "--model", "m"], 3),
        (["VLLM::APIServer_0"], None),
        (["sglang::scheduler_TP0"], None),
        (["python", "-m", "sglang_router.launch_router", "--port", "1"], None),
        (["vllm", "bench", "serve"], None),
        ([], None),
    ],
)
def test_where_the_arguments_of_a_server_begin(line: list[str], begin: int | None) -> None:
    assert arguments_start(line, ENGINES) == begin


@pytest.mark.parametrize(
    "words",
    [
        ["--max-num-seqs", "256"],
        ["--max-num-seqs=256"],
        ["--max_num_seqs", "256"],
        ["--max-num-seqs", "8", "--max-num-seqs=256"],
    ],
)
def test_an_option_however_it_is_written(words: list[str]) -> None:
    assert vllm(*words) == {"max_num_seqs": 256, **ALONE}


def test_what_a_vllm_server_is_asked_for() -> None:
    found = vllm(
        "/srv/team/Qwen3-30B", "--served-model-name", "chat", "chat-alias",
        "-tp", "4", "-pp=2", "-dp", "2", "-ep", "-q", "fp8",
        "--max-num-seqs", "1K", "--max-num-batched-tokens", "8k", "--max-model-len", "25.6k",
        "--kv-cache-dtype", "fp8_e4m3", "--dtype", "half", "--no-enable-prefix-caching",
        "--speculative-config", json.dumps({"method": "Eagle3", "model": "/srv/draft"}),
        "--kv-transfer-config", json.dumps({"kv_role": "kv_producer", "kv_connector": "X"}),
    )  # fmt: skip
    assert found == {
        "model": "chat",
        "max_model_len": 25600,
        "dtype": "float16",
        "quantization": "fp8",
        "kv_cache_dtype": "fp8_e4m3",
        "prefix_caching": False,
        "max_num_seqs": 1024,
        "max_num_batched_tokens": 8000,
        "speculation": "eagle3",
        "role": "prefill",
        "tensor_parallel": 4,
        "pipeline_parallel": 2,
        "data_parallel": 2,
        "data_parallel_local": 2,
        "expert_parallel": 8,
        "context_parallel": 1,
        "gpus": 16,
    }


def test_an_absent_option_tells_nothing_but_that_there_is_one_rank() -> None:
    assert vllm("Qwen/Qwen3-8B") == {"model": "Qwen/Qwen3-8B", **ALONE}
    assert vllm("--dtype", "auto", "--kv-cache-dtype", "auto", "--max-model-len", "-1") == ALONE
    four = vllm("Qwen/Qwen3-8B", "-tp", "4")
    assert (four["tensor_parallel"], four["gpus"]) == (4, 4)


@pytest.mark.parametrize(
    ("words", "ranks"),
    [
        (["-dcp", "2"], 2),
        (["--decode-context-parallel-size=2"], 2),
        (["--decode_context_parallel_size", "2", "-pcp", "4"], 8),
        (["--prefill-context-parallel-size", "4"], 4),
        ([], 1),
        (["--config", "serve.yaml"], None),
    ],
)
def test_ranks_that_share_a_sequence(words: list[str], ranks: int | None) -> None:
    assert vllm("m", "-tp", "4", *words).get("context_parallel") == ranks


def test_a_configuration_file_may_hold_the_sizes_that_are_not_asked_for() -> None:
    assert vllm("m", "--config", "serve.yaml") == {"model": "m"}
    assert vllm("m", "--config=serve.yaml", "-tp", "4") == {"model": "m", "tensor_parallel": 4}
    assert "gpus" not in sglang("--config", "serve.yaml", "--tp", "4")


def test_a_size_that_cannot_be_read_is_unknown() -> None:
    assert "gpus" not in vllm("m", "-tp", "many")


def test_the_model_stands_anywhere() -> None:
    assert vllm("--enable-prefix-caching", "org/m")["model"] == "org/m"
    assert vllm("--model", "org/m")["model"] == "org/m"
    assert vllm("--enable-prefix-caching", "True") == {"prefix_caching": True, **ALONE}


@pytest.mark.parametrize(
    ("words", "ranks"),
    [
        ([], 8),
        (["--data-parallel-rank", "3"], 1),
        (["--data-parallel-external-lb"], 1),
        (["--data-parallel-multi-port-external-lb", "-dpl", "4"], 1),
        (["--data-parallel-hybrid-lb", "--data-parallel-size-local", "4"], 4),
        (["-dpr", "4", "-dpl", "4"], 4),
        (["--data-parallel-hybrid-lb"], None),
    ],
)
def test_the_ranks_behind_one_port(words: list[str], ranks: int | None) -> None:
    found = vllm("-tp", "2", "-pp", "1", "-dp", "8", *words)
    assert found.get("data_parallel_local") == ranks
    assert found.get("gpus") == (2 * ranks if ranks else None)


@pytest.mark.parametrize(
    ("words", "method"),
    [
        (["--speculative-config.method", "ngram"], "ngram"),
        (["--speculative-config", '{"model": "x"}'], "on"),
        (["--speculative-config", "{broken"], "on"),
        ([], None),
    ],
)
def test_the_speculation_asked_for(words: list[str], method: str | None) -> None:
    assert vllm(*words).get("speculation") == method


def test_what_an_sglang_server_is_asked_for() -> None:
    found = sglang(
        "--model-path", "/srv/team/DeepSeek", "--tp", "8", "--dp", "4", "--pp-size", "1",
        "--ep-size", "8", "--enable-dp-attention", "--max-running-requests", "256",
        "--chunked-prefill-size", "32768", "--quantization", "fp8", "--kv-cache-dtype", "fp8_e5m2",
        "--disable-radix-cache", "--speculative-algorithm", "EAGLE",
        "--disaggregation-mode", "decode", "--context-length", "4096",
    )  # fmt: skip
    assert found == {
        "model": "DeepSeek",
        "max_model_len": 4096,
        "quantization": "fp8",
        "kv_cache_dtype": "fp8_e5m2",
        "prefix_caching": False,
        "max_num_seqs": 64,
        "max_num_batched_tokens": 8192,
        "speculation": "eagle",
        "role": "decode",
        "tensor_parallel": 8,
        "pipeline_parallel": 1,
        "data_parallel": 4,
        "data_parallel_local": 4,
        "expert_parallel": 8,
        "gpus": 8,
    }


def test_figures_for_all_ranks_need_the_number_of_ranks() -> None:
    unknown = ["--enable-dp-attention", "--config", "serve.yaml"]
    assert "max_num_seqs" not in sglang(*unknown, "--max-running-requests", "256")
    assert sglang("--max-running-requests", "256")["max_num_seqs"] == 256
    budget = ["--chunked-prefill-size", "4096"]
    assert "max_num_batched_tokens" not in sglang(*unknown, *budget)
    assert sglang(*budget)["max_num_batched_tokens"] == 4096


def test_replicas_multiply_without_data_parallel_attention() -> None:
    assert sglang("--tp", "2", "--pp", "1", "--dp", "4")["gpus"] == 8
    assert sglang("--tp", "2")["gpus"] == 2


def test_options_are_settings_and_secrets_are_not() -> None:
    line = [
        "vllm", "serve", "/srv/team/m", "--api-key", "alpha", "beta", "--hf-token=gamma",
        "--ssl-keyfile", "/etc/ssl/k", "--port", "8000", "--block-size", "32",
        "--lora-modules", "a=/srv/lora", "--additional-config", '{"x": {"password": "delta"}}',
    ]  # fmt: skip
    assert command_line.read(ENGINES["vllm"], line).settings == {
        "args.model": "m",
        "args.block_size": "32",
    }


def test_bare_arguments_are_read_too() -> None:
    assert options(ENGINES["vllm"].syntax, ["org/m", "-tp", "2"]) == {
        "model": ["org/m"],
        "tensor_parallel_size": ["2"],
    }


def test_negative_numbers_are_values() -> None:
    line = ["--chunked-prefill-size", "-1", "--no-x"]
    assert options(ENGINES["sglang"].syntax, line) == {
        "chunked_prefill_size": ["-1"],
        "x": ["false"],
    }
