"""Pages of several models, and of several stages of one."""

import pytest

from exporter.base.errors import PageError
from tests.engine_pages import engines, line, vllm_page
from tests.engines.split_pages import RAY, notes, plans, snapshots
from tests.pages import snapshot


def test_models_of_a_ray_node_are_read_apart() -> None:
    labels = [
        {"ReplicaId": "a", "WorkerId": "w1", "model_name": "m-7b"},
        {"ReplicaId": "b", "WorkerId": "w2", "model_name": "m-7b"},
        {"ReplicaId": "c", "WorkerId": "w3", "model_name": "m-70b"},
    ]
    found = snapshots(vllm_page(engines(labels, engine="0", **RAY), "ray_vllm_"))
    assert list(found) == ["m-70b", "m-7b"]
    assert found["m-7b"].plan.engines == ("ReplicaId=a", "ReplicaId=b")
    assert found["m-7b"].total("generation_tokens_total") == 2000
    assert found["m-70b"].plan.engines == ("0",)
    assert found["m-70b"].total("generation_tokens_total") == 1000


def test_triton_names_models_and_versions_and_has_no_gauges() -> None:
    labels = [
        {"model": "llama", "version": "1"},
        {"model": "llama", "version": "2"},
        {"model": "qwen", "version": "1"},
    ]
    page = "".join(
        line(f"vllm:{name}", own, 500.0)
        for name in ("prompt_tokens_total", "generation_tokens_total")
        for own in labels
    )
    found = snapshots(page)
    assert found["llama"].plan.engines == ("version=1", "version=2")
    assert found["qwen"].plan.engines == ("",)
    assert found["llama"].total("generation_tokens_total") == 1000
    assert found["llama"].total("requests_running") is None


def test_a_path_beside_the_served_name_is_no_second_model() -> None:
    own = {"model": "/models/m", "model_name": "m", "dynamo_component": "backend"}
    page = vllm_page(engines([own], engine="0"))
    page += 'lmcache:num_requests{model_name="/models/m"} 3\n'
    assert list(plans(page)) == ["m"]


def test_settings_belong_to_the_model_whose_engine_they_name() -> None:
    labels = [
        {"worker_addr": "a", "model_name": "m1"},
        {"worker_addr": "b", "model_name": "m2"},
    ]
    info = 'vllm:cache_config_info{worker_addr="%s",cache_dtype="%s"} 1\n'
    page = vllm_page(engines(labels, engine="0")) + info % ("a", "fp8") + info % ("b", "auto")
    page += "process_start_time_seconds 1700000000\n"
    found = snapshots(page)
    assert found["m1"].plan.page_settings["cache_dtype"] == "fp8"
    assert found["m2"].plan.page_settings["cache_dtype"] == "auto"
    for one in found.values():
        assert one.largest("server_start_time_seconds") == 1700000000


def test_a_page_of_several_models_is_not_read_as_one() -> None:
    page = vllm_page(engines([{"model_name": "m1"}, {"model_name": "m2"}]))
    with pytest.raises(PageError, match="m1, m2"):
        snapshot(page)


def test_stages_without_text_are_left_out() -> None:
    labels = [{"stage": s, "replica": "0"} for s in "0123"]
    found = snapshot(vllm_page(engines(labels, model_name="m")))
    assert found.plan.engines == ("",)
    assert found.total("generation_tokens_total") == 1000
    assert found.total("requests_running") == 3
    assert "stage 1, 2, 3" in notes(found.plan)


def test_a_replica_that_joins_a_stage_is_an_engine() -> None:
    labels = [{"stage": "0", "replica": "0"}, {"stage": "0", "replica": "1"}]
    labels.append({"stage": "1", "replica": "0"})
    found = snapshot(vllm_page(engines(labels, model_name="m")))
    assert found.plan.engines == ("replica=0", "replica=1")
    assert found.total("generation_tokens_total") == 2000
