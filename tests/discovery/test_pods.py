"""A pod's description becomes the servers in it, or a sentence that says what is missing."""

import re
from typing import Any

import pytest

from exporter.config import Declaration, KubernetesSdSettings
from exporter.discovery.container import Container
from exporter.discovery.pod import Pod, PodTarget, pod_labels
from exporter.discovery.pods import image_tag, pod_targets
from exporter.discovery.workload import Workload

from .fake_kube import SERVE, pod

PROXY = {"name": "proxy", "image": "proxy:1", "ports": [{"containerPort": 9}]}


def found(described: dict[str, Any], **section: Any) -> tuple[Any, ...]:
    return pod_targets(
        described, KubernetesSdSettings.model_validate({"selector": "app=vllm", **section})
    )


def noted(**notes: str) -> dict[str, Any]:
    return pod(metadata__annotations={f"inferfleet/{key}": value for key, value in notes.items()})


def test_pod_becomes_a_server_with_what_it_was_asked_for() -> None:
    assert found(pod()) == (
        PodTarget(
            url="http://10.0.0.1:8000",
            name="inference/a",
            declare=Declaration(pod="inference/a"),
            pod=Pod("inference", "a", container="vllm", workload=Workload("a", "pod")),
            container=Container("vllm/vllm-openai:v0.20.2", tuple(SERVE), gpus=2),
        ),
    )


def test_annotations_say_what_a_server_is() -> None:
    (server,) = found(
        noted(port="9001", path="v2/metrics", scheme="https", name="canary", release="x", gpus="4")
    )
    assert (server.url, server.metrics_path) == ("https://10.0.0.1:9001", "/v2/metrics")
    assert server.label == "canary"
    assert (server.declare.release, server.declare.gpus) == ("x", 4)


def test_several_ports_are_several_servers_that_share_the_gpus_unsaid() -> None:
    pod_targets = found(noted(port="8000, 8001"))
    assert [one.label for one in pod_targets] == ["inference/a:8000", "inference/a:8001"]
    assert [one.container.gpus for one in pod_targets] == [None, None]


@pytest.mark.parametrize(
    ("notes", "section", "watched"),
    [
        ({}, {}, True),
        ({"watch": "false"}, {}, False),
        ({}, {"annotated": True}, False),
        ({"watch": "true"}, {"annotated": True}, True),
    ],
)
def test_annotation_says_whether_a_pod_is_watched(
    notes: dict[str, str], section: dict[str, Any], watched: bool
) -> None:
    assert bool(found(noted(**notes), **section)) is watched


@pytest.mark.parametrize(
    ("status", "watched"),
    [
        ({"restartCount": 0, "started": False}, False),
        ({"restartCount": 3, "started": False}, True),
        ({"restartCount": 0, "started": True, "ready": False}, True),
        ({"restartCount": 0}, True),
    ],
)
def test_server_that_loads_for_the_first_time_is_not_down_yet(
    status: dict[str, Any], watched: bool
) -> None:
    described = pod(status__containerStatuses=[{"name": "vllm", **status}])
    assert bool(found(described)) is watched


@pytest.mark.parametrize("place", ["status__phase", "status__podIP"])
def test_pod_without_a_running_server_is_none(place: str) -> None:
    assert found(pod(**{place: ""})) == ()


def test_address_of_the_sixth_version_stands_in_brackets() -> None:
    assert found(pod(ip="2001:db8::2"))[0].url == "http://[2001:db8::2]:8000"


def test_only_the_leader_of_a_group_is_asked_and_its_gpus_are_not_the_groups() -> None:
    labels = {"leaderworkerset.sigs.k8s.io/worker-index": "1"}
    size = {"leaderworkerset.sigs.k8s.io/size": "2"}
    assert found(pod(metadata__labels=labels, metadata__annotations=size)) == ()
    labels = {"leaderworkerset.sigs.k8s.io/worker-index": "0"}
    (leader,) = found(pod(metadata__labels=labels, metadata__annotations=size))
    assert leader.container.gpus is None


def test_container_with_the_gpus_is_the_servers() -> None:
    described = pod()
    described["spec"]["containers"].insert(0, PROXY)
    assert found(described)[0].url == "http://10.0.0.1:8000"


def test_container_may_be_named() -> None:
    described = noted(container="vllm")
    described["spec"]["containers"].append(dict(PROXY, resources={"limits": {"amd.com/gpu": "1"}}))
    assert found(described)[0].url == "http://10.0.0.1:8000"


@pytest.mark.parametrize(
    ("limits", "gpus"),
    [
        ({"nvidia.com/gpu": "8"}, 8),
        ({"amd.com/gpu": 4}, 4),
        ({}, None),
        ({"nvidia.com/gpu": "0"}, None),
        ({"nvidia.com/mig-1g.10gb": "1"}, None),
        ({"nvidia.com/gpu.shared": "1"}, None),
    ],
)
def test_whole_gpus_are_counted_and_slices_are_not(
    limits: dict[str, Any], gpus: int | None
) -> None:
    described = pod(spec__containers__0__resources={"limits": limits})
    assert found(described)[0].container.gpus == gpus


def test_variables_from_elsewhere_are_unknown() -> None:
    env = [
        {"name": "VLLM_ATTENTION_BACKEND", "value": "FLASHINFER"},
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    (server,) = found(pod(spec__containers__0__env=env))
    assert server.container.env == {"VLLM_ATTENTION_BACKEND": "FLASHINFER"}
    assert "FLASHINFER" not in repr(server)


def test_release_may_come_from_the_image_a_label_or_an_annotation() -> None:
    assert found(pod(), release="image")[0].declare.release == "v0.20.2"
    labels = {"release": "pod-template-hash"}
    assert found(pod(), release="image", labels=labels)[0].declare.release == "7d9c5b8f4"
    assert found(noted(release="b"), labels=labels)[0].declare.release == "b"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("vllm/vllm-openai:v0.11.0", "v0.11.0"),
        ("registry.example:5000/a/b:1.2-cu126", "1.2-cu126"),
        ("registry.example:5000/a/b", None),
        ("a/b@sha256:0123456789abcdef", "0123456789ab"),
        ("a/b:v1@sha256:0123456789abcdef", "v1"),
    ],
)
def test_tag_of_an_image(image: str, expected: str | None) -> None:
    assert image_tag(image) == expected


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        (noted(gpu="8"), "there is no annotation inferfleet/gpu"),
        (noted(watch="yes"), "write true or false"),
        (noted(container="x"), "names 'x', which the pod does not have"),
        (noted(port="x"), "no port called 'x'"),
        (noted(gpus="many"), "gpus"),
        (pod(spec__containers__0__ports=[]), "declares 0 ports"),
        (pod(spec__containers=[dict(PROXY), dict(PROXY, name="b")]), "none stands out"),
    ],
)
def test_fault_says_what_to_mend(described: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        found(described)


def test_pod_is_known_with_its_node_container_and_workload() -> None:
    owners = [{"kind": "ReplicaSet", "name": "llama-7d9c5b8f4", "controller": True}]
    (server,) = found(pod(metadata__ownerReferences=owners, spec__nodeName="node-1"))
    assert pod_labels(server) == {
        "namespace": "inference",
        "pod": "a",
        "node": "node-1",
        "container": "vllm",
        "workload": "llama",
        "workload_type": "deployment",
    }


@pytest.mark.parametrize(
    ("described", "section"),
    [
        (noted(workload="rollout/blue"), {}),
        (pod(metadata__labels={"app": "vllm", "team": "blue"}), {"labels": {"workload": "team"}}),
    ],
)
def test_workload_can_be_declared(described: dict[str, Any], section: dict[str, Any]) -> None:
    (server,) = found(described, **section)
    assert pod_labels(server)["workload"] == "blue"


OTHER_HOST = "http://10.9.9.9/path?x="


@pytest.mark.parametrize(
    ("notes", "sentence"),
    [
        ({"scheme": OTHER_HOST}, f"inferfleet/scheme is {OTHER_HOST!r}; write http or https"),
        ({"scheme": "ftp"}, "inferfleet/scheme is 'ftp'; write http or https"),
        ({"scheme": "HTTP"}, "write http or https"),
        ({"path": "//10.9.9.9/x"}, "'//10.9.9.9/x' is no path of a page"),
        ({"path": "/x\r\nHost: other"}, "must be one line of printable text"),
        ({"path": "/x y"}, "is no path of a page"),
        ({"path": "/x#y"}, "is no path of a page"),
        ({"path": "\\\\other"}, "is no path of a page"),
        ({"port": "80@10.9.9.9"}, "has no port called '80@10.9.9.9'"),
        ({"port": "99999"}, "no usable port"),
        ({"port": "0"}, "is no server address"),
        ({"port": "\u00b2"}, "has no port called"),
        ({"port": "9" * 5000}, "has no port called"),
        ({"name": "inference/b"}, "as another pod may be called; write it without a /"),
        ({"name": "inference/a:8000"}, "as another pod may be called; write it without a /"),
        ({"name": "a\nb"}, "must be one line of printable text"),
        ({"release": "\ud800"}, "should be a valid string"),
        ({"gpus": "9" * 400}, "should be less than"),
    ],
)
def test_no_annotation_leads_away_from_the_pod_or_into_another_ones_name(
    notes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        found(noted(**notes))


@pytest.mark.parametrize("address", ["10.9.9.9/x?", "user@10.9.9.9", "example.com", "10.0.0.1:80"])
def test_a_pods_address_is_an_address_alone(address: str) -> None:
    with pytest.raises(ValueError, match="is no IP address"):
        found(pod(ip=address))


def test_names_of_a_pod_are_printable() -> None:
    with pytest.raises(ValueError, match="must be printable text on one line"):
        found(pod(spec__nodeName="n\n"))
