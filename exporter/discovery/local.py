"""Servers beside the exporter: what they are called where their address says only "this machine".

An address on loopback is the same on every machine and in every pod, so it names no server. In a
pod, known by the downward API, the server is called as discovery calls it from outside, so that its
series go on where one way of watching replaces the other.
"""

import os
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..base.errors import ConfigError
from ..base.yaml_text import read_text
from ..config import Target
from .pod import Pod, PodTarget, pod_of
from .workload import labelled_workload

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Host:
    """Where the exporter runs: the name of its machine, and its pod where that is known."""

    name: str
    pod: Pod | None = None


def own_host(environ: Mapping[str, str] = os.environ) -> Host:
    """Return where this process runs.

    The pod comes from the variables POD_NAMESPACE, POD_NAME and NODE_NAME, its workload from the
    labels in the file POD_LABELS_FILE. Raises `ConfigError` where that file cannot be read.
    """
    namespace, name = environ.get("POD_NAMESPACE"), environ.get("POD_NAME")
    if not namespace or not name:
        return Host(socket.gethostname())
    file = environ.get("POD_LABELS_FILE")
    workload = labelled_workload(name, _labels(Path(file))) if file else None
    pod = Pod(namespace, name, environ.get("NODE_NAME", ""), workload=workload)
    return Host(socket.gethostname(), pod)


def with_names(targets: Sequence[Target], host: Host) -> tuple[Target, ...]:
    """Return targets with those on loopback tied to their pod, and named where they are not.

    The only server of a pod is called as the pod is; several of one pod, and those of a machine,
    have their ports added.
    """
    placed = [_in_pod(target, host) for target in targets]
    servers = Counter(str(pod_of(target)) for target in placed if _is_nameless(target))
    return tuple(
        _named(target, host, single=servers[str(pod_of(target))] == 1)
        if _is_nameless(target)
        else target
        for target in placed
    )


def _is_nameless(target: Target) -> bool:
    return target.is_local and not target.name


def _in_pod(target: Target, host: Host) -> Target:
    """Return a target on loopback with the exporter's own pod, unless another is declared."""
    if not target.is_local or host.pod is None or target.declare.pod:
        return target
    return PodTarget(
        url=target.url,
        name=target.name,
        metrics_path=target.metrics_path,
        declare=target.declare.model_copy(update={"pod": str(host.pod)}),
        pod=host.pod,
    )


def _named(target: Target, host: Host, single: bool) -> Target:
    pod, address = pod_of(target), urlsplit(target.url)
    name = str(pod) if pod else host.name
    if not (pod and single):
        name += f":{address.port or _PORTS[address.scheme]}{address.path}"
    return target.model_copy(update={"name": name})


def _labels(file: Path) -> dict[str, str]:
    """Return the labels of a pod from a file of the downward API: lines like `key="value"`."""
    try:
        text = read_text(file)
    except ConfigError as error:
        raise ConfigError(
            f"POD_LABELS_FILE: {error}; mount the downward API volume with metadata.labels there, "
            "or unset the variable"
        ) from error
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value.strip('"') for key, _, value in pairs}
