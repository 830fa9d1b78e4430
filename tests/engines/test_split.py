"""Which engines and models a page holds: every kind of page that collects several."""

from collections.abc import Iterable

import pytest

from exporter.base.errors import NoEngineError, PageError
from exporter.engines import detect
from exporter.engines.catalog import PageContext
from exporter.engines.page_plans import page_plans
from exporter.engines.plan import Plan, Snapshot
from exporter.exposition import Reader
from tests.engine_pages import EngineState, engines, line, sglang_page, vllm_page
from tests.pages import snapshot, values

CONTEXT = PageContext("0.25.0")
RAY = {
    "Component": "core_worker",
    "NodeAddress": "10.1.2.3",
    "SessionName": "session_1",
    "Version": "2.60.0",
}


def plans(text: str, before: dict[str, tuple[str, ...]] | None = None) -> dict[str, Plan]:
    """Return the plans of a page by model."""
    layout = Reader(detect.wanted).read(text).layout
    made = page_plans(layout, detect.detect(layout), lambda _: CONTEXT, before)
    return {one.model: one for one in made}


def snapshots(text: str) -> dict[str, Snapshot]:
    """Return the snapshots of a page by model."""
    page = Reader(detect.wanted).read(text)
    made = page_plans(page.layout, detect.detect(page.layout), lambda _: CONTEXT)
    return {one.model: one.apply(page, 0.0) for one in made}


def notes(found: Plan) -> str:
    return "; ".join(found.notes)


ONE_LABEL = {
    "Ray Serve": (("ReplicaId", "a1"), ("ReplicaId", "b2"), ("ReplicaId", "c3")),
    "a gateway": (("worker_addr", "http://h1:30000"), ("worker_addr", "http://h2:30000")),
    "Prometheus": (("instance", "10.1.1.4:8000"), ("instance", "10.1.1.5:8000")),
    "a label of a future collector": (("shard", "x"), ("shard", "y"), ("shard", "z")),
}


@pytest.mark.parametrize("pairs", ONE_LABEL.values(), ids=ONE_LABEL)
@pytest.mark.parametrize("native", [True, False], ids=["engine", "no engine"])
def test_a_label_on_gauges_and_counters_separates_engines(
    pairs: Iterable[tuple[str, str]], native: bool
) -> None:
    own = {"engine": "0"} if native else {}
    page = vllm_page(engines([{label: value} for label, value in pairs], model_name="m", **own))
    found = snapshot(page)
    names = tuple(sorted(f"{label}={value}" for label, value in pairs))
    assert found.plan.engines == found.plan.counting == names
    assert found.total("generation_tokens_total") == 1000 * len(names)
    assert {k.removeprefix("engine_index=") for k in values(found, "requests_running")} == set(
        names
    )
    assert found.plan.notes == ()


def test_ranks_inside_of_what_separates_engines_are_named_after_it() -> None:
    labels = [{"ReplicaId": r, "engine": e} for r in ("a", "b") for e in ("0", "1")]
    found = plans(vllm_page(engines(labels, model_name="m")))["m"]
    assert found.engines == tuple(f"ReplicaId={r},engine={e}" for r in "ab" for e in "01")


def test_ranks_alone_keep_their_plain_index_whatever_else_goes_with_them() -> None:
    labels = [{"engine": e, "WorkerId": f"w{e}"} for e in ("0", "1")]
    assert plans(vllm_page(engines(labels, model_name="m")))["m"].engines == ("0", "1")


def test_constant_labels_of_collectors_are_no_engine() -> None:
    constant = {
        "dynamo": {"dynamo_namespace": "prod", "dynamo_component": "backend", "worker_id": "75"},
        "knative": {"service_name": "chat", "revision_name": "chat-7"},
        "ray": {**RAY, "WorkerId": "8c1f", "ReplicaId": "k3"},
        "collector": {"otel_scope_name": "x", "otel_scope_version": "", "job": "vllm"},
    }
    for labels in constant.values():
        found = plans(vllm_page(engines([labels], model_name="m", engine="0")))["m"]
        assert found.engines == ("0",)
        assert found.key == ()


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


def test_empty_labels_are_absent_ones() -> None:
    labels = [{"worker_addr": "a", "dp_rank": ""}, {"worker_addr": "b", "dp_rank": "0"}]
    found = plans(sglang_page(engines(labels, model_name="m", tp_rank="0")))["m"]
    assert found.engines == ("worker_addr=a", "worker_addr=b")


def sglang_on_ray(replicas: int, joint: bool, ranks: int = 1) -> str:
    states = []
    for i in range(replicas):
        own = {"application": "llm", "replica": f"r{i}"} if joint else {}
        for rank in range(ranks):
            scheduler = {"WorkerId": f"s{i}{rank}", "tp_rank": str(rank)}
            states.append(
                EngineState(
                    {**RAY, **own, "model_name": "m", **scheduler, "ReplicaId": ""},
                    {**RAY, **own, "model_name": "m", "WorkerId": f"t{i}", "ReplicaId": f"r{i}"},
                )
            )
    page = sglang_page(states, "ray_sglang_")
    return "".join(dict.fromkeys(page.splitlines(keepends=True)))


@pytest.mark.parametrize("ranks", [1, 2])
def test_sglang_on_ray_is_told_apart_by_what_scheduler_and_tokenizer_share(ranks: int) -> None:
    found = snapshot(sglang_on_ray(2, joint=True, ranks=ranks))
    assert found.plan.engines == ("replica=r0", "replica=r1")
    assert found.total("requests_running") == 6
    assert found.total("generation_tokens_total") == 2000


def test_processes_that_cannot_be_paired_leave_the_number_of_engines_unknown() -> None:
    found = snapshot(sglang_on_ray(2, joint=False))
    assert found.plan.engines is None
    assert found.plan.counting == ()
    assert "'WorkerId'" in notes(found.plan)
    assert found.total("requests_running") is None
    assert found.total("generation_tokens_total") == 2000


def test_one_process_of_each_kind_is_one_engine() -> None:
    found = snapshot(sglang_on_ray(1, joint=False))
    assert found.plan.engines == ("",)
    assert found.total("requests_running") == 3


def test_gauges_added_up_over_processes_leave_the_number_of_engines_unknown() -> None:
    states = [EngineState({"model_name": "m"}, {"model_name": "m", "WorkerId": w}) for w in "ab"]
    gauge_once = "".join(dict.fromkeys(vllm_page(states, "ray_vllm_").splitlines(keepends=True)))
    found = snapshot(gauge_once)
    assert found.plan.engines is None
    assert found.total("requests_running") is None
    assert found.total("generation_tokens_total") == 2000


def test_counters_of_a_replica_that_has_gone_are_no_seats() -> None:
    labels = [{"ReplicaId": r, "WorkerId": f"w{r}"} for r in ("gone", "here", "new")]
    states = engines(labels, model_name="m", engine="0")
    page = vllm_page(states, "ray_vllm_")
    for name in ("running", "waiting"):
        page = page.replace(line(f"ray_vllm_num_requests_{name}", states[0].gauge_labels, 3.0), "")
        page = page.replace(line(f"ray_vllm_num_requests_{name}", states[0].gauge_labels, 0.0), "")
    found = snapshot(page)
    assert found.plan.engines == found.plan.counting == ("ReplicaId=here", "ReplicaId=new")
    assert found.total("generation_tokens_total") == 3000


def test_sums_that_ray_makes_up_are_left_out() -> None:
    found = snapshot(vllm_page(engines([{"ReplicaId": "a"}], model_name="m"), "ray_vllm_"))
    assert found.plan.pushed
    assert not any(sample.suffix == "_sum" for sample in found.plan.samples)
    assert values(found, "inter_token_latency_seconds", "_count") == {"": 100}
    assert "sums of histograms" in notes(found.plan)


def test_a_key_stays_while_an_engine_is_alone_on_the_page() -> None:
    labels = [{"worker_addr": "a"}, {"worker_addr": "b"}]
    page = vllm_page(engines(labels, model_name="m"))
    key = plans(page)["m"].key
    alone = vllm_page(engines(labels[:1], model_name="m"))
    assert plans(alone)["m"].engines == ("",)
    assert plans(alone, {"m": key})["m"].engines == ("worker_addr=a",)


def test_an_engine_before_its_first_request_has_no_counters_yet() -> None:
    labels = [{"worker_addr": "a"}, {"worker_addr": "b"}]
    states = engines(labels, model_name="m", tp_rank="0")
    page = sglang_page(states)
    page = "\n".join(
        text
        for text in page.split("\n")
        if 'worker_addr="b"' not in text or "_reqs" in text or "usage" in text
    )
    found = snapshot(page)
    assert found.plan.engines == ("worker_addr=a", "worker_addr=b")
    assert found.plan.counting == ("worker_addr=a",)


# labels whose meaning nobody knows


def split_on(label: str, gauges: bool, counters: bool, values: Iterable[str] = "ab") -> str:
    states = [
        EngineState(
            {"model_name": "m", **({label: v} if gauges else {})},
            {"model_name": "m", **({label: v} if counters else {})},
        )
        for v in values
    ]
    return "".join(dict.fromkeys(vllm_page(states).splitlines(keepends=True)))


def test_an_unknown_label_on_counters_alone_may_hold_a_total() -> None:
    found = snapshot(split_on("flavour", gauges=False, counters=True))
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None
    assert found.total("requests_running") is None
    assert found.total("kv_cache_usage_ratio") == 0.5
    assert "'flavour'" in notes(found.plan)
    assert "vllm:generation_tokens_total" in notes(found.plan)
    assert "generation_tokens_total" in found.plan.left_out


def test_an_unknown_label_on_gauges_alone_leaves_the_counters() -> None:
    found = snapshot(split_on("flavour", gauges=True, counters=False))
    assert found.plan.engines is None
    assert found.total("requests_running") is None
    assert found.total("kv_cache_usage_ratio") is None
    assert found.total("generation_tokens_total") == 1000
    assert "'flavour'" in notes(found.plan)


def test_an_unknown_label_on_some_counters_separates_no_engines() -> None:
    page = split_on("flavour", gauges=True, counters=True)
    page = page.replace('vllm:prompt_tokens_total{model_name="m",flavour="a"}', "gone")
    page = page.replace(
        'vllm:prompt_tokens_total{model_name="m",flavour="b"}',
        'vllm:prompt_tokens_total{model_name="m"}',
    )
    found = snapshot(page)
    assert found.plan.engines is None
    assert found.total("prompt_tokens_total") == 1000
    assert found.total("generation_tokens_total") is None


def test_an_unknown_label_with_other_values_on_gauges_separates_no_engines() -> None:
    page = split_on("flavour", gauges=True, counters=True)
    for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"):
        page = page.replace(
            f'vllm:{name}{{model_name="m",flavour="a"', f'vllm:{name}{{model_name="m",flavour="c"'
        )
    assert snapshot(page).plan.engines is None


def test_an_unknown_label_beside_a_series_without_it_is_no_engine() -> None:
    states = engines([{}, {"flavour": "a"}, {"flavour": "b"}], model_name="m")
    found = snapshot(vllm_page(states))
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None


@pytest.mark.parametrize("label", ["rank", "tp_rank", "priority", "lora", "tenant"])
def test_what_divides_the_work_of_one_engine_separates_no_engines(label: str) -> None:
    found = snapshot(split_on(label, gauges=True, counters=True))
    assert found.plan.engines is None
    assert found.total("requests_running") is None
    assert f"{label!r}" in notes(found.plan)


@pytest.mark.parametrize("total", ["all", "total", "*"])
def test_an_unknown_label_one_of_whose_values_names_the_total_separates_no_engines(
    total: str,
) -> None:
    found = snapshot(split_on("flavour", gauges=True, counters=True, values=("a", "b", total)))
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None


def test_an_unknown_label_that_shares_one_cache_separates_no_engines() -> None:
    kept = split_on("flavour", gauges=True, counters=True)
    lines = [line for line in kept.splitlines(keepends=True) if "kv_cache" not in line]
    page = "".join(lines) + 'vllm:kv_cache_usage_perc{model_name="m"} 0.5\n'
    found = snapshot(page)
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None
    assert found.total("kv_cache_usage_ratio") == 0.5


def test_an_unknown_label_in_another_family_costs_that_family_alone() -> None:
    page = vllm_page(engines([{}], model_name="m")).replace(
        'num_preemptions_total{model_name="m"} 0.0\n',
        'num_preemptions_total{model_name="m",cause="x"} 1.0\n'
        'vllm:num_preemptions_total{model_name="m",cause="y"} 2.0\n',
    )
    found = snapshot(page)
    assert found.plan.engines == ("",)
    assert found.total("generation_tokens_total") == 1000
    assert found.total("preemptions_total") is None
    assert "'cause'" in notes(found.plan)


def test_labels_an_operator_adds_to_requests_are_parts_of_one_engine() -> None:
    common = {"model_name": "m", "tp_rank": "0"}
    tokenizer = {"model_name": "m", "is_streaming": "true"}
    states = [
        EngineState(common, {**tokenizer, **({"tenant": t} if t else {})}) for t in ("", "a", "b")
    ]
    found = snapshot("".join(dict.fromkeys(sglang_page(states).splitlines(keepends=True))))
    assert found.plan.engines == ("",)
    assert found.plan.notes == ()
    assert found.total("prompt_tokens_total") == 3000
    assert values(found, "time_to_first_token_seconds", "_count") == {"": 300}


def test_a_label_on_some_families_of_requests_is_not_an_operators() -> None:
    common = {"model_name": "m", "tp_rank": "0"}
    page = sglang_page([EngineState(common, {"model_name": "m"})])
    plain = 'generation_tokens_total{model_name="m"} 1000.0'
    assert plain in page
    parts = "\nsglang:".join(
        f'generation_tokens_total{{model_name="m",part="{p}"}} 1.0' for p in ("all", "answer")
    )
    found = snapshot(page.replace(plain, parts))
    assert found.plan.engines is None
    assert found.total("generation_tokens_total") is None
    assert found.total("decode_tokens_total") == 1000


# pages of several models


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


# stages, routers, relays


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


# collectors that were met in public set-ups


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
