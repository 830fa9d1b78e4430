"""Pods are listed, then watched; whatever the API server does, what is known stays in force."""

from pathlib import Path

import pytest

from exporter.base.errors import ConfigError
from exporter.config import parse_config
from exporter.discovery import Discoverer
from exporter.discovery.kube_api import PAGE_SIZE
from tests.waiting import until

from .conftest import Followed
from .fake_kube import FakeKube, pod

A, B, C = "inference/a", "inference/b", "inference/c"


def test_listed_pods_are_there_with_the_first_reading(followed: Followed, kube: FakeKube) -> None:
    assert followed.names() == [A, B]
    assert followed.problems() == ()
    listed, watched = kube.asked[:2]
    assert listed["labelSelector"] == watched["labelSelector"] == "app=vllm"
    assert watched["resourceVersion"] == "102"


def test_watch_brings_changes_without_another_list(followed: Followed, kube: FakeKube) -> None:
    kube.put(pod("c", "10.0.0.3"))
    until(lambda: followed.names() == [A, B, C])
    kube.put(pod("c", "10.0.0.4"))
    until(lambda: followed.names() and "10.0.0.4" in str(followed.source.targets))
    kube.remove(kube.pods["uid-inference-c"])
    until(lambda: followed.names() == [A, B])
    assert kube.lists == 1


def test_pod_that_ended_is_gone(followed: Followed, kube: FakeKube) -> None:
    kube.put(pod("b", "10.0.0.2", status__phase="Failed"))
    until(lambda: followed.names() == [A])


def test_dropped_connection_goes_on_from_the_last_version(
    followed: Followed, kube: FakeKube
) -> None:
    kube.bookmark()
    kube.drop()
    assert followed.pauses.begun.get(timeout=20) <= 1.0
    assert followed.names() == [A, B]
    assert followed.problems() == (
        f"{kube.url} broke off the watch; its last answer stays in force",
    )
    kube.put(pod("c", "10.0.0.3"))
    followed.pauses.go_on()
    until(lambda: followed.names() == [A, B, C])
    assert followed.problems() == ()
    assert kube.lists == 1
    assert kube.asked[-1]["resourceVersion"] == "103"


def test_version_that_is_gone_costs_a_new_list(followed: Followed, kube: FakeKube) -> None:
    kube.forget()
    kube.end()
    followed.pauses.next()
    followed.pauses.next()
    assert kube.opened.acquire(timeout=20)
    assert kube.opened.acquire(timeout=20)
    assert kube.lists == 2
    assert followed.problems() == ()
    kube.put(pod("c", "10.0.0.3"))
    until(lambda: followed.names() == [A, B, C])


def test_version_refused_as_an_answer_costs_a_new_list(followed: Followed, kube: FakeKube) -> None:
    kube.refuse["watch"] = 410, {}
    kube.end()
    followed.pauses.next()
    assert followed.pauses.begun.get(timeout=20)
    kube.refuse.clear()
    followed.pauses.go_on()
    assert kube.opened.acquire(timeout=20)
    assert kube.lists == 2


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "it does not know the token"),
        (403, "let it get, list and watch pods"),
        (500, "answered 500: not today"),
    ],
)
def test_refused_list_gives_no_servers_until_it_is_answered(
    kube: FakeKube, status: int, sentence: str
) -> None:
    kube.refuse["list"] = status, {}
    followed = Followed(kube)
    assert followed.names() == []
    (problem,) = followed.problems()
    assert sentence in problem
    assert problem.endswith("; it gives no servers until then")
    longest = [followed.pauses.next() for _ in range(9)]
    assert longest[0] <= 1.0
    assert 30.0 <= longest[-1] <= 60.0
    kube.refuse.clear()
    followed.pauses.end()
    until(lambda: followed.names() == [A, B])
    assert followed.problems() == ()
    followed.source.close()


def test_account_that_may_list_but_not_watch_is_told_and_lists_again(kube: FakeKube) -> None:
    kube.refuse["watch"] = 403, {}
    followed = Followed(kube)
    assert followed.names() == [A, B]
    until(followed.problems)
    assert "let it get, list and watch pods" in followed.problems()[0]
    kube.put(pod("c", "10.0.0.3"))
    followed.pauses.next()
    until(lambda: followed.names() == [A, B, C])
    followed.pauses.end()
    followed.source.close()


def test_busy_server_is_left_alone_as_long_as_it_asks(kube: FakeKube) -> None:
    kube.refuse["list"] = 429, {"Retry-After": "40"}
    followed = Followed(kube)
    assert 20.0 <= followed.pauses.next() <= 40.0
    followed.pauses.end()
    followed.source.close()


def test_nonsense_is_no_event_and_costs_a_new_list(followed: Followed, kube: FakeKube) -> None:
    for nonsense in (b"{]\n", b"[]\n", b'{"type": "ADDED", "object": {"metadata": {}}}\n'):
        kube.send(nonsense)
        followed.pauses.next()
        assert kube.opened.acquire(timeout=20)
    assert followed.names() == [A, B]
    kube.put(pod("c", "10.0.0.3"))
    until(lambda: followed.names() == [A, B, C])


def test_server_that_is_away_leaves_the_last_answer_in_force(kube: FakeKube) -> None:
    with FakeKube().running() as other:
        other.put(pod())
        followed = Followed(other)
        assert other.opened.acquire(timeout=20)
    followed.pauses.next()
    until(lambda: "cannot be reached" in str(followed.problems()))
    assert followed.names() == [A]
    assert "its last answer stays in force" in followed.problems()[0]
    followed.pauses.end()
    followed.source.close()


def test_pod_that_cannot_be_read_costs_only_itself(followed: Followed, kube: FakeKube) -> None:
    kube.put(pod("c", "10.0.0.3", metadata__annotations={"inferfleet/gpu": "8"}))
    until(followed.problems)
    assert followed.names() == [A, B]
    assert followed.problems() == (
        "pod inference/c: there is no annotation inferfleet/gpu; correct its name or remove it; "
        "it is not watched until then",
    )
    kube.put(pod("b", "10.0.0.9", metadata__annotations={"inferfleet/gpus": "many"}))
    until(lambda: len(followed.problems()) == 2)
    assert followed.names() == [A, B]
    assert followed.problems()[0].endswith("; its last good form stays in force")


def test_two_thousand_pods_come_by_pages(kube: FakeKube) -> None:
    kube.put(*(pod(f"p{i:04}", f"10.1.{i // 250}.{i % 250 + 1}") for i in range(1998)))
    followed = Followed(kube)
    assert len(followed.names()) == 2000
    assert kube.lists == 2000 // PAGE_SIZE
    assert kube.opened.acquire(timeout=20)
    kube.put(pod("zzz", "10.2.0.1"))
    until(lambda: len(followed.names()) == 2001)
    followed.pauses.end()
    followed.source.close()


def test_namespaces_are_asked_apart(kube: FakeKube) -> None:
    followed = Followed(kube, namespaces=["one", "two"])
    assert {one["path"] for one in kube.asked} == {
        "/api/v1/namespaces/one/pods",
        "/api/v1/namespaces/two/pods",
    }
    followed.pauses.end()
    followed.source.close()


def test_token_is_read_anew_for_every_request(kube: FakeKube, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    kube.token = "old"
    followed = Followed(kube, http={"bearer_token_file": str(token)})
    assert followed.names() == [A, B]
    assert kube.opened.acquire(timeout=20)
    token.write_text("new\n")
    kube.token = "new"
    kube.end()
    followed.pauses.next()
    assert kube.opened.acquire(timeout=20)
    assert followed.problems() == ()
    followed.pauses.end()
    followed.source.close()


def test_outside_a_cluster_an_address_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    config = parse_config({"discovery": {"kubernetes": [{"annotated": True}]}}, "x")
    with pytest.raises(ConfigError, match="give its address in api_server"):
        Discoverer(config)


def test_reload_goes_on_with_the_pods_it_follows(kube: FakeKube) -> None:
    section = {"selector": "app=vllm", "api_server": kube.url}
    config = parse_config({"discovery": {"kubernetes": [section]}}, "x")
    before = Discoverer(config)
    before.refresh(0.0, wait=30.0)
    assert len(before.targets()) == 2
    kube.refuse["list"] = 500, {}
    after = Discoverer(config, before)
    before.close(after)
    after.refresh(0.0, wait=30.0)
    assert len(after.targets()) == 2
    assert kube.lists == 1
    after.close()


def test_shards_share_the_servers_out(kube: FakeKube) -> None:
    section = {"selector": "app=vllm", "api_server": kube.url}
    kube.put(*(pod(f"p{i}", f"10.1.0.{i + 1}") for i in range(100)))
    parts = []
    for index in range(3):
        shard = {"index": index, "total": 3}
        data = {"targets": ["h:1"], "shard": shard, "discovery": {"kubernetes": [section]}}
        discoverer = Discoverer(parse_config(data, "x"))
        discoverer.refresh(0.0, wait=30.0)
        parts.append({target.label for target in discoverer.targets()})
        discoverer.close()
    assert sum(map(len, parts)) == len(set.union(*parts)) == 103
    assert min(map(len, parts)) > 20
