"""Why a hit rate moved at the same traffic: the known causes that apply here.

Pure. It names what is known of both sides; it does not guess beyond that.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ..estimate.design import Design
from ..fleet.windows import Lookups, ServerFacts
from .checks import median_limit
from .result import Difference, MeasureResult

_MIN_CHANGE: Final = 0.02
_MIN_CAPACITY_CHANGE: Final = 0.05


def hit_ratio(lookups: Lookups | None, selected: Sequence[bool]) -> float | None:
    """Return the token-weighted hit ratio of the selected servers, None without lookups."""
    if lookups is None or not len(lookups.server):
        return None
    rows = np.asarray(selected, dtype=bool)[lookups.server]
    queried = float(lookups.queried[rows].sum())
    return float(lookups.hit[rows].sum()) / queried if queried > 0 else None


def hit_ratio_causes(
    result: MeasureResult | None,
    ratios: tuple[float | None, float | None],
    facts: tuple[Sequence[ServerFacts], Sequence[ServerFacts]],
    forbidden: Mapping[str, str],
    differences: Sequence[Difference],
    design: Design,
    *,
    same_context: bool = True,
) -> tuple[str, ...]:
    """Return sentences on what may have moved the hit rate, none where it hardly moved.

    `result` is the measure `hit_ratio`, `ratios` are those of all lookups; baseline comes first.
    `same_context` says whether the KV capacity means the same on both sides.
    """
    baseline, candidate = ratios
    if baseline is None or candidate is None:
        return ()
    where = ""
    if result is not None and result.estimate is not None:
        candidate, where = baseline * result.estimate.ratio, " at equal traffic"
    if abs(candidate - baseline) < _MIN_CHANGE:
        return ()
    change = f"it went from {baseline:.1%} to {candidate:.1%}{where}"
    causes = list[str]()
    if reason := forbidden.get("hit_ratio"):
        causes.append(
            f"{reason}; compare the time to first token and computed prompt tokens per request "
            "instead"
        )
    old_size, new_size = _block_sizes(facts[0]), _block_sizes(facts[1])
    if old_size and new_size and old_size != new_size:
        causes.append(
            f"the block size is {old_size} on the baseline and {new_size} on the candidate: only "
            "whole blocks are found again, so a larger one loses short shared prefixes; set "
            "--block-size alike, or lengthen the shared prefix"
        )
    old_capacity, new_capacity = (median_limit(side, "kv_cache_capacity_tokens") for side in facts)
    if (
        old_capacity
        and new_capacity
        and abs(new_capacity / old_capacity - 1) > _MIN_CAPACITY_CHANGE
    ):
        causes.append(
            f"the KV cache holds {new_capacity / old_capacity:.0%} of the baseline's tokens, and "
            "evicts sooner or later by as much: compare --gpu-memory-utilization and "
            "--max-num-seqs"
            + ("" if same_context else "; but these versions count its tokens in different ways")
        )
    if design.warm_up_seconds > 0 and candidate < baseline:
        causes.append(
            "candidate caches began empty; the warm-up after each start is left out, longer-lived "
            "prefixes need longer: compare again after a day"
        )
    if any(difference.name == "runner" for difference in differences):
        causes.append("the model runner differs too, and with it how prompts are scheduled")
    if not causes:
        causes.append(
            "none of the known causes applies here (counting, block size, capacity, cold caches): "
            "look at how the router spreads prefixes over servers"
        )
    return change, *causes


def _block_sizes(facts: Sequence[ServerFacts]) -> str:
    sizes = {server.limits["block_size"] for server in facts if "block_size" in server.limits}
    return ", ".join(sorted({f"{size:.0f}" for size in sizes}))
