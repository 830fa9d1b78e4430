"""Why a hit rate moved at the same traffic: the known causes that apply here.

Pure. It names what is seen on both sides; it does not guess beyond that.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ..estimate.design import Design
from ..fleet.windows import Facts, Lookups
from .result import Difference, MeasureResult

_MOVED: Final = 0.02
_CAPACITY: Final = 0.05


def hit_ratio(lookups: Lookups | None, chosen: Sequence[bool]) -> float | None:
    """Return the token-weighted hit ratio of the chosen servers."""
    if lookups is None or not len(lookups.server):
        return None
    mine = np.asarray(chosen, dtype=bool)[lookups.server]
    queried = float(lookups.queried[mine].sum())
    return float(lookups.hit[mine].sum()) / queried if queried > 0 else None


def causes(
    result: MeasureResult | None,
    ratios: tuple[float | None, float | None],
    facts: tuple[Sequence[Facts], Sequence[Facts]],
    forbidden: Mapping[str, str],
    differences: Sequence[Difference],
    design: Design,
) -> tuple[str, ...]:
    """Return sentences on what may have moved the hit rate, none where it hardly moved."""
    old, new = ratios
    if old is None or new is None:
        return ()
    where = ""
    if result is not None and result.estimate is not None:
        new, where = old * result.estimate.ratio, " at equal traffic"
    if abs(new - old) < _MOVED:
        return ()
    told = [f"it went from {old:.1%} to {new:.1%}{where}"]
    if why := forbidden.get("hit_ratio"):
        told.append(
            f"{why}; compare the time to first token and computed prompt tokens per request instead"
        )
    size = _block_sizes(facts[0]), _block_sizes(facts[1])
    if size[0] and size[1] and size[0] != size[1]:
        told.append(
            f"the block size is {size[0]} on the baseline and {size[1]} on the candidate: only "
            "whole blocks are found again, so a larger one loses short shared prefixes; set "
            "--block-size alike, or lengthen the shared prefix"
        )
    capacity = _capacity(facts[0]), _capacity(facts[1])
    if capacity[0] and capacity[1] and abs(capacity[1] / capacity[0] - 1) > _CAPACITY:
        told.append(
            f"the KV cache holds {capacity[1] / capacity[0]:.0%} of the baseline's tokens, and "
            "evicts sooner or later by as much: compare --gpu-memory-utilization and "
            "--max-num-seqs"
        )
    if design.warm_up_seconds > 0 and new < old:
        told.append(
            "candidate caches began empty; the warm-up after each start is left out, longer-lived "
            "prefixes need longer: compare again after a day"
        )
    if any(one.name == "runner" for one in differences):
        told.append("the model runner differs too, and with it how prompts are scheduled")
    if len(told) == 1:
        told.append(
            "none of the known causes is seen here (counting, block size, capacity, cold caches): "
            "look at how the router spreads prefixes over servers"
        )
    return tuple(told)


def _block_sizes(facts: Sequence[Facts]) -> str:
    return ", ".join(
        sorted({f"{one.limits['block_size']:.0f}" for one in facts if "block_size" in one.limits})
    )


def _capacity(facts: Sequence[Facts]) -> float | None:
    found = [
        one.limits["kv_cache_capacity_tokens"]
        for one in facts
        if "kv_cache_capacity_tokens" in one.limits
    ]
    return float(np.median(found)) if found else None
