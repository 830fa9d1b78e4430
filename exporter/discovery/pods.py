"""A pod as the Kubernetes API describes it becomes the servers in it; pure arithmetic.

Annotations of the pod come first: `inferfleet/watch`, `inferfleet/port` (one or several),
`inferfleet/path`, `inferfleet/scheme`, `inferfleet/container`, `inferfleet/name`, and
`inferfleet/<field>` for every field an operator may declare (`inferfleet/release`, ...). The
section of the configuration comes next, the container's own ports last.

Fields: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..config import Declaration, KubernetesSdSettings, Target
from .container import Container
from .pod import Pod, PodTarget
from .workload import owned_workload

KubeObject = Mapping[str, Any]

_PREFIX: Final = "inferfleet/"
_RESERVED: Final = frozenset({"watch", "port", "path", "scheme", "container", "name"})
_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_LWS: Final = "leaderworkerset.sigs.k8s.io/"
_GPUS: Final = ("nvidia.com/gpu", "amd.com/gpu")
_GPU_SLICE: Final = re.compile(r"nvidia\.com/(?:mig-.*|gpu\.shared)")
_TAG: Final = re.compile(r"(?:[^@]*/)?[^/:@]+(?::(?P<tag>[^@/]+))?(?:@(?P<digest>\S+))?")


def pod_targets(pod: KubeObject, section: KubernetesSdSettings) -> tuple[Target, ...]:
    """Return the servers to watch in a pod, none where it is not one, not up yet or ended.

    Raises `ValueError` with what is wrong, without the pod's name.
    """
    meta, spec, status = _mapping(pod, "metadata"), _mapping(pod, "spec"), _mapping(pod, "status")
    annotations = _annotations(meta)
    if (
        not _is_watched(annotations, section)
        or not _is_leader(meta)
        or status.get("phase") != "Running"
    ):
        return ()
    container = _server_container(spec, meta, annotations, section)
    if not _has_started(container, status):
        return ()
    ports = _ports(container, annotations, section)
    address = str(status.get("podIP") or "")
    if not address:
        return ()
    host = f"[{address}]" if ":" in address else address
    name = annotations.get("name") or f"{meta['namespace']}/{meta['name']}"
    in_pod = Pod(
        namespace=str(meta["namespace"]),
        name=str(meta["name"]),
        node=str(spec.get("nodeName") or ""),
        container=str(container.get("name") or ""),
        workload=owned_workload(
            str(meta["name"]), _mapping(meta, "labels"), meta.get("ownerReferences") or ()
        ),
    )
    specification = _specification(container, meta, single=len(ports) == 1)
    declaration = _declaration(meta, annotations, section, specification.image)
    return tuple(
        PodTarget(
            url=f"{annotations.get('scheme', section.scheme)}://{host}:{port}",
            name=name if len(ports) == 1 else f"{name}:{port}",
            metrics_path="/" + annotations.get("path", "/metrics").removeprefix("/"),
            declare=declaration,
            pod=in_pod,
            container=specification,
        )
        for port in ports
    )


def _mapping(holder: KubeObject, key: str) -> KubeObject:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def _annotations(meta: KubeObject) -> dict[str, str]:
    """Return the annotations that are meant for this exporter, without their prefix."""
    annotations = {
        key.removeprefix(_PREFIX): str(value)
        for key, value in _mapping(meta, "annotations").items()
        if key.startswith(_PREFIX) and value
    }
    for key in annotations.keys() - _RESERVED - Declaration.model_fields.keys():
        raise ValueError(f"there is no annotation {_PREFIX}{key}; correct its name or remove it")
    return annotations


def _is_watched(annotations: Mapping[str, str], section: KubernetesSdSettings) -> bool:
    watch = annotations.get("watch", "false" if section.annotated else "true")
    if watch not in ("true", "false"):
        raise ValueError(f"{_PREFIX}watch is {watch!r}; write true or false")
    return watch == "true"


def _is_leader(meta: KubeObject) -> bool:
    """Whether the pod serves requests: of a LeaderWorkerSet's group only the leader does."""
    return str(_mapping(meta, "labels").get(f"{_LWS}worker-index", "0")) == "0"


def _has_started(container: KubeObject, status: KubeObject) -> bool:
    """Whether the server has been up once in this pod, by its startup probe where it has one.

    A server that is loading its model for the first time is not down yet; one that crashed is.
    """
    for state in status.get("containerStatuses") or ():
        if state.get("name") == container.get("name"):
            started = state.get("started")
            return bool(state.get("restartCount")) or started is None or bool(started)
    return False


def _server_container(
    spec: KubeObject,
    meta: KubeObject,
    annotations: Mapping[str, str],
    section: KubernetesSdSettings,
) -> KubeObject:
    """Return the container the server is in: named, else with the port, else with the GPUs."""
    containers: Sequence[KubeObject] = spec.get("containers") or ()
    name = annotations.get("container")
    if name:
        for container in containers:
            if container.get("name") == name:
                return container
        raise ValueError(f"{_PREFIX}container names {name!r}, which the pod does not have")
    default = _mapping(meta, "annotations").get(_DEFAULT_CONTAINER)
    port = section.port
    for matches in (
        lambda container: container.get("name") == default,
        lambda container: port is not None and port in _declared_ports(container),
        lambda container: any(name in _resources(container) for name in _GPUS),
    ):
        candidates = [container for container in containers if matches(container)]
        if len(candidates) == 1:
            return candidates[0]
    if len(containers) == 1:
        return containers[0]
    raise ValueError(
        f"it has {len(containers)} containers and none stands out; name the server's in "
        f"{_PREFIX}container"
    )


def _declared_ports(container: KubeObject) -> set[int | str]:
    """Return the ports a container declares, by number and by name."""
    ports = set[int | str]()
    for port in container.get("ports") or ():
        ports |= {port.get("containerPort"), port.get("name")} - {None}
    return ports


def _ports(
    container: KubeObject, annotations: Mapping[str, str], section: KubernetesSdSettings
) -> list[int]:
    """Return the ports to scrape, in the order they are named."""
    if "port" in annotations:
        return [_port(container, part.strip()) for part in annotations["port"].split(",")]
    if section.port is not None:
        return [_port(container, section.port)]
    declared = [port for port in container.get("ports") or () if port.get("protocol") != "UDP"]
    named = [port for port in declared if port.get("name") == "http"]
    for candidates in (named, declared):
        if len(candidates) == 1:
            return [int(candidates[0]["containerPort"])]
    raise ValueError(
        f"container {container.get('name')!r} declares {len(declared)} ports and none alone is "
        f"called http; say which in {_PREFIX}port or kubernetes.port"
    )


def _port(container: KubeObject, port: int | str) -> int:
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for declared in container.get("ports") or ():
        if declared.get("name") == port:
            return int(declared["containerPort"])
    raise ValueError(f"container {container.get('name')!r} has no port called {port!r}")


def _specification(container: KubeObject, meta: KubeObject, single: bool) -> Container:
    env = {
        str(variable.get("name")): str(variable.get("value") or "")
        for variable in container.get("env") or ()
        if "valueFrom" not in variable
    }
    return Container(
        image=str(container.get("image") or ""),
        command=tuple(map(str, container.get("command") or ())),
        arguments=tuple(map(str, container.get("args") or ())),
        env=env,
        gpus=_gpus(container) if single and _group_size(meta) == "1" else None,
    )


def _resources(container: KubeObject) -> KubeObject:
    """Return a container's resources; of GPUs request and limit are equal by rule."""
    resources = _mapping(container, "resources")
    return {**_mapping(resources, "requests"), **_mapping(resources, "limits")}


def _gpus(container: KubeObject) -> int | None:
    resources = _resources(container)
    if any(map(_GPU_SLICE.fullmatch, resources)):
        return None
    counts = [str(resources[name]) for name in _GPUS if name in resources]
    return int(counts[0]) or None if len(counts) == 1 and counts[0].isdigit() else None


def _group_size(meta: KubeObject) -> str:
    """Return how many pods form the server: the GPUs of the other pods are unknown here."""
    return str(_mapping(meta, "annotations").get(f"{_LWS}size", "1"))


def _declaration(
    meta: KubeObject, annotations: Mapping[str, str], section: KubernetesSdSettings, image: str
) -> Declaration:
    fields: dict[str, object] = {"pod": f"{meta['namespace']}/{meta['name']}"}
    if section.release == "image":
        fields["release"] = image_tag(image)
    fields |= dict(_from_labels(meta, section))
    fields |= {key: value for key, value in annotations.items() if key not in _RESERVED}
    return Declaration.model_validate(fields)


def _from_labels(meta: KubeObject, section: KubernetesSdSettings) -> Iterator[tuple[str, str]]:
    """Yield the fields the section reads from a label, or an annotation of that name."""
    for key, name in section.labels.items():
        value = _mapping(meta, "labels").get(name) or _mapping(meta, "annotations").get(name)
        if value:
            yield key, str(value)


def image_tag(image: str) -> str | None:
    """Return an image's tag; the start of its digest where it has no tag but that."""
    match = _TAG.fullmatch(image)
    if match is None:
        return None
    digest = (match["digest"] or "").rpartition(":")[2]
    return match["tag"] or digest[:12] or None
