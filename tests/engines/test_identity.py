"""None"""

import pytest

from exporter.config import Declaration
from exporter.engines.catalog import PageContext
from exporter.engines.identity import endpoints, identify
from exporter.engines.registry import ENGINES
from exporter.engines.sglang import server_info as sglang_info
from exporter.engines.vllm import server_info as vllm_info
from exporter.replay.recording import Recording
from tests.engines.recorded_info import DENSE, H200, SGLANG, Recordings, info_of
from tests.engines.sources.answers import Server, recorded


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


def test_what_decides_how_a_page_is_read(recording: Recordings) -> None:
    found = identify(
        "vllm",
        recorded(recording(DENSE)).get,
        declared=Declaration(role="decode", kv_cache_capacity_tokens=838_640),
    )
    # the server's own word on its role is believed
    assert found.page_context() == PageContext("0.20.2", "both", "python", 838_640.0, 1.0)
    assert identify("vllm", Server({}).get).page_context() == PageContext()


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
