"""Data-parallel ranks that have work and make no progress."""

from collections.abc import Mapping, Set
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


def stall_starts(
    starts: Mapping[str, float], old: Snapshot | None, new: Snapshot
) -> dict[str, float]:
    """Return by rank since when it has had work and made no progress (monotonic seconds).

    `starts` is what this function returned for the snapshot before; ranks that progress, or have
    nothing to do, are not in it. A rank is named by its `engine_index`, empty where there is none.
    Counters without an `engine_index`, or with that of the server a rank belongs to, speak for
    every rank that has none of its own.
    """
    busy = {rank for rank, requests in _by_rank(new, _WORK).items() if requests > 0}
    if not busy or old is None:
        return {}
    active, counting = _progress(old, new)
    return {
        rank: starts.get(rank, new.time)
        for rank in busy
        if _counted_by(rank, counting) not in active and rank not in active
    }


def _counted_by(rank: str, counting: Set[str]) -> str:
    """Return whose counters speak for a rank: its own, else those of all that it is part of."""
    while rank and rank not in counting:
        rank = rank.rpartition(",")[0]
    return rank


def stalled_ranks(starts: Mapping[str, float], now: float, after: float) -> frozenset[str]:
    """Return the ranks without progress for at least `after` seconds."""
    return frozenset(rank for rank, start in starts.items() if now - start >= after)


def _progress(old: Snapshot, new: Snapshot) -> tuple[set[str], set[str]]:
    """Return which ranks progressed, and which have token counters of their own."""
    active, counting = set[str](), set[str]()
    for family in _PROGRESS:
        before = _by_rank(old, (family,))
        for rank, value in _by_rank(new, (family,)).items():
            if family.endswith("_total"):
                counting.add(rank)
            if before.get(rank) != value:
                active.add(rank)
    return active, counting


def _by_rank(snapshot: Snapshot, families: tuple[str, ...]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for family in families:
        for i in snapshot.plan.indices(family):
            value = snapshot.values[i]
            if not isnan(value):
                rank = snapshot.plan.samples[i].label("engine_index")
                sums[rank] = sums.get(rank, 0.0) + value
    return sums
