"""Whatever an API server answers is a problem of its own, ends in time, and moves no other pod."""

import json
from itertools import count
from threading import Thread
from typing import Any

import pytest

from exporter.config import KubernetesSdSettings
from exporter.discovery import kube_api, kubernetes
from exporter.discovery.kubernetes import KubernetesSource
from tests.waiting import until

from .conftest import Followed
from .fake_kube import FakeKube, pod

A, B, C = "inference/a", "inference/b", "inference/c"

OK = b"HTTP/1.1 200 OK\r\n"


def answer(document: object) -> bytes:
    body = json.dumps(document).encode()
    return OK + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


META = {"resourceVersion": "7"}
ODD_LISTS: dict[str, object] = {
    "nothing": None,
    "a list": [],
    "no metadata": {"items": []},
    "null metadata": {"metadata": None, "items": []},
    "version of another type": {"metadata": {"resourceVersion": 7}, "items": []},
    "null version": {"metadata": {"resourceVersion": None}, "items": []},
    "token of another type": {"metadata": {**META, "continue": [1]}, "items": []},
    "items as text": {"metadata": META, "items": "pods"},
    "items as a mapping": {"metadata": META, "items": {"a": {}}},
    "a null pod": {"metadata": META, "items": [None]},
    "a pod without metadata": {"metadata": META, "items": [{}]},
    "a pod of null metadata": {"metadata": META, "items": [{"metadata": None}]},
}


@pytest.mark.parametrize("document", ODD_LISTS.values(), ids=ODD_LISTS)
def test_a_list_of_odd_shape_is_a_problem_and_the_last_good_stays(
    kube: FakeKube, document: object
) -> None:
    followed = Followed(kube)
    assert kube.opened.acquire(timeout=20)
    kube.raw["list"] = answer(document)
    kube.forget()
    kube.end()
    followed.pauses.next()
    followed.pauses.next()
    until(followed.problems)
    assert followed.problems() == (
        f"{kube.url}/api/v1/pods sent no list of pods; its last answer stays in force",
    )
    assert followed.names() == [A, B]
    kube.raw.clear()
    followed.pauses.end()
    until(lambda: not followed.problems())
    followed.source.close()


ODD_PODS = {
    "null containers": {"spec": {"containers": None}},
    "containers as text": {"spec": {"containers": "vllm"}},
    "null container": {"spec": {"containers": [None]}},
    "ports as a number": {"spec__containers__0__ports": 3},
    "port as a list": {"spec__containers__0__ports": [{"containerPort": [1]}]},
    "endless port": {"spec__containers__0__ports": [{"containerPort": 1e999}]},
    "statuses as a number": {"status__containerStatuses": 3},
    "owners as text": {"metadata__ownerReferences": "job"},
    "annotations as numbers": {"metadata__annotations": {"inferfleet/port": {"a": 1}}},
    "env as a number": {"spec__containers__0__env": 5},
    "address of another type": {"status__podIP": ["10.0.0.1"]},
    "name of half a character": {"metadata__annotations": {"inferfleet/model": "\ud800\n"}},
}


@pytest.mark.parametrize("parts", ODD_PODS.values(), ids=ODD_PODS)
def test_a_pod_of_odd_shape_costs_only_itself(
    followed: Followed, kube: FakeKube, parts: dict[str, Any]
) -> None:
    kube.put(pod("c", "10.0.0.3", **parts))
    until(followed.problems)
    (problem,) = followed.problems()
    assert problem.startswith("pod inference/c: ")
    assert problem.endswith("; it is not watched until then")
    assert problem.isprintable()
    assert followed.names() == [A, B]
    kube.put(pod("c", "10.0.0.3"))
    until(lambda: followed.names() == [A, B, C])
    assert followed.problems() == ()


@pytest.mark.parametrize("token", ["same", "new"])
def test_a_list_without_an_end_is_a_problem(
    kube: FakeKube, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_api, "MAX_PAGES", 20)
    tokens = count()

    def endless(_: dict[str, str]) -> dict[str, Any]:
        more = f"{token}{next(tokens) if token == 'new' else ''}"
        return {"metadata": {**META, "continue": more}, "items": []}

    monkeypatch.setattr(kube, "_list", endless)
    followed = Followed(kube)
    (problem,) = followed.problems()
    assert "sends a list that does not end" in problem
    assert len(kube.asked) == (2 if token == "same" else 21)
    followed.pauses.end()
    followed.source.close()


def test_a_list_whose_version_is_gone_between_pages_is_a_problem(kube: FakeKube) -> None:
    kube.refuse["list"] = 410, {}
    followed = Followed(kube)
    (problem,) = followed.problems()
    assert problem.endswith("lost its list between pages; it gives no servers until then")
    kube.refuse.clear()
    followed.pauses.end()
    until(lambda: followed.names() == [A, B])
    followed.source.close()


@pytest.mark.parametrize(
    ("raw", "drips"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", id="headers"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="body"),
        pytest.param(OK + b"Content-Length: 9\r\n\r\n", b"", id="silence"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", b"", id="interim"),
    ],
)
def test_a_list_that_drips_ends_at_its_deadline(
    kube: FakeKube, monkeypatch: pytest.MonkeyPatch, raw: bytes, drips: bytes
) -> None:
    monkeypatch.setattr(kube_api, "_LIST_SECONDS", 0.3)
    kube.raw["list"], kube.drips = raw, drips
    followed = Followed(kube)
    (problem,) = followed.problems()
    assert problem == f"{kube.url} did not answer within 0.3 s; it gives no servers until then"
    kube.raw.clear()
    followed.pauses.end()
    until(lambda: followed.names() == [A, B])
    followed.source.close()


def test_a_watch_that_drips_ends_at_its_deadline(
    kube: FakeKube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_api, "_GRACE_SECONDS", -0.7)
    monkeypatch.setattr(kubernetes, "_WATCH_SECONDS", 1)
    kube.raw["watch"], kube.drips = OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"
    followed = Followed(kube)
    until(followed.problems)
    assert "did not answer within 0.3 s; its last answer stays in force" in followed.problems()[0]
    assert followed.names() == [A, B]
    kube.raw.clear()
    kube.put(pod("c", "10.0.0.3"))
    followed.pauses.end()
    until(lambda: followed.names() == [A, B, C])
    followed.source.close()


def test_an_event_without_an_end_is_a_problem(
    kube: FakeKube, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_api, "_MAX_EVENT_BYTES", 1000)
    kube.raw["watch"], kube.drips = OK + b"\r\n", b"x" * 100
    followed = Followed(kube)
    until(lambda: "longer than any object" in str(followed.problems()))
    assert followed.names() == [A, B]
    followed.pauses.end()
    followed.source.close()


def test_the_end_waits_for_no_answer(kube: FakeKube) -> None:
    kube.raw["list"], kube.drips = OK, b"A: b\r\n"
    source = KubernetesSource(KubernetesSdSettings(selector="a", api_server=kube.url))
    reading = Thread(target=source.refresh)
    reading.start()
    assert kube.opened.acquire(timeout=20)
    source.close()
    reading.join(20)
    assert not reading.is_alive()
    assert not any(thread.is_alive() for thread in source._threads)


def test_a_name_that_two_pods_take_stays_with_the_older_in_whatever_namespace(
    kube: FakeKube,
) -> None:
    def named(name: str, created: str, namespace: str) -> dict[str, Any]:
        return pod(
            name,
            "10.0.0.9",
            namespace=namespace,
            metadata__annotations={"inferfleet/name": "canary"},
            metadata__creationTimestamp=created,
        )

    older, younger = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    kube.pods.clear()
    kube.put(named("z", older, "two"), named("a", younger, "one"))
    followed = Followed(kube)
    assert [target.declare.pod for target in followed.targets()] == ["two/z"]
    mend = "an older pod is called 'canary' already, so it is not watched; correct inferfleet/name"
    assert followed.problems() == (f"pod one/a: {mend}",)
    kube.remove(kube.pods["uid-two-z"])
    until(lambda: [target.declare.pod for target in followed.targets()] == ["one/a"])
    assert followed.problems() == ()
    followed.pauses.end()
    followed.source.close()
