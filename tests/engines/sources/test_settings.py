import json

import pytest

from exporter.engines.registry import ENGINES
from exporter.engines.sources.settings import public_settings


def test_values_become_text_and_unset_ones_are_left_out() -> None:
    shown = public_settings(
        {"a": True, "b": 0.85, "c": None, "d": "", "e": "None", "f": "fcfs", "g": []}
    )
    assert shown == {"a": "true", "b": "0.85", "f": "fcfs"}


def test_python_text_reads_like_json() -> None:
    as_text = {"caching": "True", "utilization": "0.85", "size": "16", "override": "None"}
    as_json = {"caching": True, "utilization": 0.85, "size": 16, "override": None}
    assert public_settings(as_text) == public_settings(as_json)


def test_nested_objects_and_json_text_are_flattened() -> None:
    inner = {"method": "eagle3", "num": 3}
    assert public_settings({"speculative": inner}) == public_settings(
        {"speculative": json.dumps(inner)}
    )
    assert public_settings({"stages": [{"size": 1}, {"size": 2}]}) == {
        "stages.0.size": "1",
        "stages.1.size": "2",
    }


def test_long_lists_are_told_by_their_digest() -> None:
    one, other = (
        public_settings({"sizes": list(range(100))}),
        public_settings({"sizes": list(range(101))}),
    )
    assert one["sizes"].startswith("100 values, sha256 ")
    assert one != other


@pytest.mark.parametrize(
    "name",
    [
        "api_key", "admin_api_key", "apiKey", "VLLM_API_KEY", "hf_token", "HF_TOKEN", "auth_token",
        "aws_secret_access_key", "ssl_keyfile", "ssl_keyfile_password", "password", "DB_PASSWD",
        "credentials", "authorization", "env_vars", "launch_command", "ray_runtime_env",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["plain", 7, ["plain"], {"inner": "plain"}])
def test_what_is_called_a_secret_is_not_told(name: str, value: object) -> None:
    assert public_settings({name: value}) == {}
    assert public_settings({"outer": {name: value}}) == {}


@pytest.mark.parametrize(
    "value",
    [
        "sk-proj4bcdefgh", "hf_AbCdEfGhIjKl", "ghp_0123456789abcdef", "AKIAABCDEFGHIJKL",
        "eyJhbGciOiJIUzI1NiJ9.x.y", "https://user:pw@host/x", "10.1.2.3", "node-7:8000",
        "/var/lib/weights", "relative/folder", "C:\\weights", "a=b", "two words",
        "9f86d081884c7d659a2feaa0c55ad015", "0f8fad5b-d9cb-469f-a165-70867728950e",
        "Zx81Qq27Lm90Pw33",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_or_a_place_is_not_told(value: str) -> None:
    assert public_settings({"innocent": value, "list": [value, "kept"]}) == {"list": "kept"}


@pytest.mark.parametrize(
    "name",
    [
        "port", "master_port", "VLLM_HOST_IP", "host", "data_parallel_rank_local", "node_rank",
        "seed", "random_seed", "instance_id", "download_dir", "cache_dir", "log_level",
        "otlp_traces_endpoint", "compilation_time",
        "VLLM_BUILD_COMMIT", "VLLM_IMAGE_TAG", "version", "_api_process_rank", "numa_bind",
    ],
)  # fmt: skip
def test_what_differs_between_nodes_or_starts_is_no_setting(name: str) -> None:
    assert public_settings({name: 7}) == {}


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        ("vllm", "num_gpu_blocks"),
        ("vllm", "kv_cache_size_tokens"),
        ("sglang", "max_total_num_tokens"),
        ("sglang", "internal_states"),
    ],
)
def test_what_an_engine_measured_is_no_setting(engine: str, name: str) -> None:
    runtime = ENGINES[engine].runtime_settings
    assert public_settings({name: 7, "outer": {name: 7}}, runtime=runtime) == {}


@pytest.mark.parametrize(
    "name",
    [
        "max_num_batched_tokens", "long_prefill_token_threshold", "max_lora_rank", "block_size",
        "num_gpu_blocks_override", "data_parallel_size_local", "hicache_host_memory_fraction",
        "flash_attn_version", "max_logprobs", "VLLM_USE_V2_MODEL_RUNNER", "tokenizer_mode",
    ],
)  # fmt: skip
def test_what_bears_on_speed_is_told(name: str) -> None:
    assert public_settings({name: 7}) == {name: "7"}


def test_text_called_a_token_is_a_credential_but_a_tokenizer_is_not() -> None:
    assert public_settings({"stop_token_text": "abc", "tokenizer_mode": "auto"}) == {
        "tokenizer_mode": "auto"
    }


def test_models_are_told_without_their_folder() -> None:
    shown = public_settings({"model": "/srv/team/Qwen3-8B", "tokenizer": "Qwen/Qwen3-8B"})
    assert shown == {"model": "Qwen3-8B", "tokenizer": "Qwen3-8B"}


def test_a_revision_is_told_though_it_is_a_digest() -> None:
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
    assert public_settings({"revision": digest, "other": digest}) == {"revision": digest}


def test_names_no_engine_would_give_and_endless_depth_are_left_out() -> None:
    deep: dict[str, object] = {"end": 1}
    for _ in range(50):
        deep = {"in": deep}
    assert public_settings({"a b": 1, "/etc/passwd": 2, "": 3, "deep": deep}) == {}
