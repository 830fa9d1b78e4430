"""No answer is an error, and no secret leaves the sources."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Declaration
from exporter.engines.identity import identify
from exporter.engines.sglang import server_info as sglang_info
from exporter.engines.vllm import server_info as vllm_info
from tests.engines.recorded_info import DENSE, SGLANG, Recordings, info_of
from tests.engines.sources.answers import Server, recorded

PATHS = ("/version", "/v1/models", "/v1/loads", vllm_info.PATH, sglang_info.PATH)


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_an_answer_that_is_no_object_is_a_source_less(engine: str, body: bytes) -> None:
    found = identify(engine, Server(dict.fromkeys(PATHS, body)).get)
    assert found.facts == {}


def test_a_missing_endpoint_costs_its_facts_alone(recording: Recordings) -> None:
    server = recorded(recording(DENSE))
    del server.bodies[vllm_info.PATH]
    found = identify("vllm", server.get)
    assert set(found.facts) == {"version", "front_end", "model", "max_model_len"}
    assert "server_info" not in found.sources


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "vllm_config", "vllm_env", "system_env", "model_config", "cache_config", "scheduler_config",
        "parallel_config", "device_config", "speculative_config", "kv_transfer_config", "data",
        "loads", "internal_states", "served_model_name", "model", "quantization", "cache_dtype",
        "max_num_seqs", "tensor_parallel_size", "nvidia_gpu_models", "id", "root", "tp_size",
        "dp_size", "enable_dp_attention", "max_running_requests", "chunked_prefill_size", "version",
    ]
)  # fmt: skip
ANSWERS = st.recursive(JSON, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


@given(body=st.dictionaries(KEYS, ANSWERS), engine=st.sampled_from(["vllm", "sglang"]))
def test_no_answer_whatsoever_is_an_error(body: dict[str, object], engine: str) -> None:
    found = identify(engine, Server(dict.fromkeys(PATHS, body)).get)
    assert found.number("gpus") != 0
    assert all(value for value in found.settings.values())


@given(words=st.lists(st.text(max_size=12) | st.sampled_from(["-tp", "--api-key", "=", "--", "-"])))
def test_no_command_line_whatsoever_is_an_error(words: list[str]) -> None:
    for engine in ("vllm", "sglang"):
        identify(engine, Server({}).get, command_line=["vllm", "serve", *words])


SECRET = "hush-9f3k"
FOLDER = "private-team"
SECRETS = {
    "api_key": SECRET,
    "admin_api_key": [SECRET],
    "hf_token": SECRET,
    "ssl_keyfile_password": SECRET,
    "ssl_keyfile": f"/{FOLDER}/key.pem",
    "VLLM_API_KEY": SECRET,
    "launch_command": f"--api-key {SECRET}",
    "env_vars": {"ANY": SECRET},
    "ray_runtime_env": {"env_vars": {"ANY": SECRET}},
    "model": f"/{FOLDER}/weight-store/llama",
    "model_path": f"/{FOLDER}/weight-store/llama",
    "served_model_name": f"/{FOLDER}/weight-store/llama",
    "download_dir": f"/{FOLDER}/cache",
    "additional_config": {"plugin": {"password": SECRET, "source": f"{FOLDER}/x"}},
    "model_loader_extra_config": json.dumps({"auth_token": SECRET}),
    "endpoint": f"http://user:{SECRET}@{FOLDER}.example",
    "note": f"/{FOLDER}/{SECRET}",
}


def planted(value: object) -> object:
    """Return JSON with the secrets in every object of it."""
    if isinstance(value, dict):
        return {key: planted(inner) for key, inner in value.items()} | SECRETS
    return [planted(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_no_secret_and_no_folder_leaves_the_sources(
    engine: str, recording: Recordings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = f"/{FOLDER}/weight-store/llama"
    info = planted(info_of(recording(DENSE if engine == "vllm" else SGLANG)))
    server = Server(
        {
            vllm_info.PATH: info,
            sglang_info.PATH: info,
            "/v1/models": planted({"data": [{"id": path, "root": path, "parent": None}]}),
            "/version": f"broken {SECRET}".encode(),
        }
    )
    line = [
        "vllm", "serve", path, "--model-path", path, "--api-key", SECRET, SECRET, "--hf-token",
        SECRET, "--tokenizer", path, "--ssl-keyfile-password", SECRET, f"--chat-template={path}",
        "--additional-config", json.dumps(SECRETS), "--note", path, "--max-num-seqs", "9",
    ]  # fmt: skip
    labels = {"cache_dtype": "auto", "kv_offloading_path": path, "api_key": SECRET}
    declared = Declaration(model="another", max_num_seqs=3)
    found = identify(engine, server.get, labels, line, declared, served_model=path)
    assert found.text("model") == "llama"
    assert len(found.settings) > 300
    assert len(found.conflicts) > 1
    for hidden in (SECRET, FOLDER, "weight-store"):
        assert hidden not in repr(found)
        assert hidden not in caplog.text
