"""A pod as the Kubernetes API describes it becomes the servers in it; pure arithmetic.

Annotations of the pod come first: `inferfleet/watch`, `inferfleet/port` (one or several),
`inferfleet/path`, `inferfleet/scheme`, `inferfleet/container`, `inferfleet/name`, and
`inferfleet/<field>` for every field an operator may declare (`inferfleet/release`, ...). Then the
section of the configuration speaks, then the container's own ports.

Fields: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..config import Declaration, KubernetesSdSettings, Target
from .workload import PodTarget, Workload

Object = Mapping[str, Any]

_PREFIX: Final = "inferfleet/"
_OWN: Final = frozenset({"watch", "port", "path", "scheme", "container", "name"})
_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_LWS: Final = "leaderworkerset.sigs.k8s.io/"
_GPUS: Final = ("nvidia.com/gpu", "amd.com/gpu")
_GPU_SLICE: Final = re.compile(r"nvidia\.com/(?:mig-.*|gpu\.shared)")
_TAG: Final = re.compile(r"(?:[^@]*/)?[^/:@]+(?::(?P<tag>[^@/]+))?(?:@(?P<digest>\S+))?")


def servers(pod: Object, section: KubernetesSdSettings) -> tuple[Target, ...]:
    """Return the servers to watch in a pod, none where it is not one, not up yet or ended.

    Raises `ValueError` with what is wrong, without the pod's name.
    """
    meta, spec, status = _table(pod, "metadata"), _table(pod, "spec"), _table(pod, "status")
    notes = _notes(meta)
    if not _watched(notes, section) or not _leads(meta) or status.get("phase") != "Running":
        return ()
    container = _container(spec, meta, notes, section)
    if not _began(container, status):
        return ()
    ports = _ports(container, notes, section)
    address = str(status.get("podIP") or "")
    if not address:
        return ()
    host = f"[{address}]" if ":" in address else address
    name = notes.get("name") or f"{meta['namespace']}/{meta['name']}"
    workload = _workload(container, meta, alone=len(ports) == 1)
    declared = _declared(meta, notes, section, workload.image)
    return tuple(
        PodTarget(
            url=f"{notes.get('scheme', section.scheme)}://{host}:{port}",
            name=name if len(ports) == 1 else f"{name}:{port}",
            metrics_path="/" + notes.get("path", "/metrics").removeprefix("/"),
            declare=declared,
            workload=workload,
        )
        for port in ports
    )


def _table(holder: Object, key: str) -> Object:
    found = holder.get(key)
    return found if isinstance(found, dict) else {}


def _notes(meta: Object) -> dict[str, str]:
    """Return the annotations that are meant for this exporter, without their prefix."""
    notes = {
        key.removeprefix(_PREFIX): str(value)
        for key, value in _table(meta, "annotations").items()
        if key.startswith(_PREFIX) and value
    }
    for key in notes.keys() - _OWN - Declaration.model_fields.keys():
        raise ValueError(f"there is no annotation {_PREFIX}{key}; correct its name or remove it")
    return notes


def _watched(notes: Mapping[str, str], section: KubernetesSdSettings) -> bool:
    wanted = notes.get("watch", "false" if section.annotated else "true")
    if wanted not in ("true", "false"):
        raise ValueError(f"{_PREFIX}watch is {wanted!r}; write true or false")
    return wanted == "true"


def _leads(meta: Object) -> bool:
    """Whether the pod answers for a server: of a LeaderWorkerSet's group only the leader does."""
    return str(_table(meta, "labels").get(f"{_LWS}worker-index", "0")) == "0"


def _began(container: Object, status: Object) -> bool:
    """Whether the server has been up once in this pod, by its startup probe where it has one.

    A server that is loading its model for the first time is not down yet; one that crashed is.
    """
    for told in status.get("containerStatuses") or ():
        if told.get("name") == container.get("name"):
            started = told.get("started")
            return bool(told.get("restartCount")) or started is None or bool(started)
    return False


def _container(
    spec: Object, meta: Object, notes: Mapping[str, str], section: KubernetesSdSettings
) -> Object:
    """Return the container the server is in: named, else with the port, else with the GPUs."""
    containers: Sequence[Object] = spec.get("containers") or ()
    wanted = notes.get("container")
    if wanted:
        for one in containers:
            if one.get("name") == wanted:
                return one
        raise ValueError(f"{_PREFIX}container names {wanted!r}, which the pod does not have")
    default = _table(meta, "annotations").get(_DEFAULT_CONTAINER)
    port = section.port
    for fits in (
        lambda one: one.get("name") == default,
        lambda one: port is not None and port in _offered(one),
        lambda one: any(name in _limits(one) for name in _GPUS),
    ):
        found = [one for one in containers if fits(one)]
        if len(found) == 1:
            return found[0]
    if len(containers) == 1:
        return containers[0]
    raise ValueError(
        f"it has {len(containers)} containers and none stands out; name the server's in "
        f"{_PREFIX}container"
    )


def _offered(container: Object) -> set[int | str]:
    """Return the ports a container declares, by number and by name."""
    found = set[int | str]()
    for port in container.get("ports") or ():
        found |= {port.get("containerPort"), port.get("name")} - {None}
    return found


def _ports(container: Object, notes: Mapping[str, str], section: KubernetesSdSettings) -> list[int]:
    """Return the ports to ask, in order of their naming."""
    if "port" in notes:
        return [_port(container, part.strip()) for part in notes["port"].split(",")]
    if section.port is not None:
        return [_port(container, section.port)]
    declared = [port for port in container.get("ports") or () if port.get("protocol") != "UDP"]
    named = [port for port in declared if port.get("name") == "http"]
    for some in (named, declared):
        if len(some) == 1:
            return [int(some[0]["containerPort"])]
    raise ValueError(
        f"container {container.get('name')!r} declares {len(declared)} ports and none alone is "
        f"called http; say which in {_PREFIX}port or kubernetes.port"
    )


def _port(container: Object, wanted: int | str) -> int:
    if isinstance(wanted, int) or wanted.isdigit():
        return int(wanted)
    for port in container.get("ports") or ():
        if port.get("name") == wanted:
            return int(port["containerPort"])
    raise ValueError(f"container {container.get('name')!r} has no port called {wanted!r}")


def _workload(container: Object, meta: Object, alone: bool) -> Workload:
    env = {
        str(one.get("name")): str(one.get("value") or "")
        for one in container.get("env") or ()
        if "valueFrom" not in one
    }
    return Workload(
        image=str(container.get("image") or ""),
        command=tuple(map(str, container.get("command") or ())),
        arguments=tuple(map(str, container.get("args") or ())),
        env=env,
        gpus=_gpus(container) if alone and _group_size(meta) == "1" else None,
    )


def _limits(container: Object) -> Object:
    """Return what a container asks for; of GPUs request and limit are the same."""
    resources = _table(container, "resources")
    return {**_table(resources, "requests"), **_table(resources, "limits")}


def _gpus(container: Object) -> int | None:
    limits = _limits(container)
    if any(map(_GPU_SLICE.fullmatch, limits)):
        return None
    counts = [str(limits[name]) for name in _GPUS if name in limits]
    return int(counts[0]) or None if len(counts) == 1 and counts[0].isdigit() else None


def _group_size(meta: Object) -> str:
    """Return of how many pods the server is one: the others' GPUs are not to be seen from here."""
    return str(_table(meta, "annotations").get(f"{_LWS}size", "1"))


def _declared(
    meta: Object, notes: Mapping[str, str], section: KubernetesSdSettings, image: str
) -> Declaration:
    found: dict[str, object] = {"pod": f"{meta['namespace']}/{meta['name']}"}
    if section.release == "image":
        found["release"] = tag(image)
    found |= dict(_from_labels(meta, section))
    found |= {key: value for key, value in notes.items() if key not in _OWN}
    return Declaration.model_validate(found)


def _from_labels(meta: Object, section: KubernetesSdSettings) -> Iterator[tuple[str, str]]:
    """Yield the fields the section reads from a label, or an annotation of that name."""
    for key, name in section.labels.items():
        value = _table(meta, "labels").get(name) or _table(meta, "annotations").get(name)
        if value:
            yield key, str(value)


def tag(image: str) -> str | None:
    """Return an image's tag; the start of its digest where it has no tag but that."""
    match = _TAG.fullmatch(image)
    if match is None:
        return None
    digest = (match["digest"] or "").rpartition(":")[2]
    return match["tag"] or digest[:12] or None
