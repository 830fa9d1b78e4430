"""Recipes for serving stacks: pods as those stacks make them become servers at the right port."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest
import yaml
from helm_python import Chart

from exporter.config import Config, parse_config
from exporter.discovery.pod import PodTarget, workload_of
from exporter.discovery.pods import pod_targets

from ..charts import CHART, resources
from ..kube import ROOT
from ..pods import running

RECIPES: Final = ROOT / "deploy" / "recipes"
_GPU: Final = {"limits": {"nvidia.com/gpu": "1"}}


def container(
    name: str, ports: Mapping[int, str] | None = None, gpu: bool = True, **more: Any
) -> dict[str, Any]:
    declared = [
        {"containerPort": port, **({"name": label} if label else {})}
        for port, label in (ports or {}).items()
    ]
    return {"name": name, "ports": declared, "resources": _GPU if gpu else {}, **more}


def pod(name: str, labels: dict[str, str], *containers: dict[str, Any]) -> dict[str, Any]:
    template = {"metadata": {"labels": labels}, "spec": {"containers": list(containers)}}
    owner = {"kind": "ReplicaSet", "name": name.rpartition("-")[0]}
    return running(template, name, labels={"pod-template-hash": "7d9c5b8f4"}, owner=owner)


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Say whether labels match a selector of the forms a, a=b and a in (b,c)."""
    for part in re.split(r",(?![^(]*\))", selector):
        key, operator, value = re.fullmatch(r"([^=\s]+)(=| in |)(.*)", part).groups()  # type: ignore[union-attr]
        wanted: Sequence[str] = value.strip("()").split(",")
        if key not in labels or (operator and labels[key] not in wanted):
            return False
    return True


def recipe(name: str) -> tuple[dict[str, Any], Config]:
    values = yaml.safe_load((RECIPES / f"{name}.yaml").read_text(encoding="utf-8"))
    return values, parse_config(values["config"], name)


def found(name: str, candidate: dict[str, Any]) -> list[PodTarget]:
    _, config = recipe(name)
    labels = candidate["metadata"]["labels"]
    return [
        target
        for section in config.discovery.kubernetes
        if matches(section.selector or "", labels)
        for target in pod_targets(candidate, section)
        if isinstance(target, PodTarget)
    ]


KSERVE: Final = {"serving.kserve.io/inferenceservice": "llama", "component": "predictor"}
KNATIVE: Final = container("queue-proxy", {8022: "http-usermetric", 9091: "http-usm"}, gpu=False)


def llm(role: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "llama",
        "app.kubernetes.io/part-of": "llminferenceservice",
        "app.kubernetes.io/component": "llminferenceservice-workload",
        "kserve.io/component": "workload",
        "llm-d.ai/role": role,
    }


def llm_d(role: str) -> dict[str, str]:
    return {"llm-d.ai/inferenceServing": "true", "llm-d.ai/model": "m", "llm-d.ai/role": role}


def ray(kind: str) -> dict[str, str]:
    return {"ray.io/cluster": "llama", "ray.io/is-ray-node": "yes", "ray.io/node-type": kind}


STACK: Final = {"model": "llama3", "helm-release-name": "vllm", "environment": "test"}
ENGINE: Final = {8000: "container-port", 55555: "zmq-port", 9999: "ucx-port"}
RAY_PORTS: Final = {6379: "gcs-server", 8265: "dashboard", 10001: "client", 8080: "metrics"}
# recipe, pod, port of the server, its workload and role; port None: no server
CASES: Final[dict[str, tuple[str, dict[str, Any], int | None, str, str | None]]] = {
    "KServe, Standard": (
        "kserve",
        pod("llama-predictor-7d9c5b8f4-x7k2p", KSERVE, container("kserve-container")),
        8080,
        "llama",
        None,
    ),
    "KServe, Knative": (
        "kserve",
        pod(
            "llama-predictor-00001-deployment-7d9c5b8f4-x7k2p",
            {**KSERVE, "serving.knative.dev/service": "llama-predictor"},
            container("kserve-container", {8080: "user-port"}),
            KNATIVE,
        ),
        8080,
        "llama",
        None,
    ),
    "KServe, a transformer": (
        "kserve",
        pod(
            "llama-transformer-7d9c5b8f4-x7k2p",
            {**KSERVE, "component": "transformer"},
            container("kserve-container", gpu=False),
        ),
        None,
        "",
        None,
    ),
    "KServe, LLMInferenceService": (
        "kserve",
        pod("llama-kserve-7d9c5b8f4-x7k2p", llm("both"), container("main", {8000: ""})),
        8000,
        "llama",
        "both",
    ),
    "KServe, its prefill": (
        "kserve",
        pod("llama-kserve-prefill-7d9c5b8f4-x7k2p", llm("prefill"), container("main", {8000: ""})),
        8000,
        "llama-prefill",
        "prefill",
    ),
    "KServe, its decode behind the proxy": (
        "kserve",
        pod("llama-kserve-7d9c5b8f4-x7k2p", llm("decode"), container("main", {8001: ""})),
        8001,
        "llama-decode",
        "decode",
    ),
    "llm-d, decode behind the proxy": (
        "llm-d",
        pod("ms-decode-7d9c5b8f4-x7k2p", llm_d("decode"), container("vllm", {8200: "", 5557: ""})),
        8200,
        "ms-decode",
        "decode",
    ),
    "llm-d, prefill": (
        "llm-d",
        pod(
            "ms-prefill-7d9c5b8f4-x7k2p", llm_d("prefill"), container("vllm", {8000: "", 5557: ""})
        ),
        8000,
        "ms-prefill",
        "prefill",
    ),
    "llm-d, endpoint picker": (
        "llm-d",
        pod("ms-epp-7d9c5b8f4-x7k2p", {"llm-d.ai/epp": "ms"}, container("epp", {9090: "metrics"})),
        None,
        "",
        None,
    ),
    "production-stack": (
        "production-stack",
        pod("vllm-llama3-deployment-vllm-7d9c5b8f4-x7k2p", STACK, container("vllm", ENGINE)),
        8000,
        "vllm-llama3-deployment-vllm",
        None,
    ),
    "production-stack, LoRA downloader beside it": (
        "production-stack",
        pod(
            "vllm-llama3-deployment-vllm-7d9c5b8f4-x7k2p",
            STACK,
            container("vllm", {**ENGINE, 8000: "container-port"}),
            container("sidecar", {30090: ""}, gpu=False),
        ),
        8000,
        "vllm-llama3-deployment-vllm",
        None,
    ),
    "production-stack, router": (
        "production-stack",
        pod(
            "vllm-deployment-router-7d9c5b8f4-x7k2p",
            {"environment": "router", "release": "router"},
            container("router-container", {8000: "router-port"}, gpu=False),
        ),
        None,
        "",
        None,
    ),
    "Ray Serve, worker": (
        "ray-serve",
        pod("llama-gpu-worker-x7k2p", ray("worker"), container("ray-worker", {8080: "metrics"})),
        8080,
        "llama",
        None,
    ),
    "Ray Serve, head": (
        "ray-serve",
        pod("llama-head-x7k2p", ray("head"), container("ray-head", RAY_PORTS, gpu=False)),
        None,
        "",
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_pods_of_the_stack_become_servers_once_and_at_their_port(case: str) -> None:
    name, candidate, port, workload, role = CASES[case]
    targets = found(name, candidate)
    if port is None:
        assert targets == []
        return
    (target,) = targets
    assert target.url == f"http://10.0.0.1:{port}"
    assert target.metrics_path == "/metrics"
    assert target.container is not None
    assert target.container.gpus == 1
    assert target.declare.role == role
    belongs = workload_of(target)
    assert belongs is not None
    assert belongs.name == workload


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_recipe_is_good_for_the_chart_and_its_network_policy(name: str) -> None:
    values, _ = recipe(name)
    with Chart.load(CHART) as chart:
        chart.validate_schema(values)
    (policy,) = [one for one in resources(values) if one["kind"] == "NetworkPolicy"]
    open_ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert {port for recipe_, _, port, _, _ in CASES.values() if recipe_ == name} - {
        None
    } <= open_ports
