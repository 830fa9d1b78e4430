"""The requests that reach a simulated fleet: a day's wave, drift, bursts and a changing mix."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from .noise import SLICE, Array, autoregressive, smoothed
from .scenario import Scenario

# three kinds of request: prompt and output tokens, share of the prompt in the cache, share of all
PROMPT: Final = np.array([800.0, 4000.0, 12000.0])
OUTPUT: Final = np.array([300.0, 250.0, 150.0])
CACHED: Final = np.array([0.30, 0.20, 0.80])
SHARE: Final = np.log(np.array([0.60, 0.25, 0.15]))


@dataclass(frozen=True)
class Traffic:
    """What reached each server: arrays of server x slice.

    `requests`, `computed`, `queried` and `hit` are amounts of a slice: requests, prompt tokens to
    compute, tokens looked up in the prefix cache and hit there. `decode` and `prefill` are tokens
    a second, `context` is mean resident tokens of a sequence, `long_share` is the share of the
    longest kind of request.
    """

    requests: Array
    computed: Array
    queried: Array
    hit: Array
    decode: Array
    prefill: Array
    context: Array
    long_share: Array


def traffic(
    random: np.random.Generator, scenario: Scenario, time: Array, servers: int, age: Array
) -> Traffic:
    """Return the requests of every server; time 0 is the upgrade, `age` is since each start."""
    slices, after = len(time), time >= 0
    hours = time / 3600 + scenario.start_hour
    wave = 1 + scenario.diurnal * np.sin(2 * np.pi * (hours - 9.0) / 24.0)
    wave = wave * np.exp(autoregressive(random, (), slices, 0.10, 3600.0))
    wave = wave * (1 + scenario.demand * after)
    imbalance = np.exp(
        random.standard_normal((servers, 1)) * 0.08
        + autoregressive(random, (servers,), slices, 0.10, 1200.0)
    )
    shares = (
        SHARE[:, None, None]
        + autoregressive(random, (3,), slices, 0.20, 7200.0)[:, None, :]
        + autoregressive(random, (3, servers), slices, 0.15, 1800.0)
        + (np.array([-0.5, 0.5, 0.5]) * scenario.mix)[:, None, None] * after
    )
    shares = np.exp(shares)
    shares /= shares.sum(0, keepdims=True)
    arrived = random.poisson(scenario.rate * wave * imbalance * shares * SLICE).astype(float)
    root = np.sqrt(np.maximum(arrived, 1))
    normal = random.standard_normal
    output = arrived * OUTPUT[:, None, None] * np.maximum(0.1, 1 + 0.8 / root * normal(root.shape))
    output = output * (1 + scenario.output * after)
    prompt = arrived * PROMPT[:, None, None] * np.maximum(0.1, 1 + 0.6 / root * normal(root.shape))
    hits = CACHED[:, None, None] + autoregressive(random, (3, servers), slices, 0.03, 3600.0)
    # a started server has a cold cache
    hits = hits * (1 - scenario.prefix * after) * (1 - np.exp(-np.maximum(age, 0) / 2400.0))
    hits = np.clip(hits, 0, 0.97)
    computed = (prompt * (1 - hits)).sum(0)
    lengths = prompt / np.maximum(arrived, 1) + 0.5 * output / np.maximum(arrived, 1)
    generated = smoothed(output.sum(0), 15.0)
    return Traffic(
        requests=arrived.sum(0),
        computed=computed,
        queried=prompt.sum(0),
        hit=(prompt * hits).sum(0),
        decode=generated / SLICE,
        prefill=smoothed(computed, 8.0) / SLICE,
        context=smoothed((output * lengths).sum(0), 15.0) / np.maximum(generated, 1e-9),
        long_share=shares[2],
    )
