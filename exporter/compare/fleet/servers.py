"""What an API knows of the servers: identity, limits and starts."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ...vocabulary.exporter import SERVER_INFO
from .api import PrometheusApi
from .arrays import Floats, Ints
from .span import Span
from .windows import ExternalLabels, ServerFacts, ServerKey, TargetKey

DEFAULT_KEEP_LABELS: Final = ("cluster",)
"""The external labels that the shipped rules keep."""

_LIMITS: Final = ("max_running_requests", "max_batched_tokens", "gpus", "kv_cache_capacity_tokens")
_START: Final = "server_start_time_seconds"
_MAX_POINTS: Final = 100
_EARLIER_SECONDS: Final = 30 * 86_400.0
_EARLIER_STEP: Final = 21_600.0
_SERIES: Final = 1000

IdentityKey = tuple[TargetKey, str, str]
"""Target, release and class."""

Samples = tuple[Floats, Floats]
"""Times in Unix seconds, and the values at those times."""

_NO_SAMPLES: Final[Samples] = (np.zeros(0), np.zeros(0))


def external_labels(labels: Mapping[str, str], keep_labels: Sequence[str]) -> ExternalLabels:
    """Return what sets the cluster of a series apart."""
    return tuple((name, labels.get(name, "")) for name in keep_labels)


def target_key(labels: Mapping[str, str], keep_labels: Sequence[str]) -> TargetKey:
    """Return the target of a series."""
    return external_labels(labels, keep_labels), labels.get("target", "")


def identity_key(labels: Mapping[str, str], keep_labels: Sequence[str]) -> IdentityKey:
    """Return the key of an identity from the labels of any series of a server."""
    return target_key(labels, keep_labels), labels.get("release", ""), labels.get("class", "")


def fetch_identities(
    api: PrometheusApi, span: Span, keep_labels: Sequence[str]
) -> dict[IdentityKey, dict[str, str]]:
    """Return the labels of `inferfleet_server_info` by target, release and class.

    A setting that changed within the time has both of its values.
    """
    identities: dict[IdentityKey, dict[str, str]] = {}
    for labels in api.series("inferfleet_server_info", span.start, span.end):
        key = identity_key(labels, keep_labels)
        # scraped without honor_labels, `namespace` is the exporter's and the server's is set aside
        labels = {
            **labels,
            "namespace": labels.get("exported_namespace", labels.get("namespace", "")),
        }
        identity = {name: labels[name] for name in SERVER_INFO.labels if labels.get(name)}
        if earlier := identities.get(key):
            identity = {
                name: value if earlier.get(name, value) == value else f"{earlier[name]}, {value}"
                for name, value in identity.items()
            }
        identities[key] = identity
    return identities


def fetch_earlier(
    api: PrometheusApi, end: float, keep_labels: Sequence[str]
) -> tuple[dict[str, str], ...]:
    """Return the labels of the servers that ran in the weeks before a time (Unix seconds)."""
    grouping = ", ".join((*keep_labels, "target", *SERVER_INFO.labels))
    query = f"max by ({grouping}) (last_over_time(inferfleet_server_info[{_EARLIER_STEP:.0f}s]))"
    times = np.arange(end - _EARLIER_SECONDS, end + 1e-6, _EARLIER_STEP)
    series = api.range_in_chunks(query, times, _EARLIER_STEP, _SERIES)
    return tuple(
        {tuple(sorted(info.labels.items())): dict(info.labels) for info in series}.values()
    )


def fetch_facts(
    api: PrometheusApi,
    servers: Sequence[ServerKey],
    identities: Mapping[IdentityKey, Mapping[str, str]],
    span: Span,
    rows: tuple[Ints, Floats],
    keep_labels: Sequence[str],
) -> tuple[ServerFacts, ...]:
    """Return what is known of each server; its limits are those reported while it had work.

    `rows` are the server and the time of each row of the windows.
    """
    row_server, row_time = rows
    step = max(span.seconds / _MAX_POINTS, 60.0)
    limits, start_times = (
        {name: _samples_by_target(api, name, span, step, keep_labels) for name in names}
        for names in (_LIMITS, (_START,))
    )
    facts = []
    for i, server in enumerate(servers):
        times = row_time[row_server == i]
        lifetime = (times.min(), times.max()) if len(times) else (0.0, 0.0)
        key = server.target_key, server.release, server.server_class
        medians = dict[str, float]()
        for name, by_target in limits.items():
            values = _during(by_target.get(server.target_key, _NO_SAMPLES), lifetime, step)
            if len(values):
                medians[name] = float(np.median(values))
        samples = start_times[_START].get(server.target_key, _NO_SAMPLES)
        starts = np.unique(_during(samples, lifetime, step))
        labels = identities.get(key, {})
        facts.append(ServerFacts(labels, medians, tuple(float(start) for start in starts)))
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
    api: PrometheusApi, name: str, span: Span, step: float, keep_labels: Sequence[str]
) -> dict[TargetKey, Samples]:
    parts: dict[TargetKey, list[Samples]] = {}
    query = f"max by ({', '.join((*keep_labels, 'target'))}) (inferfleet_{name})"
    times = np.arange(span.start, span.end + 1e-6, step)
    for series in api.range_in_chunks(query, times, step, _SERIES):
        target = target_key(series.labels, keep_labels)
        parts.setdefault(target, []).append((series.times, series.values))
    return {
        target: (
            np.concatenate([times for times, _ in chunks]),
            np.concatenate([values for _, values in chunks]),
        )
        for target, chunks in parts.items()
    }
