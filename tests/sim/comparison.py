"""A simulated fleet as the windows and facts that `inferfleet compare` reads."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exporter.compare.fleet.windows import Fleet, Lookups, ServerFacts, ServerKey, Windows

from .cells import UPPER, cell_of, per_slice
from .engine import MAX_SEQUENCES, Shape
from .fleet import SimulatedFleet, simulate_fleet
from .noise import SLICE, Array
from .scenario import Scenario, Upgrade

WIDTH: Final = 300.0
"""Seconds of a window."""
START: Final = 1_700_000_000.0 - 1_700_000_000.0 % WIDTH
"""Unix time at which the upgrade begins."""
OLD: Final = "0.20.2"
NEW: Final = "0.26.0"


def simulate_comparison(
    seed: int,
    effect: float = 0.0,
    scenario: Scenario | None = None,
    shape: Shape = "dense",
    *,
    share: float = 0.5,
    servers: int = 8,
    before: float = 24.0,
    after: float = 7.0,
    roll: float = 3600.0,
    model: str = "m",
) -> Fleet:
    """Return a fleet in which release `NEW` has `1 + effect` times the capacity of `OLD`.

    A `share` of the servers is upgraded at hour `before`, within `roll` seconds.
    """
    upgrade = Upgrade(effect, share=share, hours_before=before, hours_after=after, roll=roll)
    random = np.random.default_rng(seed)
    fleet = simulate_fleet(random, upgrade, scenario or Scenario(), shape, servers)
    return fleet_of_simulation(fleet, model)


@dataclass(frozen=True)
class _Lives:
    """Each server's time on each release: `number` of every slice, and what is known of each."""

    number: NDArray[np.int64]
    servers: tuple[ServerKey, ...]
    facts: tuple[ServerFacts, ...]


def fleet_of_simulation(fleet: SimulatedFleet, model: str) -> Fleet:
    """Return the load cells, identities and cache lookups of a fleet."""
    lives = _lives(fleet, model)
    begin = START + float(fleet.time[0]) - SLICE / 2
    window = ((fleet.time - fleet.time[0]) // WIDTH).astype(np.int64)
    count = int(window[-1]) + 1
    by_window = lives.number * count + window
    cells, cell = np.unique(by_window * len(UPPER) + cell_of(fleet), return_inverse=True)
    sums = {name: _summed(cell, values) for name, values in per_slice(fleet).items()}
    sums["gpu_seconds"] = sums["seconds"]
    whole, place = np.unique(by_window, return_inverse=True)
    return Fleet(
        Windows(
            lives.servers,
            cells // (count * len(UPPER)),
            begin + (cells // len(UPPER) % count) * WIDTH,
            UPPER[cells % len(UPPER)],
            WIDTH,
            sums,
        ),
        lives.facts,
        Lookups(
            whole // count,
            begin + (whole % count) * WIDTH,
            _summed(place, fleet.queried_tokens),
            _summed(place, fleet.hit_tokens),
        ),
        source="simulated",
    )


def _summed(place: NDArray[np.int64], values: Array) -> Array:
    return np.bincount(place.ravel(), values.ravel()).astype(np.float64)


def _lives(fleet: SimulatedFleet, model: str) -> _Lives:
    number = np.zeros(fleet.release.shape, dtype=np.int64)
    servers, facts = list[ServerKey](), list[ServerFacts]()
    for node, release in enumerate(fleet.release):
        for side in np.unique(release):
            running = release == side
            number[node, running] = len(servers)
            started = np.unique(np.round(fleet.time - fleet.age[node])[running])
            version = (OLD, NEW)[side]
            servers.append(ServerKey(f"node{node}", "vllm", version, model, "NVIDIA H200", "abc"))
            facts.append(_facts(version, model, tuple(START + float(t) for t in started)))
    return _Lives(number, tuple(servers), tuple(facts))


def _facts(version: str, model: str, starts: tuple[float, ...]) -> ServerFacts:
    labels = {
        "engine": "vllm",
        "version": version,
        "release": version,
        "model": model,
        "gpu_model": "NVIDIA H200",
        "class": "abc",
        "config": "c0ffee00",
    }
    limits = {"max_running_requests": MAX_SEQUENCES, "kv_cache_capacity_tokens": 500_000.0}
    return ServerFacts(labels, limits, starts)
