"""Readings become one JSON-ready document: what the status page, the API and `probe` show."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from time import time
from typing import Final

from .. import __version__
from ..base.untrusted import one_line
from ..derive.figure import Figures
from ..derive.figures import FIGURES
from ..discovery.pod import pod_labels, pod_of, workload_of
from ..engines.identity import Identity
from ..engines.registry import ENGINES
from ..gpu.reading import GpuReading
from ..sampling.reading import ServerReading
from ..sampling.view import ServerView
from .figures import Json, json_value
from .gpu_report import gpu_report
from .totals import release_totals, totals

log = logging.getLogger(__name__)


def fleet_report(
    views: Sequence[ServerView],
    problems: Sequence[str],
    interval: float,
    window: float,
    gpus: Mapping[str, GpuReading] | None = None,
) -> Json:
    """Return the whole fleet: totals over the live servers and by release, then each server."""
    reports = [_safe_report(view, gpus or {}) for view in views]
    live = [view.reading for view, report in zip(views, reports, strict=True) if report["up"]]
    return {
        "generated_at": time(),
        "inferfleet_version": __version__,
        "interval_seconds": interval,
        "window_seconds": window,
        "totals": {"servers": len(views), **totals(live)},
        "releases": release_totals(live),
        "problems": list(problems),
        "servers": reports,
    }


def _safe_report(view: ServerView, gpus: Mapping[str, GpuReading]) -> Json:
    """Return one server, or that it cannot be shown: the others must not go with it."""
    try:
        report = server_report(view, gpus)
        json.dumps(report, allow_nan=False)
    except Exception as error:
        label = view.server.target.label
        log.error("%s cannot be shown as JSON", one_line(label), exc_info=error)
        problem = f"the exporter cannot show this server: {one_line(repr(error))}"
        report = {"target": label, "url": view.server.target.url, "up": False, "history": []}
        report |= {"error": problem, "error_reason": "internal"}
    return report


def server_report(view: ServerView, gpus: Mapping[str, GpuReading] | None = None) -> Json:
    """Return one server; keys whose value is unknown are null. A stale server shows no data.

    While it is stale, and after a restart until it has been asked, `last_known` says who it was.
    `gpus` are all GPUs that telemetry has, by UUID.
    """
    reading = view.reading
    report: Json = {
        "target": view.server.target.label,
        "url": view.server.target.url,
        **{name: value or None for name, value in pod_labels(view.server.target).items()},
        "up": view.live,
        "loading": view.server.loading(view.now),
        "error": reading.error or None,
        "error_reason": reading.reason or None,
        "age_seconds": None if reading.time is None else max(view.now - reading.time, 0.0),
        "scrape_duration_seconds": reading.duration,
        "history": [list(point) for point in list(view.server.history)],
    }
    if view.live:
        report |= _identity(view) | _figures(reading.figures)
        report["stalled"] = bool(reading.stalls.stalled)
        report["no_progress"] = bool(reading.stalls.no_progress)
        if reading.engine_figures:
            report["engines"] = {
                engine: {name: json_value(value) for name, value in values.items()}
                for engine, values in reading.engine_figures.items()
            }
        if reading.link:
            report["gpu_link"] = reading.link.via
            known = [gpus[uuid] for uuid in reading.link.uuids if uuid in gpus] if gpus else []
            report["gpu_telemetry"] = [gpu_report(reading) for reading in known]
    last = view.server.identity.last
    if last and not (view.live and reading.identity):
        report["last_known"] = _last_known(last)
    return report


def _last_known(identity: Identity) -> Json:
    gpus = identity.facts.get("gpus")
    return {
        "engine": identity.engine,
        "engine_title": ENGINES[identity.engine].title,
        "model": identity.text("model") or None,
        "version": identity.text("version") or None,
        "release": identity.release or None,
        "runner": identity.text("runner") or None,
        "gpus": gpus.value if gpus else None,
        "gpu_model": identity.text("gpu_model") or None,
    }


_WORKLOAD_UNKNOWN: Final = (
    "the workload of its pod is unknown, so an upgrade that renames the pod is not followed: give "
    "the exporter the pod's labels (POD_LABELS_FILE), or declare workload"
)


_GPUS_UNKNOWN: Final = (
    "the page collects engines of several servers, so their GPUs are unknown and nothing is shown "
    "for each GPU: declare gpus, the number of all of them"
)


def _identity(view: ServerView) -> Json:
    identity, snapshot = view.reading.identity, view.reading.snapshot
    notes = list(snapshot.plan.notes) if snapshot else []
    if view.reading.link and view.reading.link.shared:
        notes.append(f"energy is left out: {view.reading.link.shared}")
    if pod_of(view.server.target) and not workload_of(view.server.target):
        notes.append(_WORKLOAD_UNKNOWN)
    if view.reading.gpu_problem:
        notes.append(f"no GPU is tied to this server: {view.reading.gpu_problem}")
    if snapshot and snapshot.not_finite:
        notes.append(
            f"{snapshot.not_finite} samples of the page hold no number (NaN or infinite): they and "
            "what follows from them are left out"
        )
    if seconds := view.reading.load.without_finished_prefill:
        notes.append(
            f"prefill of finished requests is left out of {seconds:.0f} s of load cells: they "
            "count more prompt tokens as computed than this server computed, as decode servers do "
            "whose prefill server computed them"
        )
    notes += _faults(view.reading)
    notes += _overfull(view.reading)
    report: Json = {
        "engine": snapshot.plan.engine if snapshot else None,
        "engine_title": ENGINES[snapshot.plan.engine].title if snapshot else None,
        "model": (snapshot.plan.model or None) if snapshot else None,
        "start_time": snapshot.largest("server_start_time_seconds") if snapshot else None,
        "notes": notes,
    }
    faults = "; ".join(view.server.identity.faults)
    if identity is None:
        unknown = "its version and set-up are unknown until its endpoints answer"
        notes.append(f"{unknown}: {faults}" if faults else unknown)
        return report
    if faults:
        notes.append(f"part of what it says of itself is unknown: {faults}")
    gpus = identity.facts.get("gpus")
    if gpus is None and snapshot and snapshot.plan.key:
        notes.append(_GPUS_UNKNOWN)
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


def _faults(reading: ServerReading) -> Iterator[str]:
    """Yield a sentence on each kind of number that was left out for being impossible."""
    for family, times in sorted(reading.latency_faults.items()):
        yield (
            f"the sum of {family} moved as no sum of latencies can (times: {times}); it goes on "
            "without that, and what is measured by it leaves those intervals out"
        )
    seconds = reading.load.excluded.get("implausible", 0.0)
    if seconds:
        yield (
            f"{seconds:.0f} s are in no load cell: counters grew by more than an engine can do, "
            "held no number, or came to the page with a lifetime in them"
        )


def _overfull(reading: ServerReading) -> Iterator[str]:
    """Yield a sentence where more than the limit of sequences allows leaves figures out."""
    figures, snapshot, identity = reading.figures, reading.snapshot, reading.identity
    limit = identity.facts.get("max_num_seqs") if identity else None
    known = {"requests_running", "window_seconds"} <= figures.keys()
    shown = "batch_occupancy_ratio" in figures
    if limit and known and not shown and snapshot and snapshot.plan.engines:
        yield (
            "batch_occupancy_ratio and decode_batch_size are left out: more requests run than "
            f"max_num_seqs ({limit.value}, by {limit.source}) allows, so it is not that of this "
            "page's engines, or not all of them can be told apart"
        )


def _figures(figures: Figures) -> Json:
    return {figure.name: json_value(figures.get(figure.name)) for figure in FIGURES}
