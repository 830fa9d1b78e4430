"""Readings become one JSON-ready document: what the status page, the API and `probe` show."""

from collections.abc import Iterable, Mapping, Sequence
from time import time
from typing import Final

from .. import __version__
from ..derive.figures import Figures, ratio, together
from ..gpu.reading import GpuReading
from ..sampling.view import ServerView

Json = dict[str, object]


def fleet(
    shown: Sequence[ServerView],
    problems: Sequence[str],
    interval: float,
    window: float,
    gpus: Mapping[str, GpuReading] | None = None,
) -> Json:
    """Return the whole fleet: totals over the live servers, then each server with its GPUs."""
    return {
        "generated_at": time(),
        "inferfleet_version": __version__,
        "interval_seconds": interval,
        "window_seconds": window,
        "totals": _totals(shown),
        "problems": list(problems),
        "servers": [server(one, gpus or {}) for one in shown],
    }


def server(one: ServerView, gpus: Mapping[str, GpuReading] | None = None) -> Json:
    """Return one server; keys whose value is unknown are null. A stale server shows no data.

    `gpus` are all GPUs telemetry tells of, by UUID.
    """
    reading = one.reading
    report: Json = {
        "target": one.server.target.label,
        "url": one.server.target.url,
        "up": one.live,
        "error": reading.error or None,
        "error_reason": reading.reason or None,
        "age_seconds": None if reading.time is None else max(one.now - reading.time, 0.0),
        "scrape_duration_seconds": reading.duration,
        "history": [[when, rate] for when, rate in list(one.server.history)],
    }
    if one.live:
        report |= _identity(one) | _scheduler(one) | _figures(reading.figures)
        report["stalled"] = bool(reading.stalled)
        if reading.link:
            report["gpu_link"] = reading.link.via
            known = [gpus[uuid] for uuid in reading.link.uuids if uuid in gpus] if gpus else []
            report["gpu_telemetry"] = [gpu(one) for one in known]
    return report


_GPU: Final = (
    ("up", "gpu_up"),
    ("power_watts", "gpu_power_watts"),
    ("power_limit_watts", "gpu_power_limit_watts"),
    ("energy_joules", "gpu_energy_joules_total"),
    ("memory_used_bytes", "gpu_memory_used_bytes"),
    ("memory_total_bytes", "gpu_memory_total_bytes"),
    ("sm_clock_hertz", "gpu_sm_clock_hertz"),
    ("sm_clock_max_hertz", "gpu_sm_clock_max_hertz"),
    ("utilization_ratio", "gpu_utilization_ratio"),
    ("sm_active_ratio", "gpu_sm_active_ratio"),
    ("tensor_active_ratio", "gpu_tensor_active_ratio"),
    ("dram_active_ratio", "gpu_dram_active_ratio"),
)
# at rest, or set so by the operator: no reason to worry
_CALM: Final = ("gpu_idle", "applications_clocks", "display")


def gpu(reading: GpuReading) -> Json:
    """Return one GPU; keys whose value is unknown are null, `throttled` lists the reasons now."""
    reasons = [
        dict(labels)["reason"]
        for (family, labels), value in reading.values.items()
        if family == "gpu_throttled" and value
    ]
    told = any(family == "gpu_throttled" for family, _ in reading.values)
    return {
        "uuid": reading.uuid,
        "model": reading.model,
        "host": reading.host or None,
        "index": reading.index or None,
        "mig_profile": reading.mig_profile or None,
        "source": reading.source,
        **{key: reading.value(family) for key, family in _GPU},
        "temperature_celsius": reading.value("gpu_temperature_celsius", sensor="gpu"),
        "throttled": [reason for reason in reasons if reason not in _CALM] if told else None,
    }


def _identity(one: ServerView) -> Json:
    identity, snapshot = one.reading.identity, one.reading.snapshot
    notes = list(snapshot.plan.notes) if snapshot else []
    if one.reading.link and one.reading.link.shared:
        notes.append(f"energy is left out: {one.reading.link.shared}")
    report: Json = {
        "engine": snapshot.plan.engine if snapshot else None,
        "model": (snapshot.plan.model or None) if snapshot else None,
        "start_time": snapshot.largest("server_start_time_seconds") if snapshot else None,
        "notes": notes,
    }
    if identity is None:
        return report | {"notes": [*notes, "the server has not yet been asked who it is"]}
    gpus = identity.facts.get("gpus")
    return report | {
        "version": identity.text("version") or None,
        "release": identity.release or None,
        "model": identity.text("model") or report["model"],
        "class": identity.server_class,
        "config": identity.config,
        "gpus": gpus.value if gpus else None,
        "gpus_source": gpus.source if gpus else None,
        "gpu_model": identity.text("gpu_model") or None,
        "facts": {
            name: {"value": fact.value, "source": fact.source}
            for name, fact in sorted(identity.facts.items())
        },
        "conflicts": list(identity.conflicts),
    }


def _scheduler(one: ServerView) -> Json:
    snapshot = one.reading.snapshot
    if snapshot is None:
        return {}
    return {
        "requests_running": snapshot.total("requests_running"),
        "requests_waiting": snapshot.total("requests_waiting"),
        "kv_cache_usage_ratio": snapshot.largest("kv_cache_usage_ratio"),
        "kv_cache_capacity_tokens": snapshot.total("kv_cache_capacity_tokens"),
    }


def _figures(found: Figures | None) -> Json:
    if found is None:
        return {}
    return {
        "window_seconds": found.window_seconds,
        "generation_tokens_per_second": found.generation_tokens_rate,
        "generation_tokens_per_second_per_gpu": found.per_gpu(found.generation_tokens_rate),
        "prompt_tokens_per_second_per_gpu": found.per_gpu(found.prompt_tokens_rate),
        "prompt_tokens_computed_per_second_per_gpu": found.per_gpu(
            found.prompt_tokens_computed_rate
        ),
        "decode_batch": found.decode_batch,
        "batch_occupancy_ratio": ratio(found.batch_occupancy),
        "tokens_per_step": ratio(found.tokens_per_step),
        "token_budget_ratio": found.token_budget_ratio,
        "prefix_cache_hit_ratio": {
            cache: share.ratio for cache, share in found.prefix_cache_hits.items()
        },
        "prompt_cached_ratio": ratio(found.prompt_cached),
        "preemptions_per_second": found.preemptions_rate,
        "joules_per_token": found.energy.joules_per_token,
        "joules_per_processed_token": found.energy.joules_per_processed_token,
        "idle_power_watts": found.energy.idle_watts,
        "bound": found.bound,
    }


def _totals(shown: Sequence[ServerView]) -> Json:
    """Return fleet totals; rates for each GPU count only servers whose rate and GPUs are known."""
    live = [one.reading.figures for one in shown if one.live and one.reading.figures]
    sized = [one for one in live if one.gpus]
    gpus = sum(one.gpus or 0.0 for one in sized)
    made = _sum(one.generation_tokens_rate for one in sized)
    prompted = _sum(one.prompt_tokens_rate for one in sized)
    return {
        "servers": len(shown),
        "up": sum(one.live for one in shown),
        "gpus": gpus or None,
        "generation_tokens_per_second": _sum(one.generation_tokens_rate for one in live),
        "generation_tokens_per_second_per_gpu": made / gpus if made is not None and gpus else None,
        "prompt_tokens_per_second_per_gpu": (
            prompted / gpus if prompted is not None and gpus else None
        ),
        "batch_occupancy_ratio": ratio(together(one.batch_occupancy for one in live)),
        "prefix_cache_hit_ratio": ratio(
            together(one.prefix_cache_hits.get("local") for one in live)
        ),
    }


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
