"""A fleet through an upgrade: every server's engine run, as readings five seconds apart."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .designs import Life, Plan, lives
from .engine import run_engine
from .machines import surroundings
from .noise import SLICE, wander
from .profile import PROFILES, Array, Factors, products
from .scenarios import Case
from .state import (
    COUNTERS,
    COUNTS,
    INTERVAL,
    Requests,
    Surroundings,
    new_jobs,
    new_state,
    new_tables,
)
from .traffic import fleet_demand, server_requests, with_rates

DOWN: Final = 150.0
"""Seconds that a start takes: weights are read, graphs captured."""


@dataclass(frozen=True)
class Run:
    """What a fleet did. `counts` maps a counter to server x interval; intervals end on the grid.

    `context` and `queue` are gauges at the edges (server x interval + 1), `life` numbers the life
    of a server in an interval, `down` marks those in which it was starting.
    """

    case: Case
    begin: float
    lives: list[list[Life]]
    counts: dict[str, Array]
    context: Array
    queue: NDArray[np.bool_]
    life: NDArray[np.int64]
    down: NDArray[np.bool_]

    @cached_property
    def edges(self) -> Array:
        """The end of each interval, in seconds from the upgrade on."""
        edges: Array = self.begin + INTERVAL * np.arange(1, self.life.shape[1] + 1)
        return edges

    @cached_property
    def release(self) -> NDArray[np.int64]:
        """The release that each server runs in each interval."""
        return np.array(
            [
                np.array([life.release for life in spent])[numbers]
                for spent, numbers in zip(self.lives, self.life, strict=True)
            ]
        )

    @cached_property
    def age(self) -> Array:
        """Seconds since the last start, at the end of each interval."""
        return np.array(
            [
                self.edges - np.array([life.begin for life in spent])[numbers]
                for spent, numbers in zip(self.lives, self.life, strict=True)
            ]
        )


def run_fleet(case: Case, plan: Plan, seed: int) -> Run:
    """Return a fleet's run; the same seed gives the same one."""
    random = np.random.default_rng(seed)
    scenario = case.scenario
    begin, end = -3600.0 * plan.before, 3600.0 * plan.after
    slices, intervals = round((end - begin) / SLICE), round((end - begin) / INTERVAL)
    spent = lives(random, plan)
    demand = fleet_demand(random, scenario, begin, slices)
    common = wander(random, slices, 0.003, 21600.0)
    counts = np.zeros((plan.servers, intervals), dtype=COUNTS)
    gauges = np.zeros((plan.servers, intervals + 1, 2))
    time = begin + (np.arange(slices) + 0.5) * SLICE
    for server, own in enumerate(spent):
        stream = np.random.default_rng([seed, server + 1])
        weights = np.exp(0.06 * stream.standard_normal(2))
        if scenario.rerouted:
            weights[1] *= np.exp(0.35 * stream.standard_normal())
        on_candidate = np.zeros(slices, dtype=bool)
        for life in own:
            on_candidate[time >= life.begin] = life.release == 1
        changed = time >= 0 if scenario.side == "fleet" else on_candidate
        weight = np.where(time >= 0, weights[int(scenario.rerouted)], weights[0])
        arrivals = server_requests(stream, scenario, demand, changed, weight)
        around = surroundings(stream, scenario, own, common, begin)
        for number, life in enumerate(own):
            until = own[number + 1].begin if number + 1 < len(own) else end
            since = max(life.begin + DOWN, begin)
            _run_life(
                case,
                life,
                _between(arrivals, since, until),
                around[number],
                counts[server],
                gauges[server],
                (since, until, begin),
                int(stream.integers(2**31)),
            )
    edges = begin + INTERVAL * np.arange(1, intervals + 1)
    life_numbers = np.zeros((plan.servers, intervals), dtype=np.int64)
    down = np.zeros((plan.servers, intervals), dtype=bool)
    for server, own in enumerate(spent):
        for number, life in enumerate(own):
            life_numbers[server, edges > life.begin] = number
            down[server] |= (edges > life.begin) & (edges <= life.begin + DOWN + INTERVAL)
    return Run(
        case,
        begin,
        spent,
        {name: counts[name] for name in COUNTERS},
        gauges[:, :, 0],
        gauges[:, :, 1] > 0,
        life_numbers,
        down,
    )


def _between(
    arrivals: tuple[Requests, Array], since: float, until: float
) -> tuple[Requests, Array]:
    """Return the requests that arrive in a span; others go elsewhere."""
    requests, acceptance = arrivals
    first, last = np.searchsorted(requests.arrival, [since, until])
    return requests.between(int(first), int(last)), acceptance[first:last]


def _run_life(
    case: Case,
    life: Life,
    arrivals: tuple[Requests, Array],
    around: Surroundings,
    counts: Array,
    gauges: Array,
    span: tuple[float, float, float],
    seed: int,
) -> None:
    since, until, begin = span
    scenario, effect = case.scenario, case.effect
    profile = PROFILES[scenario.model]
    is_new = life.release == 1
    started = since > begin
    if started and scenario.slow_start != 1.0:
        profile = profile._replace(compile=profile.compile * scenario.slow_start)
    requests = with_rates(*arrivals, effect.acceptance if is_new else 1.0, profile.drafts)
    first = int((since - begin) // INTERVAL)
    state = new_state(since, first, begin + INTERVAL * (first + 1))
    run_engine(
        state,
        new_jobs(requests),
        new_tables(warm=not started),
        profile,
        products(profile),
        effect.factors if is_new else Factors(),
        around,
        counts,
        gauges,
        until,
        seed,
    )
