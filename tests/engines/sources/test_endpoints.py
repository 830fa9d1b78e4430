"""The small sources: /version, /v1/models, /v1/loads, cache_config_info and the declaration."""

import pytest

from exporter.config import Declaration
from exporter.engines.sglang import loads
from exporter.engines.sources import declared, models
from exporter.engines.vllm import cache_config, version


def test_version_of_both_front_ends() -> None:
    alone = version.read({"version": "0.20.2"}).values
    assert alone == {"version": "0.20.2", "front_end": "python"}
    both = version.read({"version": "0.33.0", "rust_frontend_version": "0.4.1"}).values
    assert both == {"version": "0.33.0", "rust_frontend": "0.4.1", "front_end": "rust"}
    assert version.read({}).values == {}


@pytest.mark.parametrize("body", [None, [], {"version": 3}, {"version": "two words"}])
def test_no_version_in_anything_else(body: object) -> None:
    assert version.read(body).values == {}


def entry(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "root": "/srv/team/llama-8b", "max_model_len": 4096, "parent": None} | more


def test_the_served_name_is_found_among_several_and_adapters_are_none() -> None:
    body = {"data": [entry("adapter", parent="a"), entry("a"), entry("b")]}
    assert models.read(body).values["model"] == "a"
    assert models.read(body, "b").values["model"] == "b"
    assert models.read(body, "stranger").values["model"] == "a"


def test_the_root_is_a_setting_without_its_folder() -> None:
    found = models.read({"data": [entry("/srv/team/llama-8b")]})
    assert found.values == {"model": "llama-8b", "max_model_len": 4096}
    assert found.settings == {"model_root": "llama-8b"}


@pytest.mark.parametrize("body", [None, {}, {"data": 7}, {"data": []}, {"data": ["x"]}])
def test_no_model_in_anything_else(body: object) -> None:
    assert models.read(body).values == {}


def test_loads_count_accelerators_of_every_rank() -> None:
    ranks = [{"dp_rank": rank, "max_running_requests": 52} for rank in range(4)]
    found = loads.read(
        {"version": "0.5.23", "accelerator": "NVIDIA H200", "num_accelerators": 2, "loads": ranks}
    )
    assert found.values == {
        "version": "0.5.23",
        "max_num_seqs": 52,
        "gpu_model": "NVIDIA H200",
        "gpus": 8,
    }


def test_loads_without_an_accelerator_tell_no_gpus() -> None:
    found = loads.read({"accelerator": None, "num_accelerators": 1, "loads": [{"dp_rank": 0}]})
    assert found.values == {}


def test_ranks_with_different_caps_tell_none() -> None:
    body = {"loads": [{"max_running_requests": 3}, {"max_running_requests": 4}]}
    assert loads.read(body).values == {}


def test_cache_config_labels_are_python_text() -> None:
    found = cache_config.read(
        {
            "cache_dtype": "fp8",
            "enable_prefix_caching": "False",
            "engine": "1",
            "num_gpu_blocks": "9",
        }
    )
    assert found.values == {"kv_cache_dtype": "fp8", "prefix_caching": False}
    assert found.settings == {
        "cache_config.cache_dtype": "fp8",
        "cache_config.enable_prefix_caching": "false",
    }
    assert cache_config.read({"cache_dtype": "None"}).values == {}


def test_declared_sizes_stand_in_for_declared_gpus() -> None:
    sizes = Declaration(tensor_parallel=4, pipeline_parallel=2, data_parallel=1)
    assert declared.read(sizes).values["gpus"] == 8
    assert declared.read(sizes.model_copy(update={"gpus": 4})).values["gpus"] == 4
    assert declared.read(Declaration(release="canary")).values == {}
