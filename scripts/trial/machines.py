"""What makes one machine slower than another, other than its release and its load."""

import numpy as np

from .designs import Life
from .noise import SLICE, wander
from .profile import Array
from .scenarios import Scenario
from .state import Surroundings

_CACHE_REQUESTS = 400.0
"""Requests of a class that fill its part of the prefix cache to 63 %."""


def surroundings(
    random: np.random.Generator,
    scenario: Scenario,
    lives: list[Life],
    common: Array,
    begin: float,
) -> list[Surroundings]:
    """Return what a server's machines go through, for each of its lives.

    `common` is the log slowness that all machines share by slice.
    """
    slices = len(common)
    time = begin + (np.arange(slices, dtype=np.float64) + 0.5) * SLICE
    log = common + wander(random, slices, 0.010, 2700.0)
    noisy = _neighbours(random, scenario, time)
    hour = time / 3600.0 + scenario.start_hour
    ambient = 27.0 + 3.0 * np.cos(2.0 * np.pi * (hour - 16.0) / 24.0)
    place = random.random() < 0.5
    watts = float(np.exp(0.03 * random.standard_normal()))
    result, machine = list[Surroundings](), 0.0
    for number in range(len(lives)):
        if number == 0 or scenario.rehosted:
            machine = scenario.machines * random.standard_normal()
        if number == 0 or scenario.rehosted or scenario.by_start:
            slow = scenario.slow_machines * (random.random() < 0.25)
        started = number > 0
        result.append(
            Surroundings(
                begin,
                SLICE,
                np.exp(log + machine + slow) * (1.0 + noisy),
                ambient + scenario.hot * place + wander(random, slices, 1.0, 3600.0),
                _CACHE_REQUESTS * (scenario.cold_cache if started else 1.0),
                watts,
            )
        )
    return result


def _neighbours(random: np.random.Generator, scenario: Scenario, time: Array) -> Array:
    """Return by how much others on the same host slow a machine: rarely by day, often by night."""
    slower = np.zeros(len(time))
    days = (time[-1] - time[0]) / 86400.0
    first = time[0] - time[0] % 86400.0 - scenario.start_hour * 3600.0
    for _ in range(random.poisson(0.5 * days)):
        _add_episode(random, slower, time, random.uniform(time[0], time[-1]))
    for night in range(int(days) + 3):
        # between 22 and 4 o'clock
        since = first + 86400.0 * night + 22 * 3600.0
        for _ in range(random.poisson(scenario.neighbours)):
            _add_episode(random, slower, time, since + random.uniform(0.0, 6 * 3600.0))
    return slower


def _add_episode(random: np.random.Generator, slower: Array, time: Array, begin: float) -> None:
    during = (time >= begin) & (time < begin + random.uniform(600.0, 3600.0))
    slower[during] += random.uniform(0.05, 0.25)
