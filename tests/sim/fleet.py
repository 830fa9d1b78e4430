"""A fleet of inference servers whose truth is known: continuous batching through an upgrade.

Time runs in slices of `SLICE` seconds, time 0 is the moment the upgrade begins. Below saturation
the batch follows from demand and step time by Little's law, B = demand x T. Nothing here knows how
rules or comparison judge; both read what it did, as load cells (`cells`), as scraped series
(`series`) or as a comparison's windows (`comparison`).
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .engine import ENGINES, MAX_SEQUENCES, MAX_STEP_TOKENS, Shape
from .noise import SLICE, Array, smoothed
from .scenario import Scenario, Upgrade
from .slowness import slowness
from .traffic import traffic

ROLL_STEP: Final = 240.0
"""Upgrades fall on multiples of so many seconds: a window of the rules holds one release."""


@dataclass(frozen=True)
class SimulatedFleet:
    """What the servers did: arrays of server x slice, per slice where they are amounts.

    `release` is 0 on the baseline, 1 on the candidate; `age` is seconds since the last start.
    Tokens and seconds are named like the exporter's load cells. `truth` is the time that the work
    would have taken on the baseline, by measure.
    """

    time: Array
    release: NDArray[np.int64]
    age: Array
    batch: Array
    context: Array
    saturated: NDArray[np.bool_]
    decode_tokens: Array
    prefill_tokens: Array
    first_tokens: Array
    first_token_seconds: Array
    finished_prefill_tokens: Array
    finished_prefill_seconds: Array
    joules: Array
    queried_tokens: Array
    hit_tokens: Array
    truth: dict[str, Array] = field(default_factory=dict)


def simulate_fleet(
    random: np.random.Generator,
    upgrade: Upgrade,
    scenario: Scenario,
    shape: Shape = "dense",
    servers: int = 8,
) -> SimulatedFleet:
    """Return one fleet through one upgrade."""
    engine = ENGINES[shape]
    slices = int((upgrade.hours_before + upgrade.hours_after) * 3600 / SLICE)
    time: Array = (np.arange(slices, dtype=np.float64) + 0.5) * SLICE
    time = time - upgrade.hours_before * 3600
    restarted, release, age = _releases(random, upgrade, scenario, time, servers)
    load = traffic(random, scenario, time, servers, age)
    slow = slowness(random, scenario, time, restarted, age)
    if scenario.hidden:
        slow = slow * (1 + scenario.hidden * (smoothed(load.long_share, 30.0) / 0.15 - 1))
    factor = 1 / (1 + upgrade.effect)
    touched = release == 1
    decode_factor = np.where(touched & (upgrade.part in ("all", "decode")), factor, 1.0)
    prefill_factor = np.where(touched & (upgrade.part in ("all", "prefill")), factor, 1.0)
    range_factor = np.where(touched & (upgrade.part == "range"), factor, 1.0)

    def step(batch: Array, tokens: Array) -> Array:
        wide = np.where(batch > 32, range_factor, 1.0)
        decode = (engine.decode(batch) + engine.context * batch * load.context) * decode_factor
        return slow * (decode + engine.prefill * tokens * prefill_factor) * wide * 1e-3

    # a step's time sets the batch and the batch sets its time: damped, 24 rounds settle it
    seconds = step(np.full_like(load.decode, 8.0), load.prefill * 0.015)
    for _ in range(24):
        batch = np.minimum(load.decode * seconds, MAX_SEQUENCES)
        served = np.minimum(1.0, batch / seconds / np.maximum(load.decode, 1e-9))
        tokens = np.minimum(load.prefill * served * seconds, MAX_STEP_TOKENS)
        seconds = 0.5 * seconds + 0.5 * step(batch, tokens)
    batch = np.minimum(load.decode * seconds, MAX_SEQUENCES)
    rate = batch / seconds
    served = np.minimum(1.0, rate / np.maximum(load.decode, 1e-9))
    tokens = load.prefill * served * seconds

    # what the same work would have taken on the baseline, at this load
    baseline_decode = slow * (engine.decode(batch) + engine.context * batch * load.context) * 1e-3
    baseline_step = baseline_decode + slow * engine.prefill * tokens * 1e-3
    prompt_length = load.computed / np.maximum(load.requests, 1)
    baseline_token = slow * engine.prefill * 1e-3
    token = baseline_token * prefill_factor
    wide = np.where(batch > 32, range_factor, 1.0)
    busy = np.clip(token * wide * load.prefill * served, 0, 0.9)
    baseline_busy = np.clip(baseline_token * load.prefill * served, 0, 0.9)
    first = (baseline_decode * decode_factor + token * prompt_length * _wait(busy)) * wide
    baseline_first = baseline_decode + baseline_token * prompt_length * _wait(baseline_busy)
    queue = np.maximum(0.0, 1 / np.maximum(served, 1e-9) - 1) * 30.0
    normal = random.standard_normal
    noise = np.exp(0.10 / np.sqrt(np.maximum(load.requests, 1)) * normal(first.shape))
    watts = 150 + 300 * np.sqrt(np.minimum(1.0, batch / 100)) + 150 * busy
    return SimulatedFleet(
        time=time,
        release=release,
        age=age,
        batch=batch,
        context=load.context * (1 + 0.02 * normal(batch.shape)),
        saturated=batch >= MAX_SEQUENCES - 1e-6,
        decode_tokens=rate * SLICE,
        prefill_tokens=load.prefill * served * SLICE,
        first_tokens=load.requests,
        first_token_seconds=load.requests * (first * noise + queue),
        finished_prefill_tokens=load.computed,
        finished_prefill_seconds=load.requests * first * noise,
        joules=watts * (1 + 0.01 * normal((servers, 1))) * SLICE,
        queried_tokens=load.queried,
        hit_tokens=load.hit,
        truth={
            "decode": rate * baseline_step * SLICE,
            "prefill": load.requests * baseline_first * noise,
        },
    )


def _releases(
    random: np.random.Generator, upgrade: Upgrade, scenario: Scenario, time: Array, servers: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64], Array]:
    """Return whether each server was started anew, its release and its age, by slice."""
    start = np.full(servers, np.inf)
    count = round(servers * upgrade.share)
    upgraded = np.sort(random.choice(servers, count, replace=False))
    roll = np.linspace(0, upgrade.roll, count) if count > 1 else np.zeros(count)
    start[upgraded] = np.round(roll / ROLL_STEP) * ROLL_STEP
    restarted = time >= start[:, None]
    age = np.where(restarted, time - start[:, None], 1e6 + time)
    release = restarted.astype(np.int64)
    if scenario.rollback:
        back = start + scenario.rollback
        undone = time >= back[:, None]
        release = np.where(undone, 0, release)
        age = np.where(undone, time - back[:, None], age)
    return restarted, release, age


def _wait(busy: Array) -> Array:
    """Return how much longer a prompt takes for the prompts it shares steps with."""
    wait: Array = 1 + 0.25 * busy / (1 - busy)
    return wait
