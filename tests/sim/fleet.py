"""A fleet of inference servers with known truth: continuous batching, demand, and what disturbs it.

Time runs in slices of `SLICE` seconds, time 0 is the moment an upgrade begins. A step of an engine
takes T = t0(B) + a B + kv B context + pre p, for B decoding sequences and p computed prompt tokens
in the step; below saturation B = demand x T (Little's law). Sizes of noise and confounders are
assumptions, chosen around what operators report; nothing here knows how the rules judge.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SLICE: Final = 15.0
SEATS: Final = 192.0
BUDGET: Final = 8192.0
WARM_UP: Final = 3600.0

# three kinds of request: prompt and output tokens, share of the prompt found in the cache, share
PROMPT: Final = np.array([800.0, 4000.0, 12000.0])
OUTPUT: Final = np.array([300.0, 250.0, 150.0])
CACHED: Final = np.array([0.30, 0.20, 0.80])
SHARE: Final = np.log(np.array([0.60, 0.25, 0.15]))


@dataclass(frozen=True)
class Engine:
    """The parts of a step's time: `decode(B)` in ms, ms per resident token, per computed token."""

    decode: Callable[[Array], Array]
    context: float
    prefill: float


def _dense(batch: Array) -> Array:
    ripple = 0.15 * np.sin(2 * np.pi * np.log2(batch + 1.0) * 1.5)
    kink = 1.2 / (1 + np.exp(-(batch - 64.0) / 6.0))
    return 11.0 + 0.022 * batch * (1 + 0.0015 * batch) + ripple + kink


def _moe(batch: Array) -> Array:
    """Steep until most experts are touched, flat afterwards: the shape of the recorded MoE."""
    knots = [-1.0, 0.0, 2.0, 4.0, 6.0, 8.0, 9.0]
    return np.interp(
        np.log2(np.maximum(batch, 0.5)), knots, [4.0, 4.3, 9.0, 16.0, 27.0, 33.0, 36.0]
    )


ENGINES: Final = {
    "dense": Engine(_dense, 3.0e-5, 0.050),
    "moe": Engine(_moe, 1.5e-6, 0.017),
}


@dataclass(frozen=True)
class Scenario:
    """What happens beside the upgrade. Shares are relative changes that begin with it."""

    demand: float = 0.0
    mix: float = 0.0
    output: float = 0.0
    prefix: float = 0.0
    neighbours: float = 0.0
    hidden: float = 0.0
    diurnal: float = 0.45
    start_hour: float = 10.0
    rate: float = 4.6
    rehosted: bool = False
    bimodal: float = 0.0
    bad_node: float = 0.0
    rollback: float = 0.0
    host_sd: float = 0.015
    wander_sd: float = 0.015
    common_sd: float = 0.004


@dataclass(frozen=True)
class Upgrade:
    """Which servers get the candidate, and what it truly does to speed.

    `effect` is the change of speed: -0.1 makes the touched part of a step 1/0.9 as long. `part`
    names what it touches: all, decode, prefill, or steps of more than 32 sequences.
    """

    effect: float = 0.0
    part: str = "all"
    share: float = 1.0
    hours_before: float = 24.0
    hours_after: float = 7.0
    roll: float = 3600.0


@dataclass(frozen=True)
class Fleet:
    """What the servers did: arrays of server x slice, per slice where they are amounts.

    `release` is 0 on the baseline, 1 on the candidate; `age` is seconds since the last start.
    `truth` is the time that what was done would have taken on the baseline, by measure.
    """

    time: Array
    release: NDArray[np.int64]
    age: Array
    batch: Array
    decoded: Array
    prefilled: Array
    context: Array
    first_tokens: Array
    first_seconds: Array
    finished_tokens: Array
    finished_seconds: Array
    joules: Array
    queued: Array
    demand: Array
    truth: dict[str, Array] = field(default_factory=dict)


def _wander(
    random: np.random.Generator, shape: tuple[int, ...], slices: int, sd: float, tau: float
) -> Array:
    """Return noise that forgets itself in `tau` seconds, of standard deviation `sd`."""
    keep = np.exp(-SLICE / tau)
    noise = random.standard_normal((slices, *shape)) * sd * np.sqrt(1 - keep * keep)
    out = np.empty_like(noise)
    now = random.standard_normal(shape) * sd
    for i in range(slices):
        now = keep * now + noise[i]
        out[i] = now
    return np.moveaxis(out, 0, -1)


def _smooth(values: Array, tau: float) -> Array:
    keep = np.exp(-SLICE / tau)
    moved = np.ascontiguousarray(np.moveaxis(values, -1, 0))
    out = np.empty_like(moved)
    now = moved[0].copy()
    for i in range(len(moved)):
        now = keep * now + (1 - keep) * moved[i]
        out[i] = now
    return np.moveaxis(out, 0, -1)


def simulate(
    random: np.random.Generator,
    upgrade: Upgrade,
    scenario: Scenario,
    engine: str = "dense",
    servers: int = 8,
) -> Fleet:
    """Return one fleet through one upgrade."""
    model = ENGINES[engine]
    slices = int((upgrade.hours_before + upgrade.hours_after) * 3600 / SLICE)
    time: Array = (np.arange(slices, dtype=np.float64) + 0.5) * SLICE
    time = time - upgrade.hours_before * 3600
    after = time >= 0

    started = np.full(servers, np.inf)
    count = round(servers * upgrade.share)
    chosen = np.sort(random.choice(servers, count, replace=False))
    # on the edge of a window, as no window may hold two releases
    roll = np.linspace(0, upgrade.roll, count) if count > 1 else np.zeros(count)
    started[chosen] = np.round(roll / 240.0) * 240.0
    age = np.where(time >= started[:, None], time - started[:, None], 1e6 + time)
    release = (time >= started[:, None]).astype(np.int64)
    if scenario.rollback:
        back = started + scenario.rollback  # a multiple of a window
        undone = time >= back[:, None]
        release = np.where(undone, 0, release)
        age = np.where(undone, time - back[:, None], age)
    spawn = (time >= started[:, None]).astype(int)

    # demand: a day's wave, fleet-wide and per-server wander, Poisson arrivals of three kinds
    hours = time / 3600 + scenario.start_hour
    wave = 1 + scenario.diurnal * np.sin(2 * np.pi * (hours - 9.0) / 24.0)
    wave = wave * np.exp(_wander(random, (), slices, 0.10, 3600.0))
    wave = wave * (1 + scenario.demand * after)
    own = np.exp(
        random.standard_normal((servers, 1)) * 0.08
        + _wander(random, (servers,), slices, 0.10, 1200.0)
    )
    shares = (
        SHARE[:, None, None]
        + _wander(random, (3,), slices, 0.20, 7200.0)[:, None, :]
        + _wander(random, (3, servers), slices, 0.15, 1800.0)
        + (np.array([-0.5, 0.5, 0.5]) * scenario.mix)[:, None, None] * after
    )
    shares = np.exp(shares)
    shares /= shares.sum(0, keepdims=True)
    arrived = random.poisson(scenario.rate * wave * own * shares * SLICE).astype(float)
    several = np.sqrt(np.maximum(arrived, 1))
    draw = random.standard_normal
    output = (
        arrived * OUTPUT[:, None, None] * np.maximum(0.1, 1 + 0.8 / several * draw(several.shape))
    )
    output = output * (1 + scenario.output * after)
    prompt = (
        arrived * PROMPT[:, None, None] * np.maximum(0.1, 1 + 0.6 / several * draw(several.shape))
    )
    hits = CACHED[:, None, None] + _wander(random, (3, servers), slices, 0.03, 3600.0)
    hits = hits * (1 - scenario.prefix * after) * (1 - np.exp(-np.maximum(age, 0) / 2400.0))
    hits = np.clip(hits, 0, 0.97)
    computed = (prompt * (1 - hits)).sum(0)
    requests = arrived.sum(0)
    offered = _smooth(output.sum(0), 15.0) / SLICE
    prefill = _smooth(computed, 8.0) / SLICE
    lengths = prompt / np.maximum(arrived, 1) + 0.5 * output / np.maximum(arrived, 1)
    weights = _smooth(output.sum(0), 15.0)
    context = _smooth((output * lengths).sum(0), 15.0) / np.maximum(weights, 1e-9)

    slow = _slowness(random, scenario, time, servers, spawn, age)
    if scenario.hidden:
        slow = slow * (1 + scenario.hidden * (_smooth(shares[2], 30.0) / 0.15 - 1))
    factor = 1 / (1 + upgrade.effect)
    touched = release == 1
    decode_part = np.where(touched & (upgrade.part in ("all", "decode")), factor, 1.0)
    prefill_part = np.where(touched & (upgrade.part in ("all", "prefill")), factor, 1.0)
    ranged = np.where(touched & (upgrade.part == "range"), factor, 1.0)

    def step(batch: Array, tokens: Array) -> Array:
        wide = np.where(batch > 32, ranged, 1.0)
        decode = (model.decode(batch) + model.context * batch * context) * decode_part
        return slow * (decode + model.prefill * tokens * prefill_part) * wide * 1e-3

    seconds = step(np.full_like(offered, 8.0), prefill * 0.015)
    for _ in range(24):
        batch = np.minimum(offered * seconds, SEATS)
        served = np.minimum(1.0, batch / seconds / np.maximum(offered, 1e-9))
        tokens = np.minimum(prefill * served * seconds, BUDGET)
        seconds = 0.5 * seconds + 0.5 * step(batch, tokens)
    batch = np.minimum(offered * seconds, SEATS)
    rate = batch / seconds
    served = np.minimum(1.0, rate / np.maximum(offered, 1e-9))
    tokens = prefill * served * seconds

    # what the same work would have taken on the baseline, at this load
    plain = slow * (model.decode(batch) + model.context * batch * context) * 1e-3
    plain_step = plain + slow * model.prefill * tokens * 1e-3
    length = computed / np.maximum(requests, 1)
    plain_token = slow * model.prefill * 1e-3
    per_token = plain_token * prefill_part
    wide = np.where(batch > 32, ranged, 1.0)
    busy = np.clip(per_token * wide * prefill * served, 0, 0.9)
    plain_busy = np.clip(plain_token * prefill * served, 0, 0.9)
    first = (plain * decode_part + per_token * length * _wait(busy)) * wide
    plain_first = plain + plain_token * length * _wait(plain_busy)
    queue = np.maximum(0.0, 1 / np.maximum(served, 1e-9) - 1) * 30.0
    noise = np.exp(0.10 / np.sqrt(np.maximum(requests, 1)) * draw(first.shape))
    watts = 150 + 300 * np.sqrt(np.minimum(1.0, batch / 100)) + 150 * busy
    return Fleet(
        time=time,
        release=release,
        age=age,
        batch=batch,
        decoded=rate * SLICE,
        prefilled=prefill * served * SLICE,
        context=context * (1 + 0.02 * draw(batch.shape)),
        first_tokens=requests,
        first_seconds=requests * (first * noise + queue),
        finished_tokens=computed,
        finished_seconds=requests * first * noise,
        joules=watts * (1 + 0.01 * draw((servers, 1))) * SLICE,
        queued=(batch >= SEATS - 1e-6).astype(float),
        demand=offered * SLICE,
        truth={
            "decode": rate * plain_step * SLICE,
            "prefill": requests * plain_first * noise,
        },
    )


def _wait(busy: Array) -> Array:
    """Return how much longer a prompt takes for the prompts it shares steps with."""
    wait: Array = 1 + 0.25 * busy / (1 - busy)
    return wait


def _slowness(
    random: np.random.Generator,
    scenario: Scenario,
    time: Array,
    servers: int,
    spawn: NDArray[np.int64],
    age: Array,
) -> Array:
    """Return by what factor each server is slower: host, wander, neighbours, warm-up."""
    slices = len(time)
    hosts = random.standard_normal((2, servers, 1)) * scenario.host_sd
    log = np.where(spawn == 1, hosts[1 if scenario.rehosted else 0], hosts[0])
    if scenario.bimodal:
        slow_spawn = (random.random((2, servers, 1)) < 0.25) * scenario.bimodal
        log = log + np.where(spawn == 1, slow_spawn[1], slow_spawn[0])
    log = log + _wander(random, (servers,), slices, scenario.wander_sd, 2700.0)
    log = log + 0.01 * random.standard_normal((servers, slices))
    log = log + _wander(random, (), slices, scenario.common_sd, 6 * 3600.0)
    if scenario.bad_node:
        bad = random.integers(servers)
        log[bad] += scenario.bad_node * (time >= 0)
    noisy = np.zeros((servers, slices))
    span = (time[-1] - time[0]) / 3600
    for server in range(servers):
        for rate, since in (
            (0.0 if scenario.neighbours < 0 else 1 / 12.0, -np.inf),
            (max(scenario.neighbours, 0.0), 0.0),
        ):
            for _ in range(random.poisson(rate * span)):
                begin, length = random.uniform(time[0], time[-1]), random.uniform(900, 3600)
                here = (time >= max(begin, since)) & (time < begin + length)
                noisy[server, here] += random.uniform(0.05, 0.25)
    warming = 1 + 0.3 * np.exp(-np.maximum(age, 0) / 180.0)
    slowness: Array = np.exp(log) * (1 + noisy) * warming
    return slowness
