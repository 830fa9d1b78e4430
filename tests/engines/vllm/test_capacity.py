"""The KV capacity of vLLM's engines: reported, declared, or blocks times block size."""

from collections.abc import Mapping

import pytest

from exporter.engines.plan import Snapshot
from tests.pages import snapshot, values

CONFIG = 'vllm:cache_config_info{%s,engine="0"} 1\n'
RUNNING = 'vllm:num_requests_running{engine="0",model_name="m"} 1\n'
PLAIN = {
    "block_size": "16",
    "cache_dtype": "fp8",
    "is_attention_free": "False",
    "kv_cache_dtype_skip_layers": "[]",
    "mamba_block_size": "None",
    "mamba_cache_dtype": "auto",
    "mamba_cache_mode": "none",
    "num_gpu_blocks": "52415",
    "num_gpu_blocks_override": "None",
    "sliding_window": "None",
    "user_specified_block_size": "True",
    "user_specified_mamba_block_size": "False",
}


def page(
    odd: Mapping[str, str] = {}, version: str = "0.20.2", context_parallel: float | None = None
) -> Snapshot:
    labels = ",".join(f'{name}="{value}"' for name, value in {**PLAIN, **odd}.items())
    return snapshot(RUNNING + CONFIG % labels, version, context_parallel=context_parallel)


def left_out(found: Snapshot, reason: str) -> bool:
    """Whether the capacity is absent, with one note that names the reason and the remedy."""
    (note,) = found.plan.notes
    return (
        found.plan.indices("kv_cache_capacity_tokens") == []
        and "kv_cache_capacity_tokens is left out" in note
        and reason in note
        and "Declare kv_cache_capacity_tokens" in note
    )


@pytest.mark.parametrize("version", ["0.9.2", "0.19.1", "0.20.2+cu129", "0.22.1", "0.23.0"])
def test_blocks_of_one_kind_are_the_capacity(version: str) -> None:
    found = page(version=version)
    assert found.total("kv_cache_capacity_tokens") == 838_640
    (note,) = found.plan.notes
    assert "num_gpu_blocks times block_size" in note
    assert "attend to the whole context" in note


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"block_size": "4"}, "block_size is 4"),
        ({"block_size": "8"}, "block_size is 8"),
        ({"block_size": "None"}, "block_size is None"),
        ({"cache_dtype": "fp8_ds_mla"}, "cache_dtype is fp8_ds_mla"),
        ({"mamba_block_size": "528"}, "mamba_block_size is 528"),
        ({"mamba_cache_mode": "align"}, "mamba_cache_mode is align"),
        ({"user_specified_mamba_block_size": "True"}, "user_specified_mamba_block_size is True"),
        ({"sliding_window": "4096"}, "sliding_window is 4096"),
        ({"is_attention_free": "True"}, "is_attention_free is True"),
        ({"kv_cache_dtype_skip_layers": "['0']"}, "kv_cache_dtype_skip_layers is ['0']"),
        ({"num_gpu_blocks_override": "9000"}, "num_gpu_blocks_override is 9000"),
        ({"num_gpu_blocks_override": "many"}, "num_gpu_blocks_override is many"),
    ],
)
def test_what_denies_that_blocks_are_of_one_kind(odd: dict[str, str], reason: str) -> None:
    assert left_out(page(odd), reason)


def test_a_missing_block_size_denies_it() -> None:
    found = snapshot(RUNNING + CONFIG % 'num_gpu_blocks="9000"', "0.20.2")
    assert left_out(found, "block_size is not there")


def test_every_objection_is_named() -> None:
    found = page({"block_size": "4", "cache_dtype": "fp8_ds_mla"}, context_parallel=2)
    for reason in ("2 ranks of context parallelism", "block_size is 4", "cache_dtype is fp8_ds"):
        assert left_out(found, reason)


def test_under_context_parallelism_the_block_size_is_one_ranks() -> None:
    assert left_out(page(context_parallel=2), "2 ranks of context parallelism")
    assert page(context_parallel=1).total("kv_cache_capacity_tokens") == 838_640


def test_an_override_that_took_effect_is_no_objection() -> None:
    found = page({"num_gpu_blocks": "30", "num_gpu_blocks_override": "30"})
    assert found.total("kv_cache_capacity_tokens") == 480


@pytest.mark.parametrize(
    ("version", "labels", "reason"),
    [
        ("0.24.0", {"kv_cache_size_tokens": "None"}, "from 0.24"),
        ("0.33.0", {"effective_attention_block_size": "16"}, "Rust front end"),
        ("", {}, "the version is unknown"),
        ("nightly", {}, "the version is unknown"),
    ],
)
def test_releases_that_report_the_capacity_are_not_second_guessed(
    version: str, labels: dict[str, str], reason: str
) -> None:
    assert left_out(page(labels, version), reason)


def test_the_rust_front_end_is_not_second_guessed() -> None:
    labels = 'block_size="16",num_gpu_blocks="9000"'
    found = snapshot(RUNNING + CONFIG % labels, "0.23.0", front_end="rust")
    assert left_out(found, "Rust front end")


def engines(*rows: str) -> str:
    return "".join(
        f'vllm:num_requests_running{{{row},model_name="m"}} 1\n'
        f'vllm:cache_config_info{{{row},block_size="16",num_gpu_blocks="200"}} 1\n'
        for row in rows
    )


def test_blocks_are_shared_out_over_the_data_parallel_engines() -> None:
    found = snapshot(engines('engine="0"', 'engine="1"'), "0.20.2")
    assert values(found, "kv_cache_capacity_tokens") == {
        "engine_index=0": 1600,
        "engine_index=1": 1600,
    }


def test_blocks_are_not_shared_out_over_servers_of_one_page() -> None:
    rows = (f'worker_addr="http://10.0.0.{i}:8000",engine="0"' for i in (1, 2))
    found = snapshot(engines(*rows), "0.20.2")
    assert sorted(values(found, "kv_cache_capacity_tokens").values()) == [3200, 3200]


def test_each_server_of_a_page_has_its_own_blocks() -> None:
    rows = engines(*(f'worker_addr="http://10.0.0.{i}:8000",engine="0"' for i in (1, 2)))
    head, tail = rows.rsplit('"200"', 1)
    found = snapshot(f'{head}"300"{tail}', "0.20.2")
    assert sorted(values(found, "kv_cache_capacity_tokens").values()) == [3200, 4800]


def test_capacity_is_that_of_each_engine() -> None:
    rows = engines('engine="0"', 'engine="1"').replace(
        'block_size="16"', 'block_size="16",kv_cache_size_tokens="999"'
    )
    found = snapshot(rows)
    assert values(found, "kv_cache_capacity_tokens") == {
        "engine_index=0": 999,
        "engine_index=1": 999,
    }
    assert found.plan.notes == ()


@pytest.mark.parametrize("version", ["", "0.20.2", "0.24.0"])
def test_capacity_is_what_is_declared_where_the_page_does_not_report_it(version: str) -> None:
    odd = CONFIG % 'block_size="4",num_gpu_blocks="9000"'
    plain = CONFIG % 'block_size="16",num_gpu_blocks="9000"'
    sized = CONFIG % 'kv_cache_size_tokens="999",num_gpu_blocks="9000"'
    for config, capacity in ((odd, 1_800_000), (plain, 1_800_000), (sized, 999), ("", 1_800_000)):
        found = snapshot(RUNNING + config, version, kv_cache_capacity_tokens=1_800_000)
        assert found.total("kv_cache_capacity_tokens") == capacity
        assert found.plan.notes == ()


def test_an_engine_without_blocks_leaves_all_out() -> None:
    rows = engines('engine="0"', 'engine="1"').replace(
        '="200"', '="None",num_gpu_blocks_override="9"', 1
    )
    assert left_out(snapshot(rows, "0.20.2"), "num_gpu_blocks is None")


def test_unset_config_labels_are_unknown() -> None:
    found = page({"num_gpu_blocks": "None"})
    assert found.total("kv_cache_capacity_tokens") is None
    assert found.plan.notes == ()
