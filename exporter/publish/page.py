"""Readings become the exporter's metrics page, in Prometheus text format 0.0.4.

Written for fleets: half a thousand servers are over a hundred thousand lines. The text before a
value hardly ever changes, so it is kept from page to page; families are grouped over all servers,
as the format demands.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Final

from .. import __version__
from ..derive.figures import ENGINE_FAMILIES
from ..derive.figures import FAMILIES as FIGURES
from ..derive.load_cell import Work
from ..derive.meter import Key
from ..engines.plan import Labels, Plan
from ..sampling.view import GpuView, ServerView
from ..vocabulary.engine import FAMILIES
from ..vocabulary.exporter import (
    ENGINE_NO_PROGRESS,
    ENGINE_STALLED,
    EXPORTER,
    IDENTITY,
    LOAD,
    LOAD_EXCLUDED,
    TARGET,
)
from ..vocabulary.family import PREFIX, Family
from .gpus import gpu_families
from .server_samples import (
    Samples,
    engine_figure_samples,
    excluded_samples,
    figure_samples,
    identity_samples,
    stall_samples,
    target_samples,
)
from .text import header, labels_text

_Heads = Mapping[str, list[tuple[str, int]]]
"""What stands before each value of a family, and where the value is."""

_BLOCK_LINES: Final = 500
_BUILD: Final = (("version", __version__), ("pythonversion", platform.python_version()))


class Publisher:
    """Writes pages; keeps the unchanging part of each server's lines."""

    def __init__(self) -> None:
        self._heads: dict[str, tuple[Plan, _Heads]] = {}
        self._cell_labels: dict[str, tuple[Labels, dict[Key, str]]] = {}

    def page(
        self,
        servers: Sequence[ServerView],
        exporter: Mapping[str, float],
        telemetry: GpuView | None = None,
    ) -> bytes:
        """Return the whole page; see `blocks`."""
        return b"".join(self.blocks(servers, exporter, telemetry))

    def blocks(
        self,
        servers: Sequence[ServerView],
        exporter: Mapping[str, float],
        telemetry: GpuView | None = None,
    ) -> Iterator[bytes]:
        """Yield the page in blocks of some ten kB, each written when it is asked for.

        A server that is not fresh shows its health and counts, and no data. `exporter` holds the
        exporter's own gauges by family name.
        """
        lines = chain.from_iterable(self._families(servers, exporter, telemetry))
        while block := "".join(islice(lines, _BLOCK_LINES)):
            yield block.encode()

    def _families(
        self,
        servers: Sequence[ServerView],
        exporter: Mapping[str, float],
        telemetry: GpuView | None,
    ) -> Iterator[Iterable[str]]:
        """Yield the lines of each family, its header with them."""
        for family in EXPORTER:
            if family.name == "build_info":
                yield _written(family, [(_BUILD, 1.0)])
            elif family.name in exporter:
                yield _written(family, [((), exporter[family.name])])
        live = [view for view in servers if view.live]
        for families, views, samples in (
            (TARGET, servers, target_samples),
            (IDENTITY, live, identity_samples),
            (FIGURES, live, figure_samples),
            (ENGINE_FAMILIES, live, engine_figure_samples),
            ((ENGINE_STALLED, ENGINE_NO_PROGRESS), live, stall_samples),
        ):
            for family in families:
                yield _written(family, _gather(family.name, views, samples))
        yield from self._load_families(live)
        yield _written(LOAD_EXCLUDED, _gather(LOAD_EXCLUDED.name, live, excluded_samples))
        yield from self._canonical_families(live)
        for family, lines in gpu_families(telemetry) if telemetry else ():
            yield (header(family), *lines)

    def _load_families(self, live: Sequence[ServerView]) -> Iterator[Iterable[str]]:
        cells = list[tuple[str, Work]]()
        kept = dict[str, tuple[Labels, dict[Key, str]]]()
        for view in live:
            target, load = view.server.target.label, view.reading.load
            labels, texts = self._cell_labels.get(target, ((), {}))
            if labels != load.labels:
                texts = {}
            for key, work in load.cells.items():
                if key not in texts:
                    texts[key] = _cell_text(target, load.labels, key)
                cells.append((texts[key], work))
            kept[target] = load.labels, texts
        # replaced whole: pages are written for several readers at once
        self._cell_labels = kept
        for quantity, family in LOAD.items():
            yield _headed(family, _load_lines(quantity, family, cells))

    def _canonical_families(self, live: Sequence[ServerView]) -> Iterator[Iterable[str]]:
        pages = list[tuple[_Heads, Sequence[float]]]()
        kept = dict[str, tuple[Plan, _Heads]]()
        for view in live:
            target, snapshot = view.server.target.label, view.reading.snapshot
            if snapshot:
                plan, heads = self._heads.get(target, (None, None))
                if heads is None or plan is not snapshot.plan:
                    heads = _heads(target, snapshot.plan)
                kept[target] = snapshot.plan, heads
                pages.append((heads, snapshot.values))
        self._heads = kept
        for family in FAMILIES:
            yield _headed(family, _canonical_lines(family.name, pages))


def _heads(target: str, plan: Plan) -> _Heads:
    heads: dict[str, list[tuple[str, int]]] = {}
    for i, sample in enumerate(plan.samples):
        name = f"{PREFIX}{sample.family}{sample.suffix}"
        text = labels_text((("target", target), *sample.labels))
        heads.setdefault(sample.family, []).append((f"{name}{text} ", i))
    return heads


def _cell_text(target: str, release: Labels, key: Key) -> str:
    rank, batch = key
    engine_index = (("engine_index", rank),) if rank else ()
    return labels_text((("target", target), *engine_index, *release, ("batch", batch)))


def _gather(
    family: str, views: Sequence[ServerView], samples: Callable[[str, ServerView], Samples]
) -> Samples:
    for view in views:
        target = ("target", view.server.target.label)
        for labels, value in samples(family, view):
            yield (target, *labels), value


def _load_lines(quantity: str, family: Family, cells: Sequence[tuple[str, Work]]) -> Iterator[str]:
    name = PREFIX + family.name
    return (f"{name}{text} {work[quantity]!r}\n" for text, work in cells if quantity in work)


def _canonical_lines(family: str, pages: Sequence[tuple[_Heads, Sequence[float]]]) -> Iterator[str]:
    return (
        f"{head}{value!r}\n"
        for heads, values in pages
        for head, i in heads.get(family, ())
        if (value := values[i]) == value
    )


def _written(family: Family, samples: Iterable[tuple[Labels, float | None]]) -> Iterable[str]:
    lines = (
        f"{PREFIX}{family.name}{labels_text(labels)} {value!r}\n"
        for labels, value in samples
        if value is not None
    )
    return _headed(family, lines)


def _headed(family: Family, lines: Iterator[str]) -> Iterable[str]:
    """Return a family's lines below its header, nothing where there are none."""
    first = next(lines, None)
    return () if first is None else chain((header(family), first), lines)
