"""What an API knows of the servers: identity, limits, starts, and which GPUs were under them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from ...vocabulary.exporter import SERVER_INFO
from .api import PrometheusApi
from .arrays import Floats, Ints
from .span import Span
from .windows import ServerFacts, ServerKey

_LIMITS: Final = {
    "max_running_requests": "max by (target) (inferfleet_max_running_requests)",
    "max_batched_tokens": "max by (target) (inferfleet_max_batched_tokens)",
    "gpus": "max by (target) (inferfleet_gpus)",
    "kv_cache_capacity_tokens": "max by (target) (inferfleet_kv_cache_capacity_tokens)",
}
_START: Final = "max by (target) (inferfleet_server_start_time_seconds)"
_MAX_POINTS: Final = 100
_SERIES: Final = 1000

IdentityKey = tuple[str, str, str]
"""Target, release and class."""

Samples = tuple[Floats, Floats]
"""Times in Unix seconds, and the values at those times."""

_NO_SAMPLES: Final[Samples] = (np.zeros(0), np.zeros(0))


def fetch_identities(api: PrometheusApi, span: Span) -> dict[IdentityKey, dict[str, str]]:
    """Return the labels of `inferfleet_server_info` by target, release and class.

    A setting that changed within the time has both of its values.
    """
    identities: dict[IdentityKey, dict[str, str]] = {}
    for labels in api.series("inferfleet_server_info", span.start, span.end):
        key = identity_key(labels)
        identity = {name: labels[name] for name in SERVER_INFO.labels if labels.get(name)}
        if earlier := identities.get(key):
            identity = {
                name: value if earlier.get(name, value) == value else f"{earlier[name]}, {value}"
                for name, value in identity.items()
            }
        identities[key] = identity
    return identities


def identity_key(labels: Mapping[str, str]) -> IdentityKey:
    """Return the key of an identity from the labels of any series of a server."""
    return labels.get("target", ""), labels.get("release", ""), labels.get("class", "")


def fetch_nodes(
    api: PrometheusApi, servers: Sequence[ServerKey], span: Span
) -> tuple[ServerKey, ...]:
    """Return the servers with the hardware they ran on, where their GPUs are known."""
    gpus: dict[str, set[str]] = {}
    for labels in api.series("inferfleet_server_gpu_info", span.start, span.end):
        if labels.get("uuid"):
            gpus.setdefault(labels.get("target", ""), set()).add(labels["uuid"])
    nodes = {target: "gpus " + " ".join(sorted(uuids)) for target, uuids in gpus.items()}
    return tuple(
        replace(server, node=nodes.get(server.target, server.target)) for server in servers
    )


def fetch_facts(
    api: PrometheusApi,
    servers: Sequence[ServerKey],
    identities: Mapping[IdentityKey, Mapping[str, str]],
    span: Span,
    rows: tuple[Ints, Floats],
) -> tuple[ServerFacts, ...]:
    """Return what is known of each server; its limits are those reported while it had work.

    `rows` are the server and the time of each row of the windows.
    """
    row_server, row_time = rows
    step = max(span.seconds / _MAX_POINTS, 60.0)
    limits = {name: _samples_by_target(api, query, span, step) for name, query in _LIMITS.items()}
    start_times = _samples_by_target(api, _START, span, step)
    facts = []
    for i, server in enumerate(servers):
        times = row_time[row_server == i]
        lifetime = (times.min(), times.max()) if len(times) else (0.0, 0.0)
        identity = identities.get((server.target, server.release, server.server_class), {})
        medians = dict[str, float]()
        for name, by_target in limits.items():
            values = _during(by_target.get(server.target, _NO_SAMPLES), lifetime, step)
            if len(values):
                medians[name] = float(np.median(values))
        samples = start_times.get(server.target, _NO_SAMPLES)
        starts = np.unique(_during(samples, lifetime, step))
        facts.append(ServerFacts(identity, medians, tuple(float(start) for start in starts)))
    return tuple(facts)


def _during(samples: Samples, lifetime: tuple[float, float], step: float) -> Floats:
    """Return the values within a lifetime, those beside it where it is shorter than a step."""
    times, values = samples
    first, last = lifetime
    inside = (times >= first) & (times <= last)
    if not inside.any():
        inside = (times >= first - step) & (times <= last + step)
    return np.asarray(values[inside])


def _samples_by_target(
    api: PrometheusApi, query: str, span: Span, step: float
) -> dict[str, Samples]:
    parts: dict[str, list[Samples]] = {}
    times = np.arange(span.start, span.end + 1e-6, step)
    for series in api.range_in_chunks(query, times, step, _SERIES):
        target = series.labels.get("target", "")
        parts.setdefault(target, []).append((series.times, series.values))
    return {
        target: (
            np.concatenate([times for times, _ in chunks]),
            np.concatenate([values for _, values in chunks]),
        )
        for target, chunks in parts.items()
    }
