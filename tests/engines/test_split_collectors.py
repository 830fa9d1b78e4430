"""Pages that a collector, a gateway or a federation made of those of several servers."""

import pytest

from exporter.base.errors import NoEngineError, PageError
from tests.engine_pages import EngineState, engines, sglang_page, vllm_page
from tests.engines.split_pages import plans, snapshots
from tests.pages import snapshot, values


def test_labels_that_separate_alike_are_one_and_the_preferred_names_it() -> None:
    labels = [
        {"WorkerId": f"w{i}", "ReplicaId": f"r{i}", "instance": f"h{i}:1", "zone": f"z{i}"}
        for i in range(3)
    ]
    found = plans(vllm_page(engines(labels, model_name="m", engine="0")))["m"]
    assert found.engines == ("ReplicaId=r0", "ReplicaId=r1", "ReplicaId=r2")


def test_engines_with_one_address_in_two_clusters_are_two() -> None:
    labels = [
        {"cluster": c, "instance": i} for c, i in (("eu", "10.0.0.1:8000"), ("us", "10.0.0.1:8000"))
    ]
    found = plans(vllm_page(engines(labels, model_name="m", engine="0")))["m"]
    assert found.engines == ("cluster=eu", "cluster=us")
    labels.append({"cluster": "us", "instance": "10.0.0.2:8000"})
    found = plans(vllm_page(engines(labels, model_name="m", engine="0")))["m"]
    assert len(found.engines or ()) == 3


def test_a_pair_of_prometheus_servers_shows_an_engine_twice_and_it_is_read_once() -> None:
    for copy in ("prometheus_replica", "replica"):
        labels = [
            {"instance": f"10.0.0.{i}:8000", copy: name} for i in (1, 2) for name in ("A", "B")
        ]
        found = snapshot(vllm_page(engines(labels, model_name="m", engine="0")))
        assert found.plan.engines == ("instance=10.0.0.1:8000", "instance=10.0.0.2:8000")
        assert found.total("prompt_tokens_total") == 2000


def test_the_servers_of_a_pair_behind_a_gateway_are_never_one_engine() -> None:
    labels = [{"engine_type": "prefill"}, {"engine_type": "decode", "dp_rank": "0"}]
    found = plans(sglang_page(engines(labels, model_name="m", tp_rank="0")))["m"]
    assert found.engines == ("engine_type=decode", "engine_type=prefill")


def test_a_gateway_that_asks_a_server_once_for_each_rank_shows_it_once() -> None:
    labels = [
        {"worker_addr": f"http://h:30000@{i}", "dp_rank": rank} for i in (0, 1) for rank in "01"
    ]
    found = snapshot(sglang_page(engines(labels, model_name="m", tp_rank="0")))
    assert found.plan.engines == ("0", "1")
    assert found.total("requests_running") == 6
    identical = [{"worker_addr": "http://h:30000"}] * 2
    found = snapshot(sglang_page(engines(identical, model_name="m", tp_rank="0")))
    assert found.total("requests_running") == 3


ROUTER = (
    'vllm:num_requests_running{server="http://10.2.0.5:8000"} 7\n'
    'vllm:gpu_prefix_cache_hits_total{server="http://10.2.0.5:8000"} 3e6\n'
)


@pytest.mark.parametrize("more", ["", 'vllm:healthy_pods_total{server="x"} 1\n'])
def test_a_routers_page_is_refused_and_names_the_servers(more: str) -> None:
    with pytest.raises(NoEngineError, match=r"http://10\.2\.0\.5:8000"):
        snapshot(ROUTER + more)


def test_counters_are_told_by_their_name_whatever_their_type_says() -> None:
    page = vllm_page(engines([{}], model_name="m", engine="0"))
    for kind in ("gauge", "untyped"):
        text = page.replace(" counter\n", f" {kind}\n")
        assert snapshot(text).total("generation_tokens_total") == 1000


def test_gpustack_names_the_model_on_counters_and_the_served_name_on_histograms() -> None:
    states = []
    for number, model, served in (
        (1, "chat", "org/m-7b"),
        (2, "chat", "org/m-7b"),
        (3, "code", "c"),
    ):
        own = {
            "worker_id": "4",
            "worker_name": "node-4",
            "model_id": model,
            "model_instance_id": str(number),
            "model_instance_name": f"{model}-{number}",
            "runtime": "vLLM",
            "engine": "0",
        }
        states.append(EngineState({**own, "model_name": model}, {**own, "model_name": served}))
    page = vllm_page(states)
    for model, served in (("chat", "org/m-7b"), ("code", "c")):
        for name in ("prompt_tokens_total", "generation_tokens_total"):
            page = "".join(
                text.replace(f'model_name="{served}"', f'model_name="{model}"')
                if text.startswith(f"vllm:{name}")
                else text
                for text in page.splitlines(keepends=True)
            )
    found = snapshots(page)
    assert list(found) == ["chat", "code"]
    assert found["chat"].plan.engines == (
        "model_instance_name=chat-1",
        "model_instance_name=chat-2",
    )
    counts = values(found["chat"], "time_to_first_token_seconds", "_count")
    assert counts == {f"engine_index=model_instance_name=chat-{i}": 100 for i in (1, 2)}
    assert {one.label("model") for one in found["chat"].plan.samples} == {"chat"}
    assert found["chat"].plan.relayed


def test_telegraf_tells_servers_apart_by_their_url() -> None:
    labels = [{"url": f"http://10.0.0.{i}:8000/metrics", "host": "collector"} for i in (1, 2)]
    found = plans(vllm_page(engines(labels, model_name="m", engine="0")))["m"]
    assert found.engines == tuple(f"url=http://10.0.0.{i}:8000/metrics" for i in (1, 2))
    assert found.relayed


def test_resource_attributes_of_opentelemetry_tell_pods_apart() -> None:
    labels = [
        {
            "k8s_cluster_name": "eu",
            "k8s_pod_name": f"llama-{i}",
            "service_instance_id": f"10.0.0.{i}:8000",
            "service_name": "vllm",
            "server_address": f"10.0.0.{i}",
            "server_port": "8000",
            "url_scheme": "http",
        }
        for i in (1, 2)
    ]
    found = plans(vllm_page(engines(labels, model_name="m", engine="0")))["m"]
    assert found.engines == ("k8s_pod_name=llama-1", "k8s_pod_name=llama-2")


def test_names_that_repeat_over_locations_are_engines_of_their_own() -> None:
    labels = [
        {"project_id": "p", "location": place, "cluster": "c", "instance": "llama-0:metrics"}
        for place in ("us-west1", "us-west4")
    ]
    found = plans(vllm_page(engines(labels, model_name="m", engine="0")))["m"]
    assert found.engines == ("location=us-west1", "location=us-west4")


def test_pages_of_two_containers_merged_without_a_label_are_refused() -> None:
    own = vllm_page(engines([{}], model_name="m", engine="0"))
    other = vllm_page([EngineState({"model_name": "m", "engine": "0"}, {"model_name": "m"})])
    with pytest.raises(PageError, match="each engine's own"):
        snapshot("envoy_server_live 1\n" + own + other)


def test_an_address_that_was_found_twice_is_one_engine() -> None:
    labels = [
        {"instance": "10.0.0.1:8000", "job": job, "service": job, "endpoint": port}
        for job, port in (("vllm", "http"), ("vllm-metrics", "metrics"))
    ]
    found = snapshot(vllm_page(engines(labels, model_name="m", engine="0")))
    assert found.plan.engines == ("0",)
    assert found.total("generation_tokens_total") == 1000
    named = [{"instance": "node-1", "job": job} for job in ("vllm-a", "vllm-b")]
    found = snapshot(vllm_page(engines(named, model_name="m", engine="0")))
    assert found.plan.engines == ("job=vllm-a", "job=vllm-b")


def test_processes_beside_the_engines_of_a_federation_are_not_theirs() -> None:
    page = vllm_page(engines([{"instance": "10.0.0.1:8000"}], model_name="m", engine="0"))
    page += 'process_start_time_seconds{instance="10.0.0.1:8000",job="vllm"} 1000\n'
    page += 'process_start_time_seconds{instance="10.0.0.9:9100",job="node"} 9000\n'
    page += 'http_requests_total{instance="10.0.0.9:80",job="web",status="5xx"} 7\n'
    found = snapshot(page)
    assert found.largest("server_start_time_seconds") == 1000
    assert found.total("http_responses_total") is None


def test_a_server_of_prompts_behind_a_gateway_counts_its_own() -> None:
    labels = [{"worker_addr": "p", "engine_type": "prefill"}, {"worker_addr": "d"}]
    page = "".join(
        text
        for text in sglang_page(engines(labels, model_name="m", tp_rank="0")).splitlines(True)
        if 'worker_addr="p"' not in text or ("decode" not in text and "generation" not in text)
    )
    found = snapshot(page)
    assert found.plan.counting == ("worker_addr=d", "worker_addr=p")
