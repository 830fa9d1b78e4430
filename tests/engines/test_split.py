"""Which engines and models a page holds: every kind of page that collects several."""

from collections.abc import Iterable

import pytest

from tests.engine_pages import EngineState, engines, line, sglang_page, vllm_page
from tests.engines.split_pages import RAY, notes, plans
from tests.pages import snapshot, values

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
