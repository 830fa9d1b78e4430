"""Samples of one server for each family that is not the engine's own."""

from collections.abc import Iterator
from typing import Final

from ..derive.figures import BY_NAME as FIGURES
from ..derive.figures import ENGINE_FIGURES
from ..discovery.pod import pod_labels
from ..engines.plan import Labels
from ..sampling.view import ServerView
from ..vocabulary.exporter import SERVER_INFO, SERVER_POD_INFO
from ..vocabulary.states import EXCLUSIONS, SCRAPE_FAILURES
from .figures import samples_of

Samples = Iterator[tuple[Labels, float | None]]
"""Labels beside `target`, and values; a sample whose value is None is not written."""

_FACTS: Final = {
    "gpus": "gpus",
    "max_running_requests": "max_num_seqs",
    "max_batched_tokens": "max_num_batched_tokens",
}


def target_samples(family: str, view: ServerView) -> Samples:
    """Yield a family of `TARGET`: how the sampling of the server goes, and where it runs."""
    reading, counts = view.reading, view.server.counts
    if family == SERVER_POD_INFO.name:
        pod = pod_labels(view.server.target)
        if pod["pod"]:
            yield tuple((name, pod[name]) for name in SERVER_POD_INFO.labels), 1.0
        return
    if family == "scrape_failures_total":
        for reason in SCRAPE_FAILURES:
            yield (("reason", reason),), float(counts.failures[reason])
        return
    snapshot = reading.snapshot if view.live else None
    values: dict[str, float | None] = {
        "target_up": float(view.live),
        "scrape_age_seconds": None if reading.time is None else max(view.now - reading.time, 0.0),
        "scrape_duration_seconds": reading.duration if counts.scrapes else None,
        "scrapes_total": float(counts.scrapes),
        "scrapes_skipped_total": float(counts.skipped),
        "server_restarts_total": float(view.server.restarts),
        "page_bytes": float(reading.page_bytes) if snapshot else None,
        "page_samples": float(reading.page_samples) if snapshot else None,
        "page_samples_dropped": float(snapshot.plan.samples_dropped) if snapshot else None,
        "page_unknown_names": float(len(snapshot.plan.unknown_names)) if snapshot else None,
        "page_families": float(len(snapshot.plan.families())) if snapshot else None,
    }
    yield (), values[family]


def identity_samples(family: str, view: ServerView) -> Samples:
    """Yield a family of `IDENTITY`: what the server is."""
    identity = view.reading.identity
    if family == "server_gpu_info":
        yield from _gpu_samples(view)
        return
    if identity is None:
        return
    if family == "server_info":
        known = {
            **pod_labels(view.server.target),
            "engine": identity.engine,
            "release": identity.release,
            "class": identity.server_class,
            "config": identity.config,
        }
        labels = SERVER_INFO.labels
        yield tuple((name, known.get(name) or identity.text(name)) for name in labels), 1.0
    elif family == "identity_conflicts":
        yield (), float(len(identity.conflicts))
    elif family == "gpus_claimed":
        for report in identity.reports.get("gpus", ()):
            yield (("source", report.source),), float(report.value)
    elif family == "gpu_count_conflict":
        yield (), float(identity.disputed("gpus"))
    else:
        fact = identity.facts.get(_FACTS[family])
        if fact is not None:
            yield (("source", fact.source),), float(fact.value)


def _gpu_samples(view: ServerView) -> Samples:
    link = view.reading.link
    if link is None:
        return
    for uuid, model in link.gpus:
        yield (("uuid", uuid), ("gpu_model", model), ("source", link.via)), 1.0


def figure_samples(family: str, view: ServerView) -> Samples:
    """Yield the gauge of a figure."""
    value = view.reading.figures.get(family)
    if value is not None:
        yield from samples_of(FIGURES[family], value)


def engine_figure_samples(family: str, view: ServerView) -> Samples:
    """Yield the gauge of a figure of each engine, nothing where the server is one alone."""
    for engine, figures in view.reading.engine_figures.items():
        value = figures.get(family)
        if value is not None:
            for labels, number in samples_of(ENGINE_FIGURES[family], value):
                yield (("engine_index", engine), *labels), number


def excluded_samples(_: str, view: ServerView) -> Samples:
    """Yield the time that no load cell holds, by reason."""
    for reason in EXCLUSIONS:
        yield (("reason", reason),), view.reading.load.excluded.get(reason, 0.0)


def stall_samples(_: str, view: ServerView) -> Samples:
    """Yield whether each data-parallel rank is stalled."""
    snapshot = view.reading.snapshot
    if snapshot is None:
        return
    running = snapshot.plan.indices("requests_running")
    for rank in sorted({snapshot.plan.samples[i].label("engine_index") for i in running}):
        labels: Labels = (("engine_index", rank),) if rank else ()
        yield labels, float(rank in view.reading.stalled)
