"""Servers on loopback: names that are one replica's own, in a pod and outside one."""

from pathlib import Path
from socket import gethostname

import pytest

from exporter.base.errors import ConfigError
from exporter.config import Config, Declaration, Target
from exporter.discovery import Discoverer
from exporter.discovery.local import Host, own_host, with_names
from exporter.discovery.pod import Pod, PodTarget, pod_labels, workload_of
from exporter.discovery.workload import Workload

MACHINE = Host("gpu-7")
POD = Pod("inference", "llama-0", "node-1", workload=Workload("llama", "statefulset"))
IN_POD = Host("llama-0", POD)


def names(host: Host, *urls: str) -> list[str]:
    return [target.label for target in with_names([Target(url=url) for url in urls], host)]


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8000", "localhost:8000", "http://[::1]:8000", "http://localhost:8000/metrics"],
)
def test_server_on_loopback_is_never_called_by_its_address(url: str) -> None:
    assert names(MACHINE, url) == ["gpu-7:8000"]
    assert names(IN_POD, url) == ["inference/llama-0"]


def test_several_servers_are_told_apart_by_their_ports() -> None:
    urls = ("localhost:8000", "localhost:8001", "https://localhost", "http://localhost/a")
    ports = [":8000", ":8001", ":443", ":80/a"]
    assert names(MACHINE, *urls) == [f"gpu-7{port}" for port in ports]
    assert names(IN_POD, *urls) == [f"inference/llama-0{port}" for port in ports]


def test_names_given_and_servers_elsewhere_stay_as_they_are() -> None:
    canary = Target(url="localhost:8000", name="canary")
    other = Target(url="10.0.0.5:8000")
    assert with_names([canary, other], MACHINE) == (canary, other)
    assert [target.label for target in with_names([canary, other], IN_POD)] == [
        "canary",
        "10.0.0.5:8000",
    ]


def test_server_on_loopback_is_in_the_exporters_pod() -> None:
    elsewhere, here = with_names([Target(url="10.0.0.5:1"), Target(url="localhost:1")], IN_POD)
    assert not isinstance(elsewhere, PodTarget)
    assert isinstance(here, PodTarget)
    assert here.is_local
    assert here.declare.pod == "inference/llama-0"
    assert pod_labels(here) == {
        "namespace": "inference",
        "pod": "llama-0",
        "node": "node-1",
        "container": "",
        "workload": "llama",
        "workload_type": "statefulset",
    }
    assert set(pod_labels(elsewhere).values()) == {""}


def test_declared_pod_and_workload_win() -> None:
    declared = Declaration(pod="other/x", workload="rollout/y")
    (target,) = with_names([Target(url="localhost:1", declare=declared)], IN_POD)
    assert target.label == "other/x"
    assert pod_labels(target)["namespace"] == "other"
    assert workload_of(target) == Workload("y", "rollout")


def test_pod_is_known_by_the_downward_api(tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.write_text('app="llama"\npod-template-hash="7d9c5b8f4"\n')
    environ = {
        "POD_NAMESPACE": "inference",
        "POD_NAME": "llama-7d9c5b8f4-x7k2p",
        "NODE_NAME": "node-1",
        "POD_LABELS_FILE": str(labels),
    }
    workload = Workload("llama", "deployment")
    pod = Pod("inference", "llama-7d9c5b8f4-x7k2p", "node-1", workload=workload)
    assert own_host(environ) == Host(gethostname(), pod)
    del environ["POD_LABELS_FILE"], environ["NODE_NAME"]
    assert own_host(environ).pod == Pod("inference", "llama-7d9c5b8f4-x7k2p")


@pytest.mark.parametrize("environ", [{}, {"POD_NAME": "a"}, {"POD_NAMESPACE": "a", "POD_NAME": ""}])
def test_half_known_pod_is_no_pod(environ: dict[str, str]) -> None:
    assert own_host(environ) == Host(gethostname())


def test_missing_file_of_labels_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    environ = {"POD_NAMESPACE": "a", "POD_NAME": "b", "POD_LABELS_FILE": str(tmp_path / "none")}
    with pytest.raises(ConfigError, match=r"POD_LABELS_FILE: .*none cannot be read: No such file"):
        own_host(environ)


def test_discovery_names_listed_servers_and_those_of_files(tmp_path: Path) -> None:
    listed = tmp_path / "servers.json"
    listed.write_text('[{"targets": ["localhost:9000"]}]')
    config = Config.model_validate(
        {"targets": ["localhost:8000"], "discovery": {"file_sd": [{"files": [str(listed)]}]}}
    )
    discoverer = Discoverer(config, host=MACHINE)
    assert [target.label for target in discoverer.targets()] == ["gpu-7:8000"]
    discoverer.refresh(0.0, wait=30.0)
    assert [target.label for target in discoverer.targets()] == ["gpu-7:8000", "gpu-7:9000"]


def test_one_server_listed_by_two_addresses_is_watched_once() -> None:
    config = Config.model_validate({"targets": ["localhost:8000", "127.0.0.1:8000"]})
    discoverer = Discoverer(config, host=MACHINE)
    discoverer.refresh(0.0, wait=30.0)
    assert [target.label for target in discoverer.targets()] == ["gpu-7:8000"]
    assert "is already known from targets" in discoverer.problems()[0]
