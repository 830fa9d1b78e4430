"""The servers of a fleet that an upgrade would begin with: those that run now, of one kind.

Pure arithmetic.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ...base.errors import CompareError
from ...base.untrusted import one_line
from ..fleet.windows import ExternalLabels, Fleet, ServerFacts, ServerKey

_RECENT_SECONDS: Final = 3600.0
"""Seconds before the end within which a server that runs has work or has idled."""
_MOST_SERVERS: Final = 32
"""Servers that upgrades are pretended on: more would narrow little, and take long."""
_SEED: Final = 1
_MOST_CACHED: Final = 0.9
"""Share of cached prompts up to which a start's emptiness is told: beyond it rules out nothing."""
_Kind = tuple[str, str, str, str, ExternalLabels]


@dataclass(frozen=True, slots=True, eq=False)
class Present:
    """Servers of one model, engine, release, kind of GPU, class and cluster.

    `fleet` holds the past of some of them as that release, `servers` counts all; `gpus` is None
    where a server does not say how many it has; `tokens_per_second` are generated tokens over
    `seconds` of past, and `cached` the share of looked-up prompt tokens that caches held, 0 where
    unknown. `others` counts servers that run beside them and are of another kind.
    """

    fleet: Fleet
    key: ServerKey
    servers: int
    gpus: int | None
    tokens_per_second: float
    seconds: float
    cached: float
    others: int


def present(fleet: Fleet, release: str) -> Present:
    """Return the servers that run now, those of a release where there are any.

    Raises `CompareError` where none runs, or several models are served.
    """
    windows = fleet.windows
    if not len(windows):
        raise CompareError(
            "--prometheus: there are no load cells of inferfleet in this time; is it the one that "
            "scrapes the exporter, and --window long enough?"
        )
    end = float(windows.time.max()) + windows.width
    recent = windows.time >= end - max(_RECENT_SECONDS, 2.0 * windows.width)
    running = [windows.servers[number] for number in np.unique(windows.server[recent])]
    models = sorted({server.model for server in running})
    if len(models) > 1:
        raise CompareError(
            f"--model: the servers have several: {', '.join(map(one_line, models))}; choose one"
        )
    kinds = Counter(map(_kind, running))
    kind = max(kinds, key=lambda each: (each[1] == release, kinds[each], each))
    chosen = [number for number, key in enumerate(windows.servers) if key in running]
    chosen = [number for number in chosen if _kind(windows.servers[number]) == kind]
    own = np.isin(windows.server, chosen)
    seconds = end - float(windows.time[own].min())
    gpus = [fleet.facts[number].limits.get("gpus") for number in chosen]
    return Present(
        _part(fleet, chosen),
        windows.servers[chosen[0]],
        len(chosen),
        round(sum(map(float, filter(None, gpus)))) if all(gpus) else None,
        float(np.nansum(windows.column("decode_tokens")[own])) / seconds,
        seconds,
        _cached(fleet, chosen),
        len(running) - len(chosen),
    )


def _cached(fleet: Fleet, chosen: list[int]) -> float:
    lookups = fleet.lookups
    if lookups is None:
        return 0.0
    own = lookups.where(np.isin(lookups.server, chosen))
    queried = float(own.queried.sum())
    return min(float(own.hit.sum()) / queried, _MOST_CACHED) if queried > 0 else 0.0


def _kind(server: ServerKey) -> _Kind:
    return (
        server.engine,
        server.release,
        server.gpu_model,
        server.server_class,
        server.external_labels,
    )


def _part(fleet: Fleet, chosen: list[int]) -> Fleet:
    """Return a fleet of some of its servers, of as many as upgrades are pretended on."""
    if len(chosen) > _MOST_SERVERS:
        random = np.random.default_rng(_SEED)
        chosen = sorted(random.choice(chosen, _MOST_SERVERS, replace=False).tolist())
    windows = fleet.windows
    number = np.full(len(windows.servers), -1, dtype=np.int64)
    number[chosen] = np.arange(len(chosen))
    rows = windows.where(number[windows.server] >= 0)
    servers = tuple(windows.servers[each] for each in chosen)
    facts: tuple[ServerFacts, ...] = tuple(fleet.facts[each] for each in chosen)
    part = replace(rows, servers=servers, server=number[rows.server])
    return replace(fleet, windows=part, facts=facts, lookups=None)
