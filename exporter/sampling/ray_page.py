"""What a metrics page and a command line say of Ray workers behind a server.

A Ray node's page carries the series of all workers on the node, and the workers descend from the
node's own daemon, whichever server they work for.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from ..exposition import Layout, Series
from ..gpu.attribution import RayPage

_WORKER: Final = "WorkerId"
_ENGINE: Final = ("replica", "ReplicaId", _WORKER)
"""Labels that tell engines apart, best first: a process of an engine has an id of its own too."""
_RUNNING: Final = ("num_requests_running", "num_running_reqs")
_TOKENS: Final = ("generation_tokens", "generation_tokens_total")
_BACKENDS: Final = ("--distributed-executor-backend", "--data-parallel-backend")


def ray_page(layout: Layout) -> RayPage | None:
    """Return the engines and workers that a page names, None where it comes from no Ray.

    Engines are counted by their running gauges: counters of those that have ended stay for ever.
    """
    workers = frozenset(filter(None, (series.labels.get(_WORKER) for series in layout.series)))
    if not workers:
        return None
    running, counted = (set(_engines(layout, names)) for names in (_RUNNING, _TOKENS))
    return RayPage(len(running or counted), workers)


def starts_ray_workers(command_line: Sequence[str]) -> bool:
    """Whether a server's command line leaves its workers to Ray."""
    pairs = (
        *pairwise(command_line),
        *(word.partition("=")[::2] for word in command_line),
    )
    return any(option in _BACKENDS and value == "ray" for option, value in pairs)


def _engines(layout: Layout, names: tuple[str, ...]) -> Iterator[str]:
    for series in layout.series:
        if series.name.endswith(names):
            yield _engine(series)


def _engine(series: Series) -> str:
    return next((value for name in _ENGINE if (value := series.labels.get(name))), "")
