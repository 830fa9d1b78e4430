"""A fleet whose truth is known: continuous batching at 15-second steps, counted into load cells.

Demand has a day's rhythm, drift, bursts and a changing mix of three kinds of request; nodes differ,
drift and have noisy neighbours; an upgrade restarts the server with a cold cache. What the
estimator is not told: a kink at batch 64 and a ripple (dense), a jump once most experts are
touched (mixture of experts).
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from exporter.compare.fleet.windows import Facts, Fleet, Lookups, Server, Windows

STEP: Final = 15.0
WIDTH: Final = 300.0
SEATS: Final = 192.0
START: Final = 1_700_000_000.0 - 1_700_000_000.0 % 300.0
PROMPT: Final = np.array([800.0, 4000.0, 12000.0])
OUTPUT: Final = np.array([300.0, 250.0, 150.0])
HIT: Final = np.array([0.30, 0.20, 0.80])
SHARE: Final = np.log(np.array([0.60, 0.25, 0.15]))
_EDGES: Final = np.sort(np.concatenate([2.0 ** np.arange(0, 11), 1.5 * 2.0 ** np.arange(0, 11)]))

Floats = npt.NDArray[Any]

Shape = Literal["dense", "moe"]
Layout = Literal["did", "side", "before"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What else happens beside the upgrade."""

    demand: float = 4.6
    growth: float = 0.0
    mix: float = 0.0
    longer: float = 0.0
    neighbours: float = 0.0
    hidden: float = 0.0
    rehost: bool = False


SCENARIOS: Final = {
    "base": Scenario(),
    "mix shift": Scenario(mix=1.0),
    "growth": Scenario(growth=0.25),
    "decline": Scenario(growth=-0.25),
    "longer output": Scenario(longer=0.5),
    "noisy neighbours": Scenario(neighbours=0.25),
    "moved hosts": Scenario(rehost=True),
    "hidden cost": Scenario(mix=1.0, hidden=0.05),
    "low traffic": Scenario(demand=0.7),
    "all": Scenario(mix=1.0, growth=0.25, neighbours=0.25),
}


def step_ms(shape: Shape, batch: Floats, context: Floats, prefill: Floats) -> Floats:
    """Return a step's time in ms: weights and launch, sequences, KV read, prefill tokens."""
    if shape == "moe":
        known = np.interp(
            np.log2(np.maximum(batch, 0.5)),
            [-1, 0, 2, 4, 6, 8, 9],
            [4.0, 4.3, 9.0, 16.0, 27.0, 33.0, 36.0],
        )
        return np.asarray(known + 1.5e-6 * batch * context + 0.017 * prefill)
    ripple = 0.15 * np.sin(3 * np.pi * np.log2(batch + 1.0))
    kink = 1.2 / (1 + np.exp(-(batch - 64.0) / 6.0))
    linear = 11.0 + 0.022 * batch * (1 + 0.0015 * batch) + 3.0e-5 * batch * context
    return np.asarray(linear + 0.050 * prefill + ripple + kink)


def _drift(
    random: np.random.Generator, shape: tuple[int, ...], steps: int, sd: float, tau: float
) -> Floats:
    """Return first-order autoregressive noise with deviation sd and memory tau in seconds."""
    keep = np.exp(-STEP / tau)
    noise = random.standard_normal((*shape, steps)) * sd * np.sqrt(1 - keep * keep)
    begin = random.standard_normal((*shape, 1)) * sd * keep
    return np.asarray(lfilter([1.0], [1.0, -keep], noise, axis=-1, zi=begin)[0])


def _smooth(values: Floats, tau: float) -> Floats:
    keep = np.exp(-STEP / tau)
    begin = values[..., :1] * keep
    return np.asarray(lfilter([1 - keep], [1, -keep], values, axis=-1, zi=begin)[0])


def simulate(
    seed: int,
    effect: float = 0.0,
    layout: Layout = "did",
    scenario: Scenario | None = None,
    shape: Shape = "dense",
    nodes: int = 8,
    before: float = 24.0,
    after: float = 7.0,
    model: str = "m",
) -> Fleet:
    """Return a fleet in which release B has `1 + effect` times the capacity of release A.

    Side by side and difference in differences upgrade half the nodes at hour `before`, within an
    hour; before and after upgrades all of them.
    """
    scenario = scenario or Scenario()
    random = np.random.default_rng(seed)
    steps = int((before + after) * 3600 / STEP)
    time = (np.arange(steps) + 0.5) * STEP - before * 3600
    moved = (
        np.arange(nodes)
        if layout == "before"
        else np.sort(random.choice(nodes, nodes // 2, replace=False))
    )
    upgrade = np.full(nodes, np.inf)
    upgrade[moved] = np.linspace(0.0, 3600.0, len(moved))
    post = time >= upgrade[:, None]
    age = np.where(post, time - upgrade[:, None], 1e9)
    late = time >= 0

    wave = 1 + 0.45 * np.sin(2 * np.pi * (time / 3600 + 1.0) / 24.0)
    wave = wave * np.exp(_drift(random, (), steps, 0.10, 3600.0)) * (1 + scenario.growth * late)
    own = random.standard_normal((nodes, 1)) * 0.08 + _drift(random, (nodes,), steps, 0.10, 1200.0)
    demand = scenario.demand * (1.2 if shape == "moe" else 1.0) * wave * np.exp(own)
    mix = SHARE[:, None, None] + _drift(random, (3,), steps, 0.20, 7200.0)[:, None, :]
    mix = mix + _drift(random, (3, nodes), steps, 0.15, 1800.0)
    mix = mix + np.array([-0.5, 0.5, 0.5])[:, None, None] * scenario.mix * late
    share = np.exp(mix)
    share /= share.sum(0)
    count = random.poisson(demand * share * STEP).astype(float)
    root = np.sqrt(np.maximum(count, 1))
    spread = random.standard_normal((2, *count.shape))
    output = count * OUTPUT[:, None, None] * (1 + scenario.longer * late)
    output = output * np.maximum(0.1, 1 + 0.8 / root * spread[0])
    prompt = count * PROMPT[:, None, None] * np.maximum(0.1, 1 + 0.6 / root * spread[1])
    hit = HIT[:, None, None] + _drift(random, (3, nodes), steps, 0.03, 3600.0)
    hit = np.clip(hit * (1 - np.exp(-age / 2400.0)), 0, 0.97)
    wanted = _smooth(output.sum(0), 15.0) / STEP
    computed = _smooth((prompt * (1 - hit)).sum(0), 8.0) / STEP
    kept = (output * (prompt + 0.5 * output) / np.maximum(count, 1)).sum(0)
    context = _smooth(kept, 15.0) / np.maximum(_smooth(output.sum(0), 15.0), 1e-9)

    host = random.standard_normal((nodes, 1)) * 0.015
    other = random.standard_normal((nodes, 1)) * 0.015 if scenario.rehost else host
    slow = np.where(post, other, host) + _drift(random, (nodes,), steps, 0.015, 2700.0)
    slow = slow + 0.01 * random.standard_normal((nodes, steps))
    slow = np.exp(slow + _drift(random, (), steps, 0.004, 6 * 3600.0))
    slow = slow * (1 + _neighbours(random, nodes, time, scenario.neighbours))
    slow = slow * (1 + 0.3 * np.exp(-age / 180.0)) / np.where(post, 1.0 + effect, 1.0)
    slow = slow * (1 + scenario.hidden * (_smooth(share[2], 30.0) / 0.15 - 1))

    span = slow * 12e-3
    for _ in range(25):
        batch = np.minimum(wanted * span, SEATS)
        done = np.minimum(1.0, batch / span / np.maximum(wanted, 1e-9))
        chunk = np.minimum(computed * done * span, 8192.0)
        span = 0.5 * span + 0.5 * slow * step_ms(shape, batch, context, chunk) * 1e-3
    batch = np.minimum(wanted * span, SEATS)
    rate = batch / span
    done = np.minimum(1.0, rate / np.maximum(wanted, 1e-9))
    work = {
        "seconds": np.full(batch.shape, STEP),
        "decode_sequence_seconds": batch * STEP,
        "decode_tokens": rate * STEP,
        "prefill_tokens": computed * done * STEP,
        "context_token_seconds": batch
        * context
        * STEP
        * (1 + 0.02 * random.standard_normal(batch.shape)),
        "saturated_seconds": (batch >= SEATS - 1e-6) * STEP,
        "first_tokens": count.sum(0) * done,
        "first_token_seconds": count.sum(0) * done * (0.05 + span),
        "finished_prefill_tokens": computed * done * STEP,
        "finished_prefill_seconds": computed * done * STEP * span / 400.0,
        "metered_decode_tokens": rate * STEP,
        "joules": STEP * (250.0 + 2.0 * batch) * np.minimum(slow, 1.2),
    }
    lookups = (prompt.sum(0), (prompt * hit).sum(0))
    return _fleet(time, post, batch, work, lookups, upgrade, model)


def _neighbours(random: np.random.Generator, nodes: int, time: Floats, extra: float) -> Floats:
    """Return by how much others on the same host slow each node, in episodes of up to an hour."""
    slower = np.zeros((nodes, len(time)))
    hours = (time[-1] - time[0]) / 3600
    for node in range(nodes):
        for rate, since in ((1 / 12.0, -np.inf), (extra, 0.0)):
            for _ in range(random.poisson(rate * hours)):
                begin, length = random.uniform(time[0], time[-1]), random.uniform(900, 3600)
                inside = (time >= begin) & (time < begin + length) & (time >= since)
                slower[node, inside] += random.uniform(0.05, 0.25)
    return slower


def server(target: str, release: str, model: str) -> Server:
    return Server(target, "vllm", release, model, "NVIDIA H200", "abc")


def facts(release: str, start: float, model: str) -> Facts:
    labels = {
        "engine": "vllm",
        "version": release,
        "release": release,
        "model": model,
        "gpu_model": "NVIDIA H200",
        "class": "abc",
        "config": "c0ffee00",
    }
    limits = {"max_running_requests": SEATS, "kv_cache_capacity_tokens": 500_000.0}
    return Facts(labels, limits, (start,))


OLD: Final = "0.20.2"
NEW: Final = "0.26.0"


def _fleet(
    time: Floats,
    post: np.ndarray,
    batch: Floats,
    work: dict[str, Floats],
    lookups: tuple[Floats, Floats],
    upgrade: Floats,
    model: str,
) -> Fleet:
    nodes = len(batch)
    window = ((time - time[0]) // WIDTH).astype(np.int64)
    count = int(window[-1]) + 1
    cell = np.searchsorted(_EDGES, batch)
    life = 2 * np.arange(nodes)[:, None] + post
    key = ((life * count + window) * len(_EDGES) + cell).ravel()
    found, inverse = np.unique(key, return_inverse=True)
    sums = {name: np.bincount(inverse, values.ravel()) for name, values in work.items()}
    sums["gpu_seconds"] = sums["seconds"]
    servers = tuple(server(f"node{i // 2}", (OLD, NEW)[i % 2], model) for i in range(2 * nodes))
    known = tuple(
        facts((OLD, NEW)[i % 2], START + (time[0] - 1e6 if i % 2 == 0 else upgrade[i // 2]), model)
        for i in range(2 * nodes)
    )
    begin = START + time[0] - STEP / 2
    windows = Windows(
        servers,
        found // (count * len(_EDGES)),
        begin + (found // len(_EDGES) % count) * WIDTH,
        _EDGES[found % len(_EDGES)],
        WIDTH,
        sums,
    )
    whole = (life * count + window).ravel()
    lives, inverse = np.unique(whole, return_inverse=True)
    return Fleet(
        windows,
        known,
        Lookups(
            lives // count,
            begin + (lives % count) * WIDTH,
            np.bincount(inverse, lookups[0].ravel()).astype(float),
            np.bincount(inverse, lookups[1].ravel()).astype(float),
        ),
        source="simulated",
    )
