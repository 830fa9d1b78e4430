"""Kubernetes manifests rendered by kubectl and checked against schemas.

Core kinds: the published OpenAPI schemas (kubernetes-validate), several releases, no unknown keys.
The Prometheus operator's and KEDA's kinds: models made from their CRDs. Other kinds have no schema
to be had as a package: the pod templates inside them are checked as core ones, the rest against the
fields listed here, which are those used and no more.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import yaml

ROOT: Final = Path(__file__).parent.parent.parent
KUBERNETES: Final = ROOT / "deploy" / "kubernetes"
RELEASES: Final = ("1.30", "1.37")
KUSTOMIZATIONS: Final = sorted(
    str(path.parent.relative_to(KUBERNETES)) for path in KUBERNETES.rglob("kustomization.yaml")
)

Object = dict[str, Any]
_MODELS: Final = {
    "ServiceMonitor": "cloudcoil.models.prometheus_operator.v1",
    "PodMonitor": "cloudcoil.models.prometheus_operator.v1",
    "PrometheusRule": "cloudcoil.models.prometheus_operator.v1",
    "ScaledObject": "cloudcoil.models.keda.v1alpha1",
}
_FIELDS: Final[dict[str, dict[str, set[str]]]] = {
    "AnalysisTemplate": {
        "spec": {"args", "metrics"},
        "spec.args": {"name", "value"},
        "spec.metrics": {
            *("name", "initialDelay", "interval", "count", "failureLimit"),
            *("successCondition", "failureCondition", "provider", "inconclusiveLimit"),
            *("consecutiveSuccessLimit", "consecutiveErrorLimit"),
        },
        "spec.metrics.provider": {"prometheus", "job"},
        "spec.metrics.provider.prometheus": {"address", "query"},
    },
    "Canary": {
        "spec": {"targetRef", "progressDeadlineSeconds", "service", "analysis"},
        "spec.targetRef": {"apiVersion", "kind", "name"},
        "spec.service": {"port"},
        "spec.analysis": {"interval", "iterations", "threshold", "match", "metrics"},
        "spec.analysis.metrics": {
            *("name", "templateRef", "thresholdRange", "interval", "templateVariables"),
        },
    },
    "MetricTemplate": {"spec": {"provider", "query"}, "spec.provider": {"type", "address"}},
    "LeaderWorkerSet": {
        "spec": {"replicas", "leaderWorkerTemplate"},
        "spec.leaderWorkerTemplate": {
            *("size", "restartPolicy", "leaderTemplate", "workerTemplate"),
        },
    },
    "GrafanaDashboard": {
        "spec": {"instanceSelector", "folder", "configMapRef"},
        "spec.configMapRef": {"name", "key"},
    },
    "PodMonitoring": {"spec": {"selector", "endpoints"}, "spec.endpoints": {"port", "interval"}},
}


def is_ours(image: object) -> bool:
    """Say whether an image is this project's, from whichever registry."""
    return str(image).partition(":")[0].rpartition("/")[2] == "inferfleet"


def program(name: str) -> str:
    """Return the path of a program installed with the tests' own packages."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert found, f"{name} is not installed; run make setup"
    return found


@cache
def rendered(kustomization: str) -> tuple[Object, ...]:
    """Return the resources of a kustomization, as kubectl renders them."""
    done = subprocess.run(
        [program("kubectl"), "kustomize", str(KUBERNETES / kustomization)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return tuple(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def check(resource: Object) -> str:
    """Check one resource and return with what; fails with the place of what is wrong."""
    return _checked(json.dumps(resource, sort_keys=True))


@cache
def _checked(text: str) -> str:
    """Check a resource by its text, since overlays hold the same ones again."""
    resource = json.loads(text)
    kind = resource["kind"]
    if kind in _MODELS:
        _models(resource)
        return "CRD models"
    if kind in _FIELDS:
        _only(resource, _FIELDS[kind], "")
        for release in RELEASES:
            for core in _core_inside(resource):
                kubernetes_validate.validate(core, release, strict=True)
        return "own fields"
    for release in RELEASES:
        kubernetes_validate.validate(resource, release, strict=True)
    return "Kubernetes"


def _models(resource: Object) -> None:
    kind = resource["kind"]
    # imported where it is used: two seconds, and only some of the tests' processes need it
    made = getattr(import_module(_MODELS[kind]), kind).model_validate(resource)
    told = made.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert not list(_lost(resource, told, resource["kind"]))


def _lost(given: Any, told: Any, place: str) -> Iterator[str]:
    """Yield what the CRD does not know, which its models drop without a word."""
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(told, dict) or key not in told:
                yield f"{place}.{key}"
            else:
                yield from _lost(value, told[key], f"{place}.{key}")
    elif isinstance(given, list) and isinstance(told, list):
        for one, other in zip(given, told, strict=True):
            yield from _lost(one, other, place)


def _only(value: Any, fields: Mapping[str, set[str]], place: str) -> None:
    if isinstance(value, list):
        for one in value:
            _only(one, fields, place)
    elif isinstance(value, dict):
        assert value.keys() <= fields.get(place, value.keys()), (place, value.keys())
        for key, one in value.items():
            _only(one, fields, f"{place}.{key}".removeprefix("."))


def _core_inside(resource: Object) -> Iterator[Object]:
    """Yield the parts of a custom resource that are core kinds, as resources of their own."""
    if resource["kind"] == "LeaderWorkerSet":
        group = resource["spec"]["leaderWorkerTemplate"]
        for template in (group["leaderTemplate"], group["workerTemplate"]):
            meta = {"name": "x", **template.get("metadata", {})}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
    elif resource["kind"] == "AnalysisTemplate":
        for metric in resource["spec"]["metrics"]:
            if "job" in metric["provider"]:
                job = metric["provider"]["job"]
                yield {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}, **job}


def templates(resource: Object) -> Iterator[Object]:
    """Yield the pod templates of a resource, the custom kinds' included."""
    if "template" in resource.get("spec", {}):
        yield resource["spec"]["template"]
    for core in _core_inside(resource):
        yield core if core["kind"] == "Pod" else core["spec"]["template"]
