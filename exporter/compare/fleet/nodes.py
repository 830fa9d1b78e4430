"""Where each server ran: what makes a pod with a new name the same node as the one before it.

The same GPUs are the same place. Where they are unknown, a machine that never had two servers at a
time is one; a machine that had several tells which it was only together with the target, and of
pods that were renamed there nothing is known but the machine.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from .api import PrometheusApi
from .servers import target_key
from .span import Span
from .windows import ServerKey, TargetKey, Windows

_MAX_POINTS: Final = 200
_SERIES: Final = 1000

Interval = tuple[float, float]
"""Start and end in Unix seconds."""

_Values = Mapping[TargetKey, Sequence[tuple[str, Interval]]]
"""The values of a label that a target had, each with a time it had it in."""


@dataclass(frozen=True, slots=True)
class _Hardware:
    """The time a server worked in, and the GPUs and machines it had in it, where known."""

    lifetime: Interval
    gpus: frozenset[str]
    machines: frozenset[str]

    @property
    def machine(self) -> str:
        """The machine, empty where it is unknown or was more than one."""
        return next(iter(self.machines)) if len(self.machines) == 1 else ""


def with_nodes(
    api: PrometheusApi, windows: Windows, span: Span, keep_labels: Sequence[str]
) -> tuple[ServerKey, ...]:
    """Return the servers of the windows with their nodes and machines, as far as they are known."""
    gpus = _fetch(api, "server_gpu_info", "uuid", span, keep_labels)
    machines = _fetch(api, "server_pod_info", "node", span, keep_labels)
    hardware = []
    for i, server in enumerate(windows.servers):
        times = windows.time[windows.server == i]
        first, last = (times.min(), times.max() + windows.width) if len(times) else (0.0, 0.0)
        lifetime = float(first), float(last)
        hardware.append(
            _Hardware(
                lifetime,
                _within(gpus.get(server.target_key, ()), lifetime),
                _within(machines.get(server.target_key, ()), lifetime),
            )
        )
    return _with_nodes(windows.servers, hardware, windows.width)


def _with_nodes(
    servers: Sequence[ServerKey], hardware: Sequence[_Hardware], width: float
) -> tuple[ServerKey, ...]:
    on_machine: dict[tuple[str, str], list[int]] = {}
    for i, (server, own_hardware) in enumerate(zip(servers, hardware, strict=True)):
        on_machine.setdefault((server.cluster, own_hardware.machine), []).append(i)
    single = {
        key: bool(key[1])
        and not _overlap([(servers[i].target_key, hardware[i].lifetime) for i in members], width)
        for key, members in on_machine.items()
    }
    placed = []
    for server, own_hardware in zip(servers, hardware, strict=True):
        key = server.cluster, own_hardware.machine
        members = on_machine[key]
        place = ""
        # of servers that followed each other on a machine, some with their GPUs known and some not,
        # the machine alone is known of all
        if own_hardware.gpus and not (single[key] and any(not hardware[i].gpus for i in members)):
            place = "gpus " + " ".join(sorted(own_hardware.gpus))
        elif own_hardware.machine:
            place = f"node {own_hardware.machine}"
            if not single[key]:
                place = f"{server.target} on {place}"
        if place:
            place = "/".join(filter(None, (server.cluster, place)))
        machine = "/".join(filter(None, key)) if own_hardware.machine else ""
        placed.append(replace(server, node=place, machine=machine))
    return tuple(placed)


def _overlap(lifetimes: Iterable[tuple[TargetKey, Interval]], width: float) -> bool:
    """Whether two targets worked at one time, for longer than a window in which both may be."""
    ordered = sorted(lifetimes, key=lambda item: item[1])
    end: dict[TargetKey, float] = {}
    for target, (first, last) in ordered:
        if any(first < before - width for other, before in end.items() if other != target):
            return True
        end[target] = max(last, end.get(target, last))
    return False


def _within(values: Sequence[tuple[str, Interval]], lifetime: Interval) -> frozenset[str]:
    """Return the values had inside a lifetime, those that touch it where none lies inside."""
    first, last = lifetime
    inside = {value for value, (start, end) in values if start >= first and end <= last}
    return frozenset(inside) or frozenset(
        value for value, (start, end) in values if start < last and end > first
    )


def _fetch(
    api: PrometheusApi, name: str, label: str, span: Span, keep_labels: Sequence[str]
) -> _Values:
    """Return the values of a label of an info series, by target."""
    step = max(span.seconds / _MAX_POINTS, 60.0)
    grouping = ", ".join((*keep_labels, "target", label))
    query = f'max by ({grouping}) (max_over_time(inferfleet_{name}{{{label}!=""}}[{step:.0f}s]))'
    values: dict[TargetKey, list[tuple[str, Interval]]] = {}
    times = np.arange(span.start + step, span.end + step, step)
    for series in api.range_in_chunks(query, times, step, _SERIES):
        value, target = series.labels.get(label, ""), target_key(series.labels, keep_labels)
        if not value:
            continue
        spans = [(value, (float(time) - step, float(time))) for time in series.times]
        values.setdefault(target, []).extend(spans)
    return values
