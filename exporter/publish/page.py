"""Readings become the exporter's metrics page, in Prometheus text format 0.0.4.

Written for fleets: half a thousand servers are over a hundred thousand lines. The text before a
value hardly ever changes, so it is kept from page to page; families are grouped over all servers,
as the format demands.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from .. import __version__
from ..derive.figures import BY_NAME as FIGURES
from ..derive.figures import FAMILIES as FIGURE_FAMILIES
from ..derive.load_cell import Work
from ..derive.meter import Key
from ..engines.plan import Labels, Plan
from ..sampling.view import GpuView, ServerView
from ..vocabulary.engine import FAMILIES
from ..vocabulary.exporter import (
    ENGINE_STALLED,
    EXPORTER,
    IDENTITY,
    LOAD,
    LOAD_EXCLUDED,
    SERVER_INFO,
    TARGET,
)
from ..vocabulary.family import PREFIX, Family
from ..vocabulary.states import EXCLUSIONS, SCRAPE_FAILURES
from .figures import samples_of
from .gpus import gpu_families
from .text import header, labels_text

Samples = Iterator[tuple[Labels, float | None]]
_Heads = tuple[Plan, Mapping[str, list[tuple[str, int]]]]

_BUILD: Final = (("version", __version__), ("pythonversion", platform.python_version()))
_FACTS: Final = {
    "gpus": "gpus",
    "max_running_requests": "max_num_seqs",
    "max_batched_tokens": "max_num_batched_tokens",
}


class Publisher:
    """Writes pages; keeps the unchanging part of each server's lines."""

    def __init__(self) -> None:
        self._heads: dict[str, _Heads] = {}
        self._cells: dict[str, tuple[Labels, dict[Key, str]]] = {}

    def page(
        self,
        fleet: Sequence[ServerView],
        own: Mapping[str, float],
        telemetry: GpuView | None = None,
    ) -> bytes:
        """Return the whole page; `own` holds the exporter's gauges by family name.

        A server that is not fresh shows its health and counts, and no data.
        """
        parts = list[str]()
        for family in EXPORTER:
            if family.name == "build_info":
                _write(parts, family, [(_BUILD, 1.0)])
            elif family.name in own:
                _write(parts, family, [((), own[family.name])])
        live = [one for one in fleet if one.live]
        for families, shown, samples in (
            (TARGET, fleet, _of_target),
            (IDENTITY, live, _of_identity),
            (FIGURE_FAMILIES, live, _of_figure),
            ((ENGINE_STALLED,), live, _of_stall),
        ):
            for family in families:
                _write(parts, family, _gather(family.name, shown, samples))
        self._load(parts, live)
        _write(parts, LOAD_EXCLUDED, _gather(LOAD_EXCLUDED.name, live, _of_excluded))
        self._canonical(parts, live)
        for family, lines in gpu_families(telemetry) if telemetry else ():
            parts.append(header(family))
            parts.extend(lines)
        return "".join(parts).encode()

    def _load(self, parts: list[str], live: Sequence[ServerView]) -> None:
        cells, held = list[tuple[str, Work]](), dict[str, tuple[Labels, dict[Key, str]]]()
        for one in live:
            label, load = one.server.target.label, one.reading.load
            who, texts = self._cells.get(label, ((), {}))
            if who != load.labels:
                texts = {}
            for key, work in load.cells.items():
                if key not in texts:
                    engine = (("engine_index", key[0]),) if key[0] else ()
                    labels = (("target", label), *engine, *load.labels, ("batch", key[1]))
                    texts[key] = labels_text(labels)
                cells.append((texts[key], work))
            held[label] = load.labels, texts
        self._cells = held
        for quantity, family in LOAD.items():
            name = PREFIX + family.name
            lines = [f"{name}{text} {w[quantity]!r}\n" for text, w in cells if quantity in w]
            if lines:
                parts.append(header(family))
                parts.extend(lines)

    def _canonical(self, parts: list[str], live: Sequence[ServerView]) -> None:
        sources, held = [], dict[str, _Heads]()
        for one in live:
            label, snapshot = one.server.target.label, one.reading.snapshot
            if snapshot:
                heads = held[label] = self._lines(label, snapshot.plan)
                sources.append((heads[1], snapshot.values))
        # replaced whole: pages are written for several readers at once
        self._heads = held
        for family in FAMILIES:
            lines = [
                f"{head}{value!r}\n"
                for heads, values in sources
                for head, i in heads.get(family.name, ())
                if (value := values[i]) == value
            ]
            if lines:
                parts.append(header(family))
                parts.extend(lines)

    def _lines(self, label: str, plan: Plan) -> _Heads:
        """Return by family what stands before each value, and where the value is."""
        held = self._heads.get(label)
        if held is not None and held[0] is plan:
            return held
        heads: dict[str, list[tuple[str, int]]] = {}
        for i, sample in enumerate(plan.samples):
            name = f"{PREFIX}{sample.family}{sample.suffix}"
            text = labels_text((("target", label), *sample.labels))
            heads.setdefault(sample.family, []).append((f"{name}{text} ", i))
        return plan, heads


def _gather(
    family: str, fleet: Sequence[ServerView], samples: Callable[[str, ServerView], Samples]
) -> Samples:
    for one in fleet:
        target = ("target", one.server.target.label)
        for labels, value in samples(family, one):
            yield (target, *labels), value


def _of_target(family: str, one: ServerView) -> Samples:
    reading, counts = one.reading, one.server.counts
    if family == "scrape_failures_total":
        for reason in SCRAPE_FAILURES:
            yield (("reason", reason),), float(counts.failures[reason])
        return
    snapshot = reading.snapshot if one.live else None
    values: dict[str, float | None] = {
        "target_up": float(one.live),
        "scrape_age_seconds": None if reading.time is None else max(one.now - reading.time, 0.0),
        "scrape_duration_seconds": reading.duration if counts.scrapes else None,
        "scrapes_total": float(counts.scrapes),
        "scrapes_skipped_total": float(counts.skipped),
        "server_restarts_total": float(counts.restarts),
        "page_bytes": float(reading.page_bytes) if snapshot else None,
        "page_samples": float(reading.page_samples) if snapshot else None,
        "page_unknown_names": float(len(snapshot.plan.unknown_names)) if snapshot else None,
        "page_families": float(len(snapshot.plan.families())) if snapshot else None,
    }
    yield (), values[family]


def _of_identity(family: str, one: ServerView) -> Samples:
    identity = one.reading.identity
    if family == "server_gpu_info":
        yield from _of_link(one)
        return
    if identity is None:
        return
    if family == "server_info":
        hashes = {
            "engine": identity.engine,
            "release": identity.release,
            "class": identity.server_class,
            "config": identity.config,
        }
        labels = SERVER_INFO.labels
        yield tuple((name, hashes.get(name) or identity.text(name)) for name in labels), 1.0
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


def _of_link(one: ServerView) -> Samples:
    link = one.reading.link
    if link is None:
        return
    for uuid, model in link.gpus:
        yield (("uuid", uuid), ("gpu_model", model), ("source", link.via)), 1.0


def _of_figure(name: str, one: ServerView) -> Samples:
    value = one.reading.figures.get(name)
    if value is not None:
        yield from samples_of(FIGURES[name], value)


def _of_excluded(family: str, one: ServerView) -> Samples:
    for reason in EXCLUSIONS:
        yield (("reason", reason),), one.reading.load.excluded.get(reason, 0.0)


def _of_stall(_: str, one: ServerView) -> Samples:
    snapshot = one.reading.snapshot
    if snapshot is None:
        return
    running = snapshot.plan.indices("requests_running")
    for engine in sorted({snapshot.plan.samples[i].label("engine_index") for i in running}):
        labels: Labels = (("engine_index", engine),) if engine else ()
        yield labels, float(engine in one.reading.stalled)


def _write(
    parts: list[str], family: Family, samples: Iterable[tuple[Labels, float | None]]
) -> None:
    lines = [
        f"{PREFIX}{family.name}{labels_text(labels)} {value!r}\n"
        for labels, value in samples
        if value is not None
    ]
    if lines:
        parts.append(header(family))
        parts.extend(lines)
