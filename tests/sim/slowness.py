"""What makes one simulated server slower than another, other than its release and its load."""

import numpy as np
from numpy.typing import NDArray

from .noise import Array, autoregressive
from .scenario import Scenario


def slowness(
    random: np.random.Generator,
    scenario: Scenario,
    time: Array,
    restarted: NDArray[np.bool_],
    age: Array,
) -> Array:
    """Return the factor on each server's step time: host, wander, neighbours, warm-up.

    `restarted` is whether a server has been started anew for the upgrade.
    """
    servers, slices = age.shape
    hosts = random.standard_normal((2, servers, 1)) * scenario.host_sd
    log = np.where(restarted, hosts[1 if scenario.rehosted else 0], hosts[0])
    if scenario.bimodal:
        slow_starts = (random.random((2, servers, 1)) < 0.25) * scenario.bimodal
        log = log + np.where(restarted, slow_starts[1], slow_starts[0])
    log = log + autoregressive(random, (servers,), slices, scenario.wander_sd, 2700.0)
    log = log + 0.01 * random.standard_normal((servers, slices))
    log = log + autoregressive(random, (), slices, scenario.common_sd, 6 * 3600.0)
    if scenario.bad_node:
        bad = random.integers(servers)
        log[bad] += scenario.bad_node * (time >= 0)
    noisy = _neighbours(random, scenario, time, servers)
    warming = 1 + 0.3 * np.exp(-np.maximum(age, 0) / 180.0)
    factor: Array = np.exp(log) * (1 + noisy) * warming
    return factor


def _neighbours(
    random: np.random.Generator, scenario: Scenario, time: Array, servers: int
) -> Array:
    """Return by how much others on the same host slow each server, in episodes of an hour."""
    slower = np.zeros((servers, len(time)))
    span = (time[-1] - time[0]) / 3600
    for server in range(servers):
        for rate, since in (
            (0.0 if scenario.neighbours < 0 else 1 / 12.0, -np.inf),
            (max(scenario.neighbours, 0.0), 0.0),
        ):
            for _ in range(random.poisson(rate * span)):
                begin, length = random.uniform(time[0], time[-1]), random.uniform(900, 3600)
                episode = (time >= max(begin, since)) & (time < begin + length)
                slower[server, episode] += random.uniform(0.05, 0.25)
    return slower
