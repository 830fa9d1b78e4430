"""Which server runs which release when: the designs that a comparison is tried in."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

ROLL: Final = 1920.0
"""Seconds from the first server's upgrade to the last one's."""
_ROLL_STEP: Final = 240.0
"""Seconds from one server's upgrade to the next."""
_LONG_AGO: Final = 30 * 86400.0


@dataclass(frozen=True)
class Plan:
    """How a fleet is upgraded; time 0 is the begin.

    `upgraded` of `servers` get the candidate; after `swap` hours they go back and the others get
    it, 0 for never. `before` and `after` are hours of data, an hour of warm-up among the latter.
    """

    servers: int
    upgraded: int
    before: float
    after: float
    swap: float = 0.0


@dataclass(frozen=True)
class Design:
    """Which part of a plan's fleet is judged: `size` servers of each group, from `since` hours on.

    One fleet serves several designs, so that they are compared on the same noise.
    """

    plan: str
    size: int
    since: float


@dataclass(frozen=True)
class Life:
    """A server's time from a start to the next: release 0 is the baseline, 1 the candidate."""

    begin: float
    release: int


PLANS: Final = {
    "half": Plan(16, 8, 24.0, 7.0),
    "all": Plan(4, 4, 24.0, 26.0),
    "swap": Plan(8, 4, 24.0, 8.0, swap=4.0),
}
DESIGNS: Final = {
    **{f"DiD {n}+{n}": Design("half", n, -24.0) for n in (2, 4, 8)},
    **{f"side by side {n}+{n}": Design("half", n, -1.0) for n in (2, 4, 8)},
    **{f"before/after {n}": Design("all", n, -24.0) for n in (2, 4)},
    **{f"swap {n}+{n}": Design("swap", n, -24.0) for n in (2, 4)},
}

WATCH: Final = Plan(8, 4, 24.0, 25.0)
"""A fleet that is watched for a day after its upgrade begins."""
WATCHED: Final = {
    "DiD 2+2": Design("watch", 2, -24.0),
    "DiD 4+4": Design("watch", 4, -24.0),
    "side by side 2+2": Design("watch", 2, -1.0),
    "side by side 4+4": Design("watch", 4, -1.0),
}
"""What is asked again and again: designs of the watched fleet."""


def lives(random: np.random.Generator, plan: Plan) -> list[list[Life]]:
    """Return each server's lives in order; the first began long before the data."""
    order = random.permutation(plan.servers)
    groups = order[: plan.upgraded], order[plan.upgraded :]
    spent: list[list[Life]] = [[Life(-_LONG_AGO, 0)] for _ in range(plan.servers)]
    for server, time in zip(groups[0], _roll(len(groups[0])), strict=True):
        spent[server].append(Life(time, 1))
        if plan.swap:
            spent[server].append(Life(time + 3600.0 * plan.swap, 0))
    if plan.swap:
        for server, time in zip(groups[1], _roll(len(groups[1])), strict=True):
            spent[server].append(Life(time + 3600.0 * plan.swap, 1))
    return spent


def members(spent: list[list[Life]], design: Design) -> NDArray[np.int64]:
    """Return the servers of a design: the first `size` upgraded and as many others."""
    first = [own[1].begin <= ROLL if len(own) > 1 else False for own in spent]
    upgraded = [server for server, is_first in enumerate(first) if is_first]
    others = [server for server, is_first in enumerate(first) if not is_first]
    return np.array([*upgraded[: design.size], *others[: design.size]], dtype=np.int64)


def _roll(count: int) -> list[float]:
    times = np.linspace(0.0, ROLL if count > 1 else 0.0, count)
    return [float(round(time / _ROLL_STEP) * _ROLL_STEP) for time in times]
