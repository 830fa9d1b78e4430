"""Class and configuration: what is in each fingerprint, and what changes neither."""

from typing import Any

import pytest

from exporter.config import Declaration
from exporter.engines.identity import identify
from tests.engines.recorded_info import DENSE, H200, Recordings, info_of, of_info
from tests.engines.sources.answers import Server, recorded


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


def test_a_server_that_tells_nothing_has_no_configuration() -> None:
    found = identify("vllm", Server({}).get)
    assert (found.facts, found.settings, found.config, found.release) == ({}, {}, "", "")
    assert found.sources == frozenset()
