"""Ways to roll a release out, and each of them pretended in a fleet's past. Pure arithmetic.

A pretended upgrade changes nothing but names: from a moment on some servers' windows count as
those of another release. What the comparison then finds is what it finds where nothing changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from ..estimate.blocker import DAY_HOURS
from ..fleet.windows import Fleet

Kind = Literal["canary", "new servers", "swap", "all at once"]
PRETENDED: Final = "pretended"
"""The release that pretended candidates have."""
_LEAST_SIDE: Final = 2
"""Servers of each release that a verdict takes."""
_HISTORY: Final = DAY_HOURS * 3600.0
"""Seconds before an upgrade that are compared with."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """A way to roll out: how many of how many servers get the release, and how.

    A `canary` upgrades servers that go on beside the others; `new servers` come beside them without
    a past; in a `swap` the two halves exchange the releases after `period` seconds.
    """

    kind: Kind
    upgraded: int
    servers: int
    period: float = 0.0


def rollouts(servers: int, wait: float) -> tuple[Rollout, ...]:
    """Return the ways that so many servers allow, none for fewer than two.

    Canaries come first, the smallest of them first; `wait` is for how many seconds a verdict is
    waited for at most, after half of which the halves of a swap exchange the releases.
    """
    half = servers // 2
    plans = list[Rollout]()
    if half >= _LEAST_SIDE:
        sizes = sorted({_LEAST_SIDE, max(servers // 4, _LEAST_SIDE), half})
        plans += [Rollout("canary", size, servers) for size in sizes]
        plans.append(Rollout("new servers", half, servers))
        plans.append(Rollout("swap", half, servers, wait / 2.0))
    if servers >= _LEAST_SIDE:
        plans.append(Rollout("all at once", servers, servers))
    return tuple(plans)


def pretended_upgrade(
    fleet: Fleet, rollout: Rollout, chosen: Sequence[bool], start: float
) -> tuple[Fleet, list[bool]]:
    """Return a fleet in which an upgrade begins at a Unix time, and which servers are candidates.

    `chosen` holds of each server of the windows whether it is upgraded, in a swap first. `start` is
    the begin of a window.
    """
    windows, count = fleet.windows, len(fleet.windows.servers)
    first = np.asarray(chosen, dtype=bool)[windows.server]
    begin = start - (0.0 if rollout.kind == "swap" else _HISTORY)
    recent = windows.time >= begin
    exchange = start + rollout.period
    upgraded = first & (windows.time >= start)
    back = dict[int, tuple[float, ...]]()
    if rollout.kind == "new servers":
        recent &= ~first | upgraded
    elif rollout.kind == "swap":
        upgraded = np.where(first, windows.time < exchange, windows.time >= exchange)
        back = {number: (exchange,) for number, is_first in enumerate(chosen) if is_first}
    server = np.where(upgraded, windows.server + count, windows.server)
    candidates = tuple(replace(each, release=PRETENDED) for each in windows.servers)
    pretended = replace(windows, servers=(*windows.servers, *candidates), server=server)
    starts = [start if rollout.kind != "swap" or is_first else exchange for is_first in chosen]
    facts = (
        *(
            replace(known, starts=(*known.starts, *back.get(number, ())))
            for number, known in enumerate(fleet.facts)
        ),
        *(
            replace(known, starts=(began,))
            for known, began in zip(fleet.facts, starts, strict=True)
        ),
    )
    upgrade = replace(fleet, windows=pretended.where(recent), facts=facts, lookups=None)
    return upgrade, [False] * count + [True] * count
