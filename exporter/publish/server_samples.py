"""Samples of one server for each family that is not the engine's own."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import nan
from typing import Final

from ..base.untrusted import finite
from ..derive.figures import BY_NAME as FIGURES
from ..derive.figures import ENGINE_FIGURES
from ..discovery.pod import pod_labels
from ..engines.plan import Labels, Plan
from ..engines.sources.facts import Value
from ..sampling.reading import ServerReading
from ..sampling.view import ServerView
from ..vocabulary.exporter import ENGINE_STALLED, SERVER_INFO, SERVER_POD_INFO
from ..vocabulary.states import EXCLUSIONS, SCRAPE_FAILURES
from .figures import samples_of

Samples = Iterable[tuple[Labels, float | None]]
"""Labels beside `target`, and values; a sample whose value is None is not written."""

_FACTS: Final = {
    "gpus": "gpus",
    "max_running_requests": "max_num_seqs",
    "max_batched_tokens": "max_num_batched_tokens",
}


def target_samples(family: str, view: ServerView) -> Samples:
    """Yield a family of `TARGET`: how the sampling of the server goes, and where it runs."""
    return TARGET_SAMPLES[family](view)


def identity_samples(family: str, view: ServerView) -> Samples:
    """Yield a family of `IDENTITY`: what the server is."""
    return IDENTITY_SAMPLES[family](view)


def _age(view: ServerView) -> float | None:
    time = view.reading.time
    return None if time is None else max(view.now - time, 0.0)


_TARGET_VALUES: Final[Mapping[str, Callable[[ServerView], float | None]]] = {
    "target_up": lambda view: view.live,
    "target_loading": lambda view: view.server.loading(view.now),
    "scrape_age_seconds": _age,
    "scrape_duration_seconds": lambda view: (
        view.reading.duration if view.server.counts.scrapes else None
    ),
    "scrapes_total": lambda view: view.server.counts.scrapes,
    "scrapes_skipped_total": lambda view: view.server.counts.skipped,
    "server_restarts_total": lambda view: view.server.restarts,
}
_PAGE_VALUES: Final[Mapping[str, Callable[[ServerReading, Plan], float]]] = {
    "page_bytes": lambda reading, _: reading.page_bytes,
    "page_samples": lambda reading, _: reading.page_samples,
    "page_samples_dropped": lambda _, plan: plan.samples_dropped,
    "page_unknown_names": lambda _, plan: len(plan.unknown_names),
    "page_families": lambda _, plan: len(plan.families()),
}


def _target_value(family: str, view: ServerView) -> Samples:
    value = _TARGET_VALUES[family](view)
    yield (), None if value is None else float(value)


def _page_value(family: str, view: ServerView) -> Samples:
    snapshot = view.reading.snapshot
    if view.live and snapshot:
        yield (), float(_PAGE_VALUES[family](view.reading, snapshot.plan))


def _failures(view: ServerView) -> Samples:
    for reason in SCRAPE_FAILURES:
        yield (("reason", reason),), float(view.server.counts.failures[reason])


def _pod_info(view: ServerView) -> Samples:
    pod = pod_labels(view.server.target)
    if pod["pod"]:
        yield tuple((name, pod[name]) for name in SERVER_POD_INFO.labels), 1.0


def _server_info(view: ServerView) -> Samples:
    if identity := view.reading.identity:
        known = {
            **pod_labels(view.server.target),
            "engine": identity.engine,
            "release": identity.release,
            "class": identity.server_class,
            "config": identity.config,
        }
        labels = SERVER_INFO.labels
        yield tuple((name, known.get(name) or identity.text(name)) for name in labels), 1.0


def _conflicts(view: ServerView) -> Samples:
    if identity := view.reading.identity:
        yield (), float(len(identity.conflicts))


def _gpus_claimed(view: ServerView) -> Samples:
    if identity := view.reading.identity:
        for report in identity.reports.get("gpus", ()):
            yield (("source", report.source),), _number(report.value)


def _gpu_count_conflict(view: ServerView) -> Samples:
    if identity := view.reading.identity:
        yield (), float(identity.disputed("gpus"))


def _gpu_info(view: ServerView) -> Samples:
    if link := view.reading.link:
        for uuid, model in link.gpus:
            yield (("uuid", uuid), ("gpu_model", model), ("source", link.via)), 1.0


def _fact(family: str, view: ServerView) -> Samples:
    if identity := view.reading.identity:
        fact = identity.facts.get(_FACTS[family])
        if fact is not None:
            yield (("source", fact.source),), _number(fact.value)


def _number(value: Value) -> float:
    """Return a fact as a number; NaN, which no page has, where it is none or too large."""
    number = finite(value)
    return nan if number is None else number


TARGET_SAMPLES: Final[Mapping[str, Callable[[ServerView], Samples]]] = {
    **{family: partial(_target_value, family) for family in _TARGET_VALUES},
    **{family: partial(_page_value, family) for family in _PAGE_VALUES},
    "scrape_failures_total": _failures,
    SERVER_POD_INFO.name: _pod_info,
}
"""How each family of `TARGET` is read."""

IDENTITY_SAMPLES: Final[Mapping[str, Callable[[ServerView], Samples]]] = {
    **{family: partial(_fact, family) for family in _FACTS},
    SERVER_INFO.name: _server_info,
    "identity_conflicts": _conflicts,
    "gpus_claimed": _gpus_claimed,
    "gpu_count_conflict": _gpu_count_conflict,
    "server_gpu_info": _gpu_info,
}
"""How each family of `IDENTITY` is read."""


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


def stall_samples(family: str, view: ServerView) -> Samples:
    """Yield whether each engine is stalled, or shows requests and makes no progress."""
    snapshot = view.reading.snapshot
    if snapshot is None:
        return
    stalls = view.reading.stalls
    affected = stalls.stalled if family == ENGINE_STALLED.name else stalls.no_progress
    running = snapshot.plan.indices("requests_running")
    for rank in sorted({snapshot.plan.samples[i].label("engine_index") for i in running}):
        labels: Labels = (("engine_index", rank),) if rank else ()
        yield labels, float(rank in affected)
