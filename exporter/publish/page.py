"""Readings become the exporter's metrics page, in Prometheus text format 0.0.4.

Written for fleets: half a thousand servers are over a hundred thousand lines. The text before a
value hardly ever changes, so it is kept from page to page; families are grouped over all servers,
as the format demands.
"""

import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from sys import intern
from typing import Final

from .. import __version__
from ..base.untrusted import is_unicode
from ..derive.figures import ENGINE_FAMILIES
from ..derive.figures import FAMILIES as FIGURES
from ..derive.load_cell import Work
from ..derive.meter import Key
from ..derive.plan_cache import cached_by_plan
from ..engines.plan import Labels, Plan, Sample
from ..sampling.view import GpuView, ServerView
from ..vocabulary.engine import BUCKETS, FAMILIES
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
from .left_out import LeftOut
from .server_samples import (
    Samples,
    engine_figure_samples,
    excluded_samples,
    figure_samples,
    identity_samples,
    stall_samples,
    target_samples,
)
from .text import escaped, header, labels_text, pairs

_Heads = Mapping[str, Sequence[tuple[str, str, int]]]
"""By family what stands before and behind the name of the target, and where the value is."""

_BLOCK_LINES: Final = 500
_BUILD: Final = (("version", __version__), ("pythonversion", platform.python_version()))


class Publisher:
    """Writes pages; keeps the unchanging part of each server's lines.

    `buckets` are the histograms whose buckets are shown; sums and counts are shown of all.
    """

    def __init__(self, buckets: Collection[str] = BUCKETS) -> None:
        self._buckets = frozenset(buckets)
        self._cell_labels: dict[str, tuple[Labels, dict[Key, str]]] = {}

    def page(
        self,
        servers: Sequence[ServerView],
        exporter: Mapping[str, Samples],
        telemetry: GpuView | None = None,
    ) -> bytes:
        """Return the whole page; see `blocks`."""
        return b"".join(self.blocks(servers, exporter, telemetry))

    def blocks(
        self,
        servers: Sequence[ServerView],
        exporter: Mapping[str, Samples],
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
        exporter: Mapping[str, Samples],
        telemetry: GpuView | None,
    ) -> Iterator[Iterable[str]]:
        """Yield the lines of each family, its header with them."""
        left_out = LeftOut()
        for family in EXPORTER:
            if family.name == "build_info":
                yield header(family), f"{PREFIX}{family.name}{labels_text(_BUILD)} 1.0\n"
            elif family.name in exporter:
                yield _headed(family, _own_lines(family, exporter[family.name]))
        live = [view for view in servers if view.live]
        for families, views, samples in (
            (TARGET, servers, target_samples),
            (IDENTITY, live, identity_samples),
            (FIGURES, live, figure_samples),
            (ENGINE_FAMILIES, live, engine_figure_samples),
            ((ENGINE_STALLED, ENGINE_NO_PROGRESS), live, stall_samples),
        ):
            for family in families:
                yield _headed(family, _server_lines(family, views, samples, left_out))
        yield from self._load_families(live, left_out)
        excluded = _server_lines(LOAD_EXCLUDED, live, excluded_samples, left_out)
        yield _headed(LOAD_EXCLUDED, excluded)
        yield from self._canonical_families(live, left_out)
        for family, lines in gpu_families(telemetry) if telemetry else ():
            yield (header(family), *lines)
        yield left_out.lines()

    def _load_families(
        self, live: Sequence[ServerView], left_out: LeftOut
    ) -> Iterator[Iterable[str]]:
        cells = list[tuple[str, Work]]()
        cell_labels = dict[str, tuple[Labels, dict[Key, str]]]()
        for view in live:
            target, load = view.server.target.label, view.reading.load
            labels, before = self._cell_labels.get(target, ((), {}))
            if labels != load.labels:
                before = {}
            texts = dict[Key, str]()
            for key, work in load.cells.items():
                text = before.get(key) or _cell_text(target, load.labels, key)
                if is_unicode(text):
                    texts[key] = text
                    cells.append((text, work))
                else:
                    left_out.add(target, "no_text", len(work))
            cell_labels[target] = load.labels, texts
        # replaced whole: pages are written for several readers at once
        self._cell_labels = cell_labels
        for quantity, family in LOAD.items():
            yield _headed(family, _load_lines(quantity, family, cells))

    def _canonical_families(
        self, live: Sequence[ServerView], left_out: LeftOut
    ) -> Iterator[Iterable[str]]:
        pages = list[tuple[str, _Heads, Sequence[float]]]()
        for view in live:
            target, snapshot = view.server.target.label, view.reading.snapshot
            if snapshot is None:
                continue
            heads, no_text = _heads(snapshot.plan, self._buckets)
            if not is_unicode(target):
                heads, no_text = {}, no_text + sum(map(len, heads.values()))
            left_out.add(target, "no_text", no_text)
            left_out.add(target, "no_number", snapshot.not_finite)
            pages.append((escaped(target), heads, snapshot.values))
        for family in FAMILIES:
            yield _headed(family, _canonical_lines(family.name, pages))


@cached_by_plan
def _heads(plan: Plan, buckets: frozenset[str]) -> tuple[_Heads, int]:
    """Return what stands before the values, and how many series are left out as no Unicode."""
    heads: dict[str, list[tuple[str, str, int]]] = {}
    no_text = 0
    for i, sample in enumerate(plan.samples):
        if sample.suffix == "_bucket" and sample.family not in buckets:
            continue
        before, after = _head(sample)
        if is_unicode(after):
            heads.setdefault(sample.family, []).append((before, after, i))
        else:
            no_text += 1
    return heads, no_text


def _head(sample: Sample) -> tuple[str, str]:
    """Return what stands before and behind the target's name on a sample's lines."""
    before = f'{PREFIX}{sample.family}{sample.suffix}{{target="'
    labels = pairs(sample.labels)
    return intern(before), f'",{labels}}} ' if labels else '"} '


def _cell_text(target: str, release: Labels, key: Key) -> str:
    rank, batch = key
    engine_index = (("engine_index", rank),) if rank else ()
    return labels_text((("target", target), *engine_index, *release, ("batch", batch)))


def _server_lines(
    family: Family,
    views: Sequence[ServerView],
    samples: Callable[[str, ServerView], Samples],
    left_out: LeftOut,
) -> Iterator[str]:
    """Yield the lines of a family, server by server; one whose samples fail has none."""
    name = PREFIX + family.name
    for view in views:
        target = view.server.target.label
        try:
            lines = [
                left_out.line(target, name, (("target", target), *labels), value)
                for labels, value in samples(family.name, view)
                if value is not None
            ]
        except Exception as error:
            left_out.fail(target, name, error)
        else:
            yield from filter(None, lines)


def _own_lines(family: Family, samples: Samples) -> Iterator[str]:
    for labels, value in samples:
        yield f"{PREFIX}{family.name}{labels_text(labels)} {value!r}\n"


def _load_lines(quantity: str, family: Family, cells: Sequence[tuple[str, Work]]) -> Iterator[str]:
    name = PREFIX + family.name
    return (f"{name}{text} {work[quantity]!r}\n" for text, work in cells if quantity in work)


def _canonical_lines(
    family: str, pages: Sequence[tuple[str, _Heads, Sequence[float]]]
) -> Iterator[str]:
    return (
        f"{before}{target}{after}{value!r}\n"
        for target, heads, values in pages
        for before, after, i in heads.get(family, ())
        if (value := values[i]) == value
    )


def _headed(family: Family, lines: Iterator[str]) -> Iterable[str]:
    """Return a family's lines below its header, nothing where there are none."""
    first = next(lines, None)
    return () if first is None else chain((header(family), first), lines)
