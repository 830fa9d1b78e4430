import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Declaration
from exporter.engines.catalog import PageContext
from exporter.engines.identity import Identity, endpoints, identify
from exporter.engines.registry import ENGINES
from exporter.engines.sglang import server_info as sglang_info
from exporter.engines.vllm import server_info as vllm_info
from exporter.replay.recording import Recording
from tests.engines.sources.answers import Server, recorded

Recordings = Callable[[str], Recording]

DENSE = "vllm-dense-0.20.2-mrv1"
SGLANG = "sglang-0.5.23-basic-cpu"
H200 = ["vllm-dense-0.20.2-mrv1", "vllm-dense-0.26.0", "vllm-moe-0.20.2-mrv2"]


def info_of(recording: Recording) -> dict[str, Any]:
    """Return a fresh copy of what a recorded server said about itself."""
    path = vllm_info.PATH if recording.manifest["engine"] == "vllm" else sglang_info.PATH
    found: dict[str, Any] = json.loads(recording.answers[path].body)
    return found


def of_info(info: object) -> Identity:
    """Return the identity of a vLLM server that answers /server_info alone."""
    return identify("vllm", Server({vllm_info.PATH: info}).get)


def test_every_recorded_server_is_known(every_recording: Recording) -> None:
    manifest = every_recording.manifest
    server = recorded(every_recording)
    found = identify(manifest["engine"], server.get, served_model=manifest["model"])
    assert found.release == found.text("version") == manifest["engine_version"]
    assert found.text("model") == manifest["model"]
    assert found.source("model") == "metrics"
    assert found.conflicts == ()
    assert len(found.server_class) == 8
    assert len(server.asked) <= 4
    assert "/health" not in server.asked


@pytest.mark.parametrize("engine", ENGINES)
def test_the_endpoints_of_an_engine_are_all_that_is_asked(engine: str) -> None:
    silent = Server({})
    identify(engine, silent.get)
    assert silent.asked == [path for paths in endpoints(engine) for path in paths]
    first = {paths[0]: {"x": 1} for paths in endpoints(engine)}
    willing = Server(first)
    identify(engine, willing.get)
    assert willing.asked == list(first)


@pytest.mark.parametrize("name", H200)
def test_a_server_in_developer_mode_tells_all(recording: Recordings, name: str) -> None:
    manifest = recording(name).manifest
    found = identify("vllm", recorded(recording(name)).get, command_line=manifest["args"])
    assert {
        key: found.text(key) for key in found.facts if key not in ("version", "runner", "front_end")
    } == {
        "model": manifest["model"],
        "max_model_len": "16384",
        "max_num_seqs": "256",
        "max_num_batched_tokens": "8192",
        "tensor_parallel": "1",
        "pipeline_parallel": "1",
        "data_parallel": "1",
        "data_parallel_local": "1",
        "expert_parallel": "1",
        "context_parallel": "1",
        "quantization": "none",
        "dtype": "bfloat16",
        "kv_cache_dtype": "auto",
        "prefix_caching": "true",
        "speculation": "none",
        "role": "both",
        "gpus": "1",
    }
    assert found.number("max_num_seqs") == 256.0
    assert found.source("gpus") == found.source("max_num_seqs") == "server_info"
    assert found.conflicts == ()


def test_the_runner_is_told_where_the_operator_set_it(recording: Recordings) -> None:
    runners = {
        name: identify("vllm", recorded(recording(name)).get).text("runner")
        for name in (DENSE, "vllm-dense-0.20.2-mrv2", "vllm-dense-0.26.0")
    }
    assert list(runners.values()) == ["v1", "v2", ""]


def test_an_ordinary_server_does_not_tell_its_limits(recording: Recordings) -> None:
    found = identify("vllm", recorded(recording("vllm-0.32.0-dp2-cpu")).get)
    assert found.number("max_num_seqs") is None
    assert found.number("gpus") is None
    assert set(found.facts) == {"version", "front_end", "model", "max_model_len"}


def test_the_sglang_server_tells_what_it_resolved(recording: Recordings) -> None:
    found = identify("sglang", recorded(recording(SGLANG)).get)
    assert {key: found.text(key) for key in ("version", "max_num_seqs", "role", "speculation")} == {
        "version": "0.5.23",
        "max_num_seqs": "16",
        "role": "both",
        "speculation": "none",
    }
    assert found.number("max_num_batched_tokens") == 4096
    assert found.source("max_num_seqs") == "server_info"
    assert found.number("gpus") is None


@pytest.mark.parametrize(
    "info",
    [
        {
            "vllm_config": {
                "device_config": {"device": "cpu"},
                "parallel_config": {
                    "tensor_parallel_size": 1,
                    "pipeline_parallel_size": 1,
                    "data_parallel_size": 1,
                },
            }
        },
        {"vllm_config": "device_config=cpu, tensor_parallel_size=1, data_parallel_size=1"},
    ],
)
def test_a_server_on_the_cpu_has_no_gpus_by_its_command_line_either(info: object) -> None:
    line = ["vllm", "serve", "m", "--max-num-seqs", "16"]
    assert identify("vllm", Server({}).get, command_line=line).number("gpus") == 1
    found = identify("vllm", Server({vllm_info.PATH: info}).get, command_line=line)
    assert (found.number("gpus"), found.number("max_num_seqs")) == (None, 16)
    assert "gpus" not in found.reports


def test_sglang_told_to_run_on_the_cpu_has_no_gpus() -> None:
    line = ["python", "-m", "sglang.launch_server", "--model-path", "m", "--device", "cpu"]
    assert identify("sglang", Server({}).get, command_line=line).number("gpus") is None
    assert identify("sglang", Server({}).get, command_line=line[:-2]).number("gpus") == 1


def test_older_sglang_is_asked_by_its_older_path(recording: Recordings) -> None:
    info = info_of(recording(SGLANG))
    server = Server({sglang_info.OLD_PATH: info})
    assert identify("sglang", server.get).number("max_num_seqs") == 16
    new = Server({sglang_info.PATH: info, sglang_info.OLD_PATH: info})
    identify("sglang", new.get)
    assert sglang_info.OLD_PATH not in new.asked


def test_a_lower_resolved_cap_is_believed_and_told() -> None:
    info = {"max_running_requests": 64, "dp_size": 1, "version": "0.5.23"}
    loads = {"loads": [{"dp_rank": 0, "max_running_requests": 52}]}
    server = Server({sglang_info.PATH: info, "/v1/loads": loads})
    found = identify("sglang", server.get)
    assert (found.number("max_num_seqs"), found.source("max_num_seqs")) == (52, "loads")
    assert found.conflicts == (
        "max_num_seqs is 52 by loads but 64 by server_args; loads is believed",
    )


# what makes servers comparable, and what makes them alike


def test_servers_set_up_alike_share_their_settings(recording: Recordings) -> None:
    one, other, another = (
        identify("vllm", recorded(recording(name)).get)
        for name in ("vllm-dense-0.20.2-mrv1", "vllm-dense-0.20.2-mrv1", "vllm-dense-0.20.2-mrv2")
    )
    assert one.settings is other.settings
    assert one.settings is not another.settings


def test_the_runner_is_configuration_and_no_class(recording: Recordings) -> None:
    one, other = (
        identify("vllm", recorded(recording(name)).get)
        for name in ("vllm-dense-0.20.2-mrv1", "vllm-dense-0.20.2-mrv2")
    )
    assert one.server_class == other.server_class
    assert one.config != other.config
    differing = {
        key
        for key in {*one.settings, *other.settings}
        if one.settings.get(key) != other.settings.get(key)
    }
    assert differing == {"env.VLLM_USE_V2_MODEL_RUNNER"}


def test_the_class_outlives_an_upgrade_but_not_another_model(recording: Recordings) -> None:
    classes = {name: identify("vllm", recorded(recording(name)).get).server_class for name in H200}
    dense, newer, moe = classes.values()
    assert dense == newer
    assert dense != moe


def test_the_engine_is_in_neither_fingerprint() -> None:
    models = {"data": [{"id": "m", "root": "m"}]}
    one, other = (
        identify(engine, Server({"/v1/models": models}).get) for engine in ("vllm", "sglang")
    )
    assert (one.server_class, one.config) == (other.server_class, other.config)


def test_a_model_from_a_folder_is_the_one_from_the_hub() -> None:
    found = [
        identify("vllm", Server({}).get, served_model=name)
        for name in ("Qwen/Qwen3-8B", "/srv/weights/Qwen3-8B", "Qwen3-8B")
    ]
    assert len({one.server_class for one in found}) == 1
    assert [one.text("model") for one in found] == ["Qwen/Qwen3-8B", "Qwen3-8B", "Qwen3-8B"]


def test_two_nodes_of_one_fleet_are_set_up_alike(recording: Recordings) -> None:
    here, there = info_of(recording(DENSE)), info_of(recording(DENSE))
    config = there["vllm_config"]
    config["instance_id"] = "99"
    config["model_config"] |= {"seed": 7, "model": "/elsewhere/models/dense"}
    config["cache_config"]["num_gpu_blocks"] += 11
    config["parallel_config"] |= {
        "data_parallel_master_ip": "10.1.1.7",
        "data_parallel_rpc_port": 1234,
        "master_addr": "10.1.1.7",
        "node_rank": 3,
        "data_parallel_rank": 3,
        "numa_bind_nodes": [1],
        "assigned_physical_gpu_ids": [4],
    }
    config["compilation_config"] |= {"cache_dir": "/fast/disk", "compilation_time": 41.5}
    there["vllm_env"] |= {"VLLM_HOST_IP": "10.1.1.7", "VLLM_LOGGING_LEVEL": "DEBUG"}
    there = {key: dict(reversed(value.items())) for key, value in reversed(there.items())}
    assert of_info(here).config == of_info(there).config


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("scheduler_config", "max_num_seqs", 512),
        ("scheduler_config", "async_scheduling", False),
        ("cache_config", "gpu_memory_utilization", 0.9),
        ("compilation_config", "cudagraph_capture_sizes", [1, 2, 4]),
        ("attention_config", "backend", "FLASHINFER"),
    ],
)
def test_every_setting_counts(recording: Recordings, section: str, key: str, value: object) -> None:
    info = info_of(recording(DENSE))
    before = of_info(info)
    info["vllm_config"][section][key] = value
    after = of_info(info)
    assert before.config != after.config
    assert before.server_class == after.server_class


@pytest.mark.parametrize(
    "declared",
    [
        {"gpu_model": "H200"}, {"tensor_parallel": 2}, {"pipeline_parallel": 2},
        {"data_parallel": 2}, {"quantization": "fp8"}, {"kv_cache_dtype": "fp8"},
        {"role": "decode"},
    ],
)  # fmt: skip
def test_the_class_is_all_that_must_be_equal(declared: dict[str, Any]) -> None:
    plain = identify("vllm", Server({}).get)
    other = identify("vllm", Server({}).get, declared=Declaration(**declared))
    assert plain.server_class != other.server_class


def test_a_switch_of_front_end_is_another_class() -> None:
    """At one version the two count failures, client aborts and first tokens differently."""
    versions = {
        "python": {"version": "0.33.0"},
        "rust": {"version": "0.33.0", "rust_frontend_version": "0.4.1"},
        "newer rust": {"version": "0.33.0", "rust_frontend_version": "0.5.0"},
    }
    classes = {
        name: identify("vllm", Server({"/version": body}).get).server_class
        for name, body in versions.items()
    }
    assert classes["rust"] != classes["python"]
    assert classes["newer rust"] == classes["rust"]
    # what says nothing of its front end has Python's
    assert identify("vllm", Server({}).get).server_class == classes["python"]


def test_what_decides_how_a_page_is_read(recording: Recordings) -> None:
    found = identify(
        "vllm",
        recorded(recording(DENSE)).get,
        declared=Declaration(role="decode", kv_cache_capacity_tokens=838_640),
    )
    # the server's own word on its role is believed
    assert found.page_context() == PageContext("0.20.2", "both", "python", 838_640.0, 1.0)
    assert identify("vllm", Server({}).get).page_context() == PageContext()


def test_a_server_that_tells_nothing_has_no_configuration() -> None:
    found = identify("vllm", Server({}).get)
    assert (found.facts, found.settings, found.config, found.release) == ({}, {}, "", "")
    assert found.sources == frozenset()


# whom to believe


def test_the_server_is_believed_over_its_declaration(recording: Recordings) -> None:
    declared = Declaration(gpus=8, max_num_seqs=256, gpu_model="NVIDIA H200")
    found = identify("vllm", recorded(recording(DENSE)).get, declared=declared)
    assert (found.number("gpus"), found.source("gpus")) == (1, "server_info")
    assert (found.text("gpu_model"), found.source("gpu_model")) == ("NVIDIA H200", "declared")
    assert found.conflicts == (
        "gpus is 1 by server_info but 8 by declared; server_info is believed: "
        "correct the declaration",
    )


def test_sources_are_believed_in_their_order() -> None:
    labels = {"cache_dtype": "fp8_e4m3"}
    line = ["vllm", "serve", "m", "--kv-cache-dtype", "fp8_e5m2"]
    info = {"vllm_config": {"cache_config": {"cache_dtype": "bfloat16"}}}
    declared = Declaration(kv_cache_dtype="auto")
    server, mute = Server({vllm_info.PATH: info}), Server({})
    believed = [
        identify("vllm", server.get, labels, line, declared),
        identify("vllm", mute.get, labels, line, declared),
        identify("vllm", mute.get, labels, None, declared),
        identify("vllm", mute.get, None, None, declared),
    ]
    assert [one.source("kv_cache_dtype") for one in believed] == [
        "server_info",
        "command_line",
        "cache_config_info",
        "declared",
    ]
    assert [len(one.conflicts) for one in believed] == [3, 2, 1, 0]


def test_the_release_is_the_declared_one_or_the_version() -> None:
    server = Server({"/version": {"version": "0.26.0"}})
    assert identify("vllm", server.get).release == "0.26.0"
    canary = identify("vllm", server.get, declared=Declaration(release="canary"))
    assert (canary.release, canary.text("version")) == ("canary", "0.26.0")
    assert identify("vllm", Server({}).get, declared=Declaration(version="1.0")).release == "1.0"


def test_a_name_the_server_does_not_list_is_a_conflict() -> None:
    server = Server({"/v1/models": {"data": [{"id": "other"}]}})
    found = identify("vllm", server.get, served_model="m")
    assert found.text("model") == "m"
    assert found.conflicts == ("model is m by metrics but other by models; metrics is believed",)


def test_the_gpus_may_speak_later() -> None:
    before = identify("vllm", Server({}).get, declared=Declaration(gpus=2, gpu_model="H200"))
    after = before.with_report("telemetry", gpus=4, gpu_model="NVIDIA H200", role=None)
    assert (after.number("gpus"), after.source("gpus")) == (4, "telemetry")
    assert after.text("gpu_model") == "NVIDIA H200"
    assert after.server_class == before.server_class
    assert after.conflicts == (
        "gpus is 4 by telemetry but 2 by declared; telemetry is believed: correct the declaration",
    )
    assert "telemetry" in after.sources
    assert before.with_report("telemetry", gpus=None) == before


def test_numbers_and_text_are_told_apart() -> None:
    server = Server({"/version": {"version": "0.26.0"}})
    found = identify("vllm", server.get, {"enable_prefix_caching": "True"})
    assert found.number("version") is None
    assert found.number("prefix_caching") is None
    assert found.text("prefix_caching") == "true"
    assert (found.text("nothing"), found.source("nothing")) == ("", "")


# servers that misbehave

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


# secrets

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
