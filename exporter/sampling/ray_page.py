"""What a metrics page says of Ray workers behind a server.

A Ray node's page carries the series of all workers on the node, and the workers descend from the
node's own daemon, whichever server they work for.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

from ..engines.catalog import engine_catalog
from ..engines.registry import ENGINES
from ..exposition import Layout, Series
from ..gpu.attribution import RayPage

_WORKER: Final = "WorkerId"
_ENGINE: Final = ("replica", "ReplicaId", _WORKER)
"""Labels that tell engines apart, best first: a process of an engine has an id of its own too."""


def ray_page(layout: Layout) -> RayPage | None:
    """Return the engines and workers that a page names, None where it comes from no Ray.

    Engines are counted by their running gauges: counters of those that have ended stay for ever.
    """
    workers = frozenset(filter(None, (series.labels.get(_WORKER) for series in layout.series)))
    if not workers:
        return None
    running, counted = (
        set(_engines(layout, _endings(family)))
        for family in ("requests_running", "generation_tokens_total")
    )
    return RayPage(len(running or counted), workers)


@cache
def _endings(family: str) -> tuple[str, ...]:
    """Return how a family's names end on pages; Ray also writes counters without `_total`."""
    raw = {
        term.raw
        for engine in ENGINES
        for option in engine_catalog(engine).families[family]
        for term in option.terms
    }
    return tuple(sorted(raw | {name.removesuffix("_total") for name in raw}))


def _engines(layout: Layout, names: tuple[str, ...]) -> Iterator[str]:
    for series in layout.series:
        if series.name.endswith(names):
            yield _engine(series)


def _engine(series: Series) -> str:
    return next((value for name in _ENGINE if (value := series.labels.get(name))), "")
