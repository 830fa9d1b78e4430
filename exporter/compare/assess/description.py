"""What each side was and did, beside the estimate: sums, curves, timeline, naive ratios.

Pure arithmetic; nothing here decides a verdict.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..estimate.design import Design
from ..estimate.measures import Index
from ..fleet.windows import IDLE, Facts, Lookups, Mask, Windows
from .causes import hit_ratio
from .checks import values
from .result import CurvePoint, Side, TimelinePoint

_RARE: Final = 0.001
_POINTS: Final = 400


def side(
    windows: Windows,
    rows: Mask,
    facts: Sequence[Facts],
    lookups: Lookups | None,
    chosen: Sequence[bool],
) -> Side:
    """Return one side; `rows` are its rows, `chosen` tells which servers are its own."""
    mine = windows.where(rows)
    own = [one for one, is_own in zip(facts, chosen, strict=True) if is_own]
    labels = {server for server in np.unique(mine.server)}
    servers = [windows.servers[i] for i in labels]
    asked = [one for one, is_own in zip(windows.servers, chosen, strict=True) if is_own]
    tokens, sequences = mine.column("decode_tokens"), mine.column("decode_sequence_seconds")
    made, gpu_seconds = float(np.nansum(tokens)), float(np.nansum(mine.column("gpu_seconds")))
    spent = float(np.nansum(sequences))
    curve = _curve(mine)
    capacity = [one.limits["kv_cache_capacity_tokens"] for one in own if _has_capacity(one)]
    return Side(
        # a side of which nothing was kept still has its name
        releases=tuple(sorted({one.release for one in servers or asked})),
        versions=values(own, "version"),
        servers=len({server.node or server.target for server in servers}),
        hours=len(np.unique(mine.time)) * windows.width / 3600.0,
        kv_cache_capacity_tokens=float(np.median(capacity)) if capacity else None,
        largest_batch=max((p.batch for p in curve if p.time_share >= _RARE), default=None),
        hit_ratio=hit_ratio(lookups, chosen),
        tokens_per_second_per_gpu=made / gpu_seconds if gpu_seconds > 0 else None,
        seconds_per_token=spent / made if made > 0 else None,
        curve=curve,
    )


def _has_capacity(facts: Facts) -> bool:
    return "kv_cache_capacity_tokens" in facts.limits


def _curve(windows: Windows) -> tuple[CurvePoint, ...]:
    points = list[CurvePoint]()
    total = float(np.nansum(windows.column("seconds")))
    for cell in np.unique(windows.batch[windows.batch != IDLE]):
        rows = windows.batch == cell
        sums = {
            name: float(np.nansum(windows.column(name)[rows]))
            for name in ("seconds", "gpu_seconds", "decode_sequence_seconds", "decode_tokens")
        }
        tokens, seconds = sums["decode_tokens"], sums["seconds"]
        if tokens <= 0 or seconds <= 0 or sums["decode_sequence_seconds"] <= 0:
            continue
        points.append(
            CurvePoint(
                batch=sums["decode_sequence_seconds"] / seconds,
                milliseconds_per_token=1000.0 * sums["decode_sequence_seconds"] / tokens,
                tokens_per_second=tokens / seconds,
                tokens_per_second_per_gpu=(
                    tokens / sums["gpu_seconds"] if sums["gpu_seconds"] > 0 else None
                ),
                time_share=seconds / total,
            )
        )
    return tuple(points)


def naive(windows: Windows, base: Mask, ours: Mask) -> tuple[float | None, float | None]:
    """Return the ratios people compare by hand: tokens/s per GPU, and mean inter-token latency.

    Above 1 looks better. They mostly show what demand did.
    """

    def sums(rows: Mask) -> tuple[float, float, float]:
        seconds = windows.column("gpu_seconds")[rows]
        if not np.nansum(seconds) > 0:
            seconds = windows.column("seconds")[rows]
        tokens = float(np.nansum(windows.column("decode_tokens")[rows]))
        spent = float(np.nansum(windows.column("decode_sequence_seconds")[rows]))
        return tokens, spent, float(np.nansum(seconds))

    (tokens, spent, seconds), (our_tokens, our_spent, our_seconds) = sums(base), sums(ours)
    if min(tokens, spent, seconds, our_tokens, our_spent, our_seconds) <= 0:
        return None, None
    rate = (our_tokens / our_seconds) / (tokens / seconds)
    return rate, (spent / tokens) / (our_spent / our_tokens)


def timeline(index: Index | None, windows: Windows, design: Design) -> tuple[TimelinePoint, ...]:
    """Return each side's mean log speed index by time block."""
    if index is None:
        return ()
    rows, weight = index.load.rows, np.where(design.keep[index.load.rows], index.load.weight, 0.0)
    block = design.block[rows]
    every = max(len(np.unique(block)) // _POINTS, 1)
    block = block // every
    points = list[TimelinePoint]()
    begin = float(windows.time.min())
    for one in np.unique(block[weight > 0]):
        means = list[float | None]()
        for chosen in (~index.treated, index.treated):
            mine = (block == one) & chosen
            total = float(weight[mine].sum())
            means.append(float((weight[mine] * index.y[mine]).sum()) / total if total > 0 else None)
        points.append(
            TimelinePoint(
                time=begin + float(one) * design.block_seconds * every,
                baseline=means[0],
                candidate=means[1],
            )
        )
    return tuple(points)
