"""Who the servers were, from an API: identity, limits, starts, and which GPUs were under them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ...vocabulary.exporter import SERVER_INFO
from .api import Api
from .windows import Facts, Floats, Ints, Server

if TYPE_CHECKING:
    from .span import Span

_LIMITS: Final = {
    "max_running_requests": "max by (target) (inferfleet_max_running_requests)",
    "max_batched_tokens": "max by (target) (inferfleet_max_batched_tokens)",
    "gpus": "max by (target) (inferfleet_gpus)",
    "kv_cache_capacity_tokens": "max by (target) (inferfleet_kv_cache_capacity_tokens)",
}
_START: Final = "max by (target) (inferfleet_server_start_time_seconds)"
_POINTS: Final = 100
_MANY: Final = 1000


@dataclass(frozen=True, slots=True)
class Life:
    """One release on one target: its labels in `inferfleet_server_info`."""

    labels: Mapping[str, str]


def lives(api: Api, start: float, end: float) -> dict[tuple[str, str, str], Life]:
    """Return who each target was, by target, release and class; a changed setting keeps both."""
    found: dict[tuple[str, str, str], Life] = {}
    for labels in api.series("inferfleet_server_info", start, end):
        key = labels.get("target", ""), labels.get("release", ""), labels.get("class", "")
        known = {name: labels[name] for name in SERVER_INFO.labels if labels.get(name)}
        if key in found:
            held = found[key].labels
            known = {
                name: value if held.get(name, value) == value else f"{held[name]}, {value}"
                for name, value in known.items()
            }
        found[key] = Life(known)
    return found


def nodes(api: Api, servers: Sequence[Server], start: float, end: float) -> tuple[Server, ...]:
    """Return the servers with the hardware they ran on, where their GPUs are known."""
    gpus: dict[str, set[str]] = {}
    for labels in api.series("inferfleet_server_gpu_info", start, end):
        if labels.get("uuid"):
            gpus.setdefault(labels.get("target", ""), set()).add(labels["uuid"])
    named = {target: "gpus " + " ".join(sorted(uuids)) for target, uuids in gpus.items()}
    return tuple(replace(one, node=named.get(one.target, one.target)) for one in servers)


def facts_of(
    api: Api,
    servers: Sequence[Server],
    known: Mapping[tuple[str, str, str], Life],
    span: "Span",
    server: Ints,
    time: Floats,
) -> tuple[Facts, ...]:
    """Return what is known of each server; its limits are those told while it had work."""
    step = max((span.end - span.start) / _POINTS, 60.0)
    limits = {name: _by_target(api, query, span, step) for name, query in _LIMITS.items()}
    starts = _by_target(api, _START, span, step)
    found = []
    for i, one in enumerate(servers):
        mine = time[server == i]
        first, last = (mine.min(), mine.max()) if len(mine) else (0.0, 0.0)
        life = known.get((one.target, one.release, one.server_class))
        numbers = dict[str, float]()
        for name, told in limits.items():
            times, values = told.get(one.target, _NONE)
            inside = _during(times, values, first, last, step)
            if len(inside):
                numbers[name] = float(np.median(inside))
        times, values = starts.get(one.target, _NONE)
        begun = np.unique(_during(times, values, first, last, step))
        found.append(Facts(life.labels if life else {}, numbers, tuple(float(b) for b in begun)))
    return tuple(found)


_NONE: Final = np.zeros(0), np.zeros(0)


def _during(times: Floats, values: Floats, first: float, last: float, step: float) -> Floats:
    """Return the values of a life, those beside it where it is shorter than a step."""
    inside = (times >= first) & (times <= last)
    if not inside.any():
        inside = (times >= first - step) & (times <= last + step)
    return np.asarray(values[inside])


def _by_target(api: Api, query: str, span: "Span", step: float) -> dict[str, tuple[Floats, Floats]]:
    parts: dict[str, list[tuple[Floats, Floats]]] = {}
    times = np.arange(span.start, span.end + 1e-6, step)
    for one in api.chunks(query, times, step, _MANY):
        parts.setdefault(one.labels.get("target", ""), []).append((one.times, one.values))
    return {
        target: (np.concatenate([t for t, _ in found]), np.concatenate([v for _, v in found]))
        for target, found in parts.items()
    }
