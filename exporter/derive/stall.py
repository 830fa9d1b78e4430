"""Engines that hold requests and make no progress: stalled, or idle behind gauges that went stale.

Gauges are renewed by the engine's step. Where every request is cancelled at once no step follows,
and the gauges of an idle engine show its last batch until a request comes (vLLM before 0.20, SGLang
for half a minute). An engine that hangs shows the same, for its gauges stand still too. What tells
the two apart is a sign that work waits.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from math import isnan
from typing import Final

from ..engines.plan import Plan, Snapshot
from .plan_cache import cached_by_plan

_REQUESTS: Final = ("requests_running", "requests_waiting")
_ENDED: Final = ("requests_finished_total",)
# KV usage is progress too: a long prefill moves nothing else until its first token
_PROGRESS: Final = (
    "generation_tokens_total",
    "decode_tokens_total",
    "prompt_tokens_total",
    "prompt_tokens_computed_total",
    "steps_total",
    "kv_cache_usage_ratio",
)


@dataclass(frozen=True, slots=True)
class Standstill:
    """An engine with requests and no progress since `start` (monotonic seconds).

    `requests` are its requests as of the newest page, `ended` those that ended since the start.
    `arrived` says that requests came meanwhile, so that work waits for certain.
    """

    start: float
    requests: float
    requests_at_start: float
    ended: float = 0.0
    arrived: bool = False


def standstills(
    before: Mapping[str, Standstill], old: Snapshot | None, new: Snapshot
) -> dict[str, Standstill]:
    """Return by engine how long it has had requests and made no progress.

    `before` is what this function returned for the snapshot before; engines that progress, or have
    nothing to do, are not in it. An engine is named by its `engine_index`, empty where there is
    none. Counters without an `engine_index`, or with that of the server an engine is a rank of,
    speak for every engine that has none of its own.

    Requests came where there are more than on the page before, or where more ended than there were
    at the start: those that are cancelled end too.
    """
    requests = {engine: count for engine, count in _by_engine(new, _REQUESTS).items() if count > 0}
    if not requests or old is None:
        return {}
    active, counting = _progress(old, new, requests.keys())
    if active >= requests.keys():
        return {}
    ended_before, ended_now = _by_engine(old, _ENDED), _by_engine(new, _ENDED)
    current = dict[str, Standstill]()
    for engine, count in requests.items():
        if _counted_by(engine, counting) in active or engine in active:
            continue
        standstill = before.get(engine)
        if standstill is None:
            current[engine] = Standstill(new.time, count, count)
            continue
        counted_by = _counted_by(engine, ended_now.keys())
        ended = ended_now.get(counted_by, 0.0) - ended_before.get(counted_by, 0.0)
        ended = standstill.ended + max(ended, 0.0)
        arrived = count > standstill.requests or ended > standstill.requests_at_start
        current[engine] = replace(
            standstill, requests=count, ended=ended, arrived=standstill.arrived or arrived
        )
    return current


def _counted_by(engine: str, counting: Set[str]) -> str:
    """Return whose counters speak for an engine: its own, else those of all that it is part of."""
    while engine and engine not in counting:
        engine = engine.rpartition(",")[0]
    return engine


def lasting(current: Mapping[str, Standstill], now: float, after: float) -> dict[str, Standstill]:
    """Return the standstills of at least `after` seconds."""
    return {name: current[name] for name in current if now - current[name].start >= after}


def _progress(old: Snapshot, new: Snapshot, engines: Set[str]) -> tuple[set[str], set[str]]:
    """Return which engines progressed, and which have token counters of their own.

    Neither is complete where all of `engines` did: then no more is to be known.
    """
    active, counting = set[str](), set[str]()
    for family in _PROGRESS:
        if active >= engines:
            break
        before = _by_engine(old, (family,))
        for engine, value in _by_engine(new, (family,)).items():
            if family.endswith("_total"):
                counting.add(engine)
            if before.get(engine) != value:
                active.add(engine)
    return active, counting


def _by_engine(snapshot: Snapshot, families: tuple[str, ...]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for i, engine in _places(snapshot.plan, families):
        value = snapshot.values[i]
        if not isnan(value):
            sums[engine] = sums.get(engine, 0.0) + value
    return sums


@cached_by_plan
def _places(plan: Plan, families: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Return where the plain samples of families stand, and the engine that each is of."""
    return tuple(
        (i, plan.samples[i].label("engine_index"))
        for family in families
        for i in plan.indices(family)
    )
