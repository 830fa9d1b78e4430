"""A pod as the Kubernetes API describes it becomes the servers in it; pure arithmetic.

Annotations of the pod come first: `inferfleet/watch`, `inferfleet/port` (one or several),
`inferfleet/path`, `inferfleet/scheme`, `inferfleet/container`, `inferfleet/name`, and
`inferfleet/<field>` for every field an operator may declare (`inferfleet/release`, ...). The
section of the configuration comes next, the container's own ports last.

Fields: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any, Final

from ..config import Declaration, KubernetesSdSettings, Target
from .container import Container
from .pod import Pod, PodTarget
from .workload import Workload, owned_workload

KubeObject = Mapping[str, Any]

_PREFIX: Final = "inferfleet/"
_RESERVED: Final = frozenset({"watch", "port", "path", "scheme", "container", "name"})
_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_LWS: Final = "leaderworkerset.sigs.k8s.io/"
_GPUS: Final = ("nvidia.com/gpu", "amd.com/gpu")
_GPU_SLICE: Final = re.compile(r"nvidia\.com/(?:mig-.*|gpu\.shared)")
_PORT: Final = re.compile(r"[0-9]{1,5}")
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
    scheme = annotations.get("scheme", section.scheme)
    if scheme not in ("http", "https"):
        raise ValueError(f"{_PREFIX}scheme is {scheme!r}; write http or https")
    in_pod = Pod(
        namespace=str(meta["namespace"]),
        name=str(meta["name"]),
        node=str(spec.get("nodeName") or ""),
        container=str(container.get("name") or ""),
        workload=owned_workload(
            str(meta["name"]), _mapping(meta, "labels"), meta.get("ownerReferences") or ()
        ),
    )
    name = _name(annotations, in_pod)
    specification = _specification(container, meta, single=len(ports) == 1)
    declaration = _declaration(meta, annotations, section, specification.image)
    return tuple(
        PodTarget(
            url=f"{scheme}://{_host(address)}:{port}",
            name=name if len(ports) == 1 else f"{name}:{port}",
            metrics_path="/" + annotations.get("path", "/metrics").removeprefix("/"),
            declare=declaration,
            pod=in_pod,
            container=specification,
        )
        for port in ports
    )


def _host(address: str) -> str:
    """Return a pod's address as it stands in a URL; nothing but an address may stand there."""
    try:
        host = ip_address(address)
    except ValueError:
        raise ValueError(f"its podIP {address!r} is no IP address") from None
    return f"[{host}]" if host.version == 6 else str(host)


def _name(annotations: Mapping[str, str], pod: Pod) -> str:
    """Return what a pod's server is called; no annotation can take another pod's own name."""
    texts = (pod.namespace, pod.name, pod.node, pod.container, *_names(pod.workload))
    if not all(map(str.isprintable, texts)):
        raise ValueError("its names must be printable text on one line")
    name = annotations.get("name", str(pod))
    if "/" in name and name != str(pod):
        raise ValueError(
            f"{_PREFIX}name is {name!r}, as another pod may be called; write it without a /"
        )
    return name


def _names(workload: Workload | None) -> tuple[str, ...]:
    return (workload.name, workload.type) if workload else ()


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
    if isinstance(port, int) or _PORT.fullmatch(port):
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
