"""Engines that have work and make no progress."""

from collections.abc import Mapping
from math import isnan
from typing import Final

from ..engines.plan import Snapshot

_WORK: Final = ("requests_running", "requests_waiting")
# KV usage is progress too: a long prefill moves nothing else until its first token
_PROGRESS: Final = (
    "generation_tokens_total",
    "decode_tokens_total",
    "prompt_tokens_total",
    "prompt_tokens_computed_total",
    "steps_total",
    "kv_cache_usage_ratio",
)


def idle_since(since: Mapping[str, float], old: Snapshot | None, new: Snapshot) -> dict[str, float]:
    """Return by engine since when it has had work and made no progress (monotonic seconds).

    `since` is what this function returned for the snapshot before; engines that move, or have
    nothing to do, are not in it. An engine is named by its `engine_index`, empty where there is
    none. Counters without an `engine_index` speak for every engine that has none of its own.
    """
    busy = {engine for engine, work in _by_engine(new, _WORK).items() if work > 0}
    if not busy or old is None:
        return {}
    moved, counted = _progress(old, new)
    return {
        engine: since.get(engine, new.time)
        for engine in busy
        if (engine if engine in counted else "") not in moved and engine not in moved
    }


def stalled(since: Mapping[str, float], now: float, after: float) -> frozenset[str]:
    """Return the engines without progress for at least `after` seconds."""
    return frozenset(engine for engine, start in since.items() if now - start >= after)


def _progress(old: Snapshot, new: Snapshot) -> tuple[set[str], set[str]]:
    """Return which engines moved, and which have token counters of their own."""
    moved, counted = set[str](), set[str]()
    for family in _PROGRESS:
        before = _by_engine(old, (family,))
        for engine, value in _by_engine(new, (family,)).items():
            if family.endswith("_total"):
                counted.add(engine)
            if before.get(engine) != value:
                moved.add(engine)
    return moved, counted


def _by_engine(snapshot: Snapshot, families: tuple[str, ...]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for family in families:
        for i in snapshot.plan.indices(family):
            value = snapshot.values[i]
            if not isnan(value):
                engine = snapshot.plan.samples[i].label("engine_index")
                figures[engine] = figures.get(engine, 0.0) + value
    return figures
