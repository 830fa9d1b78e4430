"""Pods of the manifests as a cluster makes them, and what the exporter inside one learns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exporter.config import Config, load_config
from exporter.discovery.local import Host, own_host

from .kube import Object, is_ours, rendered, templates

RANDOM = ("x7k2p", "b4c5d")
NAMESPACE = "inference"


def replicas(kustomization: str, revision: str = "7d9c5b8f4") -> Iterator[Object]:
    """Yield two running pods of a kustomization's workload, each made by its controller's rules."""
    resource = next(
        candidate for candidate in rendered(kustomization) if list(templates(candidate))
    )
    template = next(templates(resource))
    name = resource["metadata"]["name"]
    for index in range(2):
        if resource["kind"] == "Deployment":
            pod = f"{name}-{revision}-{RANDOM[index]}"
            owner = {"kind": "ReplicaSet", "name": f"{name}-{revision}"}
            labels = {"pod-template-hash": revision}
        else:
            pod = f"{name}-{index}"
            owner = {"kind": "StatefulSet", "name": name}
            labels = {
                "statefulset.kubernetes.io/pod-name": pod,
                "apps.kubernetes.io/pod-index": str(index),
                "controller-revision-hash": f"{name}-{revision}",
            }
        if resource["kind"] == "LeaderWorkerSet":
            labels |= {
                "leaderworkerset.sigs.k8s.io/name": name,
                "leaderworkerset.sigs.k8s.io/group-index": str(index),
                "leaderworkerset.sigs.k8s.io/worker-index": "0",
            }
        yield running(template, pod, f"10.0.0.{index + 1}", labels, owner)


def running(
    template: Object,
    name: str,
    address: str = "10.0.0.1",
    labels: dict[str, str] | None = None,
    owner: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return a pod of a template as the API describes it once it runs."""
    return {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {**template["metadata"]["labels"], **(labels or {})},
            "annotations": annotations or {},
            "ownerReferences": [{**owner, "controller": True}] if owner else [],
        },
        "spec": {**template["spec"], "nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "podIP": address,
            "containerStatuses": [
                {"name": container["name"], "started": True}
                for container in template["spec"]["containers"]
            ],
        },
    }


def inside(pod: Object, kustomization: str, folder: Path) -> tuple[Host, Config]:
    """Return what the exporter of a pod learns of its surroundings, and its configuration.

    `folder` stands for the root of its file system.
    """
    (container,) = [
        container for container in pod["spec"]["containers"] if is_ours(container["image"])
    ]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    files = dict[str, Path]()
    for mount in container["volumeMounts"]:
        place = folder / mount["mountPath"].lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        volume = volumes[mount["name"]]
        for item in volume.get("downwardAPI", {}).get("items", ()):
            file = place / item["path"]
            values = _field(pod, item["fieldRef"]["fieldPath"])
            file.write_text("".join(f'{key}="{value}"\n' for key, value in values.items()))
            files[f"{mount['mountPath']}/{item['path']}"] = file
        if "configMap" in volume:
            (data,) = [
                resource["data"]
                for resource in rendered(kustomization)
                if resource["metadata"]["name"] == volume["configMap"]["name"]
            ]
            for name, text in data.items():
                (place / name).write_text(text)
                files[f"{mount['mountPath']}/{name}"] = place / name
    environ = {
        variable["name"]: _field(pod, variable["valueFrom"]["fieldRef"]["fieldPath"])
        if "valueFrom" in variable
        else variable["value"]
        for variable in container["env"]
    }
    environ["POD_LABELS_FILE"] = str(files[environ["POD_LABELS_FILE"]])
    arguments = container["args"]
    config = load_config(files[arguments[arguments.index("--config") + 1]])
    return own_host(environ), config


def _field(pod: Object, path: str) -> Any:
    """Return a field of a pod by its path, as the downward API does."""
    value: Any = pod
    for step in path.split("."):
        value = value[step]
    return value
