"""Requests of four classes, as they reach each server of a fleet through its days."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from .noise import SLICE, wander
from .profile import Array, Mask
from .scenarios import Scenario, Traffic
from .state import Requests

_LONGEST: Final = 32768
_MOST_OUTPUT: Final = 8192


@dataclass(frozen=True)
class RequestClass:
    """One class of requests: mean tokens, log spreads, and what its users do.

    `reuse` is the chance that a prompt continues one in the prefix cache, `reused` the part of it
    found then; `acceptance` the chance that a drafted token is accepted; `burst` the mean number
    of requests that arrive together; `peak` the hour of the day it is busiest, `swing` how much.
    """

    share: float
    prompt: float
    prompt_spread: float
    output: float
    output_spread: float
    reuse: float
    reused: float
    acceptance: float
    burst: float
    peak: float
    swing: float


CLASSES: Final[dict[str, RequestClass]] = {
    "chat": RequestClass(0.55, 900, 0.8, 350, 0.7, 0.45, 0.80, 0.62, 1.0, 15.0, 0.45),
    "retrieval": RequestClass(0.18, 6000, 0.5, 250, 0.6, 0.30, 0.60, 0.72, 1.0, 14.0, 0.55),
    "code": RequestClass(0.17, 3000, 0.7, 500, 0.8, 0.65, 0.85, 0.82, 1.0, 16.0, 0.50),
    "agent": RequestClass(0.10, 9000, 0.6, 1200, 0.8, 0.85, 0.92, 0.50, 3.0, 2.0, 0.20),
}
_ALL: Final = tuple(CLASSES.values())


@dataclass(frozen=True)
class Demand:
    """Requests a second, server and class that users want, by slice from `begin` on."""

    begin: float
    rates: Array


def fleet_demand(
    random: np.random.Generator, scenario: Scenario, begin: float, slices: int
) -> Demand:
    """Return the demand of a day's rhythm and its drift, before the upgrade's change."""
    time = begin + (np.arange(slices) + 0.5) * SLICE
    hour = time / 3600.0 + scenario.start_hour
    common = np.exp(wander(random, slices, 0.10, 1800.0) + wander(random, slices, 0.08, 21600.0))
    rates = [
        scenario.rate
        * each.share
        * (1.0 + each.swing * np.cos(2.0 * np.pi * (hour - each.peak) / 24.0))
        * np.exp(wander(random, slices, 0.15, 7200.0))
        * common
        for each in _ALL
    ]
    return Demand(begin, np.array(rates))


def server_requests(
    random: np.random.Generator,
    scenario: Scenario,
    demand: Demand,
    changed: Mask,
    weight: Array,
) -> tuple[Requests, Array]:
    """Return one server's requests, and the chance that a drafted token of each is accepted.

    `changed` marks the slices in which the scenario's change holds here, `weight` is the server's
    part of the traffic in each. `rate` is filled in for the release that serves them.
    """
    slices = demand.rates.shape[1]
    own = np.exp(random.standard_normal(len(_ALL)) * scenario.sticky)
    columns = list[tuple[Array, ...]]()
    for kind, each in enumerate(_ALL):
        rate = demand.rates[kind] * own[kind] * weight
        rate = rate * np.exp(wander(random, slices, 0.08, 900.0))
        rate = rate * _shifted(scenario.change, kind, changed)
        columns.append(_of_class(random, kind, each, scenario, rate, changed, demand.begin))
    if scenario.jobs:
        columns.append(_jobs(random, scenario, demand))
    arrival, kinds, prompt, hit, chance, output, acceptance = (
        np.concatenate(parts) for parts in zip(*columns, strict=True)
    )
    order = np.argsort(arrival, kind="stable")
    ones = np.ones(len(order))
    requests = Requests(
        arrival[order],
        kinds[order].astype(np.int64),
        prompt[order],
        hit[order],
        chance[order],
        output[order],
        ones,
        ones,
    )
    return requests, acceptance[order]


def token_rate(acceptance: Array, drafts: int) -> Array:
    """Return the mean tokens of a step with so many drafts: 1 + a + a^2 + ..."""
    total: Array = sum((acceptance**k for k in range(1, drafts + 1)), np.ones_like(acceptance))
    return total


def with_rates(requests: Requests, acceptance: Array, factor: float, drafts: int) -> Requests:
    """Return requests with tokens a step, where a release changes acceptance by a factor."""
    tokens = requests.output - 1.0
    means = token_rate(acceptance, drafts), token_rate(acceptance * factor, drafts)
    baseline, rate = (tokens / np.maximum(np.round(tokens / mean), 1.0) for mean in means)
    return requests._replace(rate=rate, baseline_rate=baseline)


def _shifted(change: Traffic, kind: int, changed: Mask) -> Array:
    """Return the factor that a change puts on a class's rate."""
    shares = np.array([each.share for each in _ALL])
    moved = shares * np.exp(change.shares)
    # the work stays about the same where agents take the place of chats
    factor = moved[kind] / moved.sum() / shares[kind] * change.demand
    result: Array = np.where(changed, factor, 1.0)
    return result


def _of_class(
    random: np.random.Generator,
    kind: int,
    each: RequestClass,
    scenario: Scenario,
    rate: Array,
    changed: Mask,
    begin: float,
) -> tuple[Array, ...]:
    groups = random.poisson(rate * SLICE / each.burst)
    place = np.repeat(np.arange(len(rate)), groups)
    size = random.geometric(1.0 / each.burst, len(place))
    place = np.repeat(place, size)
    first = np.repeat(random.random(len(size)), size)
    # what arrives together is spread over a second
    arrival = begin + (place + first) * SLICE + random.random(len(place)) * (each.burst > 1)
    change, now = scenario.change, changed[place]
    prompt = _lengths(random, each.prompt, each.prompt_spread, len(place))
    prompt = np.clip(prompt * np.where(now, change.prompt, 1.0), 16, _LONGEST - _MOST_OUTPUT)
    output = _lengths(random, each.output, each.output_spread, len(place))
    output = np.clip(output * np.where(now, change.output, 1.0), 2, _MOST_OUTPUT)
    reuse = each.reuse * np.where(now, change.hits, 1.0)
    hit = np.where(random.random(len(place)) < reuse, each.reused, 0.05)
    prompt, output = np.round(prompt), np.round(output)
    acceptance = each.acceptance * np.exp(0.08 * random.standard_normal(len(place)))
    return (
        arrival,
        np.full(len(place), kind, dtype=np.float64),
        prompt,
        np.floor(prompt * hit / 16.0) * 16.0,
        random.random(len(place)),
        output,
        np.minimum(acceptance, 0.95),
    )


def _jobs(random: np.random.Generator, scenario: Scenario, demand: Demand) -> tuple[Array, ...]:
    """Return the requests of a batch job each hour: many chats at once."""
    hours = int(demand.rates.shape[1] * SLICE // 3600)
    count = int(scenario.jobs)
    starts = demand.begin + 3600.0 * np.arange(hours) + 300.0 * random.random(hours)
    arrival = np.repeat(starts, count) + 60.0 * random.random(hours * count)
    total = len(arrival)
    prompt = np.round(np.clip(_lengths(random, 600, 0.5, total), 16.0, 8192.0)).astype(np.float64)
    output = np.round(np.clip(_lengths(random, 200, 0.5, total), 2.0, 2048.0)).astype(np.float64)
    return (
        arrival,
        np.zeros(total),
        prompt,
        np.floor(prompt * 0.5 / 16.0) * 16.0,
        random.random(total),
        output,
        np.full(total, 0.7),
    )


def _lengths(random: np.random.Generator, mean: float, spread: float, count: int) -> Array:
    """Return log-normal lengths of a mean."""
    return mean * np.exp(spread * random.standard_normal(count) - 0.5 * spread * spread)
