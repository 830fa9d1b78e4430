"""Pages of GPU exporters become readings, by the catalog of each.

A page may carry more than one of them, as a Prometheus federation page of a mixed fleet does;
then each is read. What a row does not have, or holds as a blank number, is absent.
"""

import re
from functools import cache, lru_cache
from typing import Final

from ...base.errors import GpuPageError
from ...base.untrusted import SENTENCE_CHARACTERS, one_line
from ...exposition import Layout, ParserLimits, Reader
from ..catalog import PAGES, GpuCatalog, gpu_catalog
from ..reading import GpuReading
from . import plan as plans
from .plan import Device

_LONGEST_NAME: Final = 256

PagePlan = list[tuple[GpuCatalog, list[Device]]]
"""Each catalog whose names stand on a page, with the GPUs its series describe."""


class GpuPages:
    """Reads the successive pages of one GPU exporter.

    `problems` say which devices of the last page are left out and why, one sentence each.
    """

    def __init__(self, limits: ParserLimits | None = None) -> None:
        self._reader = Reader(_is_in_catalog, limits)
        self._layout: Layout | None = None
        self._plan: PagePlan = []
        self.problems: tuple[str, ...] = ()

    def read(self, text: str, time: float, openmetrics: bool = False) -> list[GpuReading]:
        """Return one reading a GPU and MIG instance, by source and UUID.

        `time` is when the page was received, in monotonic seconds; `openmetrics` how the server
        declared it. Raises `PageError` where the page cannot be read, `GpuPageError` where nothing
        on it describes a GPU; no part of such a page is used.
        """
        page = self._reader.read(text, openmetrics)
        if page.layout is not self._layout:
            self._plan, problems = _plan(page.layout)
            self.problems = tuple(one_line(each, SENTENCE_CHARACTERS) for each in problems)
            self._layout = page.layout
        return [
            device.reading(catalog, page.values, time)
            for catalog, devices in self._plan
            for device in devices
        ]


def read(text: str, time: float, openmetrics: bool = False) -> list[GpuReading]:
    """Return the readings of a single page; see `GpuPages.read`."""
    return GpuPages().read(text, time, openmetrics)


def _plan(layout: Layout) -> tuple[PagePlan, tuple[str, ...]]:
    plan: PagePlan = []
    problems: tuple[str, ...] = ()
    catalogs = [gpu_catalog(source) for source in PAGES]
    sought = ", ".join(f"{catalog.known_by} ({catalog.title})" for catalog in catalogs)
    spoken = [source for source in PAGES if any(source in _raw(name) for name in layout.names)]
    if not spoken:
        raise GpuPageError(
            0,
            f"the page carries no GPU metrics: {sought} were looked for; is this the exporter's "
            "own /metrics, or a federation page that selects them?",
        )
    for source in spoken:
        catalog = gpu_catalog(source)
        raw_names = ((name, _raw(name).get(source)) for name in layout.names)
        names = {name: raw for name, raw in raw_names if raw is not None}
        devices, left_out = plans.make(layout, catalog, names)
        problems += left_out
        if devices:
            plan.append((catalog, devices))
    if not plan and problems:
        raise GpuPageError(0, "; ".join(problems))
    if not plan:
        labels = ", ".join(dict.fromkeys(gpu_catalog(source).identity.uuid[0] for source in spoken))
        raise GpuPageError(
            0,
            f"the page has metrics of {', '.join(spoken)}, but none says of which GPU: the label "
            f"{labels} was looked for; is it dropped by a relabelling?",
        )
    return plan, problems


@cache
def _pattern(source: str) -> re.Pattern[str]:
    catalog = gpu_catalog(source)
    names = "|".join(sorted(map(re.escape, catalog.raw_names())))
    return re.compile(f"{catalog.prefix}(?P<raw>{names})", re.IGNORECASE)


@cache
def _spelling(source: str) -> dict[str, str]:
    """Return the raw names of a catalog by their lower-case form."""
    return {raw.lower(): raw for raw in gpu_catalog(source).raw_names()}


def _raw(name: str) -> dict[str, str]:
    """Return by source the raw name that a sample name of a page is, as the catalog knows it.

    Collectors on the way may write every name in lower case.
    """
    return _raw_names(name) if len(name) <= _LONGEST_NAME else {}


@lru_cache(maxsize=8192)
def _raw_names(name: str) -> dict[str, str]:
    matches = {source: _pattern(source).fullmatch(name) for source in PAGES}
    return {s: _spelling(s)[match["raw"].lower()] for s, match in matches.items() if match}


def _is_in_catalog(name: str) -> bool:
    return bool(_raw(name))
