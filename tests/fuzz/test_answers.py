"""Answers of other programs: servers about themselves, Kubernetes about pods, Prometheus."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.base.errors import CompareError, KubernetesApiError
from exporter.base.untrusted import is_unicode
from exporter.compare.fleet.api import PrometheusApi
from exporter.config import KubernetesSdSettings
from exporter.discovery.kube_api import KubernetesApi
from exporter.discovery.kubernetes import _NamespacePods
from exporter.engines.identity import identify
from exporter.fetch import BlockingClient, HttpClient, HttpResponse
from tests.discovery.fake_kube import pod
from tests.engines.sources.answers import Server
from tests.fuzz.mutations import encoded, mutated_bytes, mutated_documents
from tests.fuzz.refusals import refusal
from tests.fuzz.seeds import answers, recordings


def _documents(recording_answers: Mapping[str, str]) -> dict[str, Any]:
    documents = {}
    for path, body in recording_answers.items():
        if body.startswith(("{", "[")):
            documents[path] = json.loads(body)
    return documents


@st.composite
def servers(draw: st.DrawFn) -> tuple[str, dict[str, bytes]]:
    """Draw an engine and what a server of it answers, by path."""
    recording = draw(st.sampled_from(recordings()))
    documents = _documents(answers(recording))
    return recording.engine, {
        path: draw(mutated_documents(document).map(encoded) | mutated_bytes(encoded(document)))
        for path, document in documents.items()
    }


@given(servers())
def test_what_a_server_says_of_itself_is_known_or_unknown(
    server: tuple[str, dict[str, bytes]],
) -> None:
    engine, bodies = server
    identity = identify(engine, Server(bodies).get)
    for key, fact in identity.facts.items():
        identity.number(key)
        assert is_unicode(identity.text(key)), fact
    identity.page_context()
    assert all(sentence.isprintable() for sentence in identity.conflicts)


LIST = {
    "kind": "PodList",
    "metadata": {"resourceVersion": "7", "continue": ""},
    "items": [
        pod("a"),
        pod("b", metadata__annotations={"inferfleet/port": "8000,8001", "inferfleet/name": "x"}),
        pod("c", spec__containers__0__env=[{"name": "A", "value": "b"}]),
    ],
}


@given(body=mutated_documents(LIST).map(encoded) | mutated_bytes(encoded(LIST)))
def test_a_list_of_pods_is_used_or_refused_and_a_pod_costs_itself(body: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:

        async def get_any(*_: object) -> HttpResponse:
            return HttpResponse(body, "application/json")

        patch.setattr(HttpClient, "get_any", get_any)
        section = KubernetesSdSettings(api_server="http://127.0.0.1:1", selector="app=vllm")
        pods = _NamespacePods(section, KubernetesApi(section), "")
        refusal(KubernetesApiError, pods.list_all)
    known, faults = pods.servers_and_faults()
    assert all(fault.isprintable() for fault in faults), faults
    for server in known:
        assert server.target.label.isprintable()
        assert server.target.url.isprintable()


MATRIX = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            {"metric": {"target": "a", "release": "1"}, "values": [[100, "1.5"], [105.0, "NaN"]]},
            {"metric": {"target": "b"}, "values": [[100, "+Inf"]]},
        ],
    },
}
SERIES = {"status": "success", "data": [{"__name__": "up", "target": "a"}, {"target": "b"}]}
ERROR = {"status": "error", "errorType": "execution", "error": "query timed out"}


@given(
    body=mutated_documents(MATRIX, SERIES, ERROR).map(encoded)
    | mutated_bytes(*map(encoded, (MATRIX, SERIES, ERROR))),
    status=st.sampled_from([200, 204, 302, 400, 401, 404, 413, 422, 429, 500, 503]),
)
def test_what_a_prometheus_answers_is_used_or_one_sentence(body: bytes, status: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        answer = HttpResponse(body, "application/json", status)
        patch.setattr(BlockingClient, "post_form", lambda *_: answer)
        api = PrometheusApi("http://127.0.0.1:1", sleep=lambda seconds: None)
        refusal(CompareError, lambda: api.range("up", 100, 105, 5))
        refusal(CompareError, lambda: api.series("up", 100, 105))
