"""What each side was and did, beside the estimate: sums, curves, timeline, naive ratios.

Pure arithmetic; nothing here decides a verdict.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ..estimate.design import Design
from ..estimate.speed import SpeedIndex
from ..fleet.arrays import Mask
from ..fleet.windows import IDLE, Lookups, ServerFacts, ServerKey, Windows
from .checks import label_values, median_limit
from .hit_ratio_causes import hit_ratio
from .result import CurvePoint, Side, TimelinePoint
from .subgroups import MIN_WINDOWS_DESCRIBED

_MIN_TIME_SHARE: Final = 0.001
_MAX_POINTS: Final = 400


def describe_side(
    windows: Windows,
    rows: Mask,
    facts: Sequence[ServerFacts],
    lookups: Lookups | None,
    selected: Sequence[bool],
) -> Side:
    """Return one side; `rows` are the rows of its that are used, `selected` marks its servers."""
    used = windows.where(rows)
    side_facts = [server for server, is_own in zip(facts, selected, strict=True) if is_own]
    side_servers = [
        server for server, is_own in zip(windows.servers, selected, strict=True) if is_own
    ]
    used_servers = [windows.servers[i] for i in np.unique(used.server)]
    tokens = float(np.nansum(used.column("decode_tokens")))
    gpu_seconds = float(np.nansum(used.column("gpu_seconds")))
    sequence_seconds = float(np.nansum(used.column("decode_sequence_seconds")))
    curve = _curve(used)
    visited = [point.batch for point in curve if point.time_share >= _MIN_TIME_SHARE]
    return Side(
        # a side of which nothing was kept still has its name
        releases=tuple(sorted({server.release for server in used_servers or side_servers})),
        versions=label_values(side_facts, "version"),
        servers=len({server.node_name for server in used_servers}),
        hours=len(np.unique(used.time)) * windows.width / 3600.0,
        kv_cache_capacity_tokens=median_limit(side_facts, "kv_cache_capacity_tokens"),
        largest_batch=max(visited, default=None),
        hit_ratio=hit_ratio(lookups, selected),
        tokens_per_second_per_gpu=tokens / gpu_seconds if gpu_seconds > 0 else None,
        seconds_per_token=sequence_seconds / tokens if tokens > 0 else None,
        curve=curve,
    )


def name_side(servers: Sequence[ServerKey]) -> Side:
    """Return a side of which nothing but its servers is known."""
    return Side(
        releases=tuple(sorted({server.release for server in servers})),
        versions=(),
        servers=len({server.node_name for server in servers}),
        hours=0.0,
        kv_cache_capacity_tokens=None,
        largest_batch=None,
        hit_ratio=None,
        tokens_per_second_per_gpu=None,
        seconds_per_token=None,
        curve=(),
    )


def _curve(windows: Windows) -> tuple[CurvePoint, ...]:
    points = list[CurvePoint]()
    total = float(np.nansum(windows.column("seconds")))
    for cell in np.unique(windows.batch[windows.batch != IDLE]):
        rows = windows.batch == cell
        if rows.sum() < MIN_WINDOWS_DESCRIBED:
            continue
        seconds, gpu_seconds, sequence_seconds, tokens = (
            float(np.nansum(windows.column(name)[rows]))
            for name in ("seconds", "gpu_seconds", "decode_sequence_seconds", "decode_tokens")
        )
        if tokens <= 0 or seconds <= 0 or sequence_seconds <= 0:
            continue
        points.append(
            CurvePoint(
                batch=sequence_seconds / seconds,
                milliseconds_per_token=1000.0 * sequence_seconds / tokens,
                tokens_per_second=tokens / seconds,
                tokens_per_second_per_gpu=tokens / gpu_seconds if gpu_seconds > 0 else None,
                time_share=seconds / total,
            )
        )
    return tuple(points)


def naive_ratios(windows: Windows, design: Design) -> tuple[float | None, float | None]:
    """Return the ratios people compare by hand: tokens/s per GPU, and inter-token latency.

    Above 1 looks better. They mostly show what demand did. Where the GPUs are unknown the first is
    per server.
    """
    sides = list[tuple[float, float, float]]()
    for rows in _naive_rows(windows, design):
        seconds = windows.column("gpu_seconds")[rows]
        if not np.nansum(seconds) > 0:
            seconds = windows.column("seconds")[rows]
        tokens = float(np.nansum(windows.column("decode_tokens")[rows]))
        sequence_seconds = float(np.nansum(windows.column("decode_sequence_seconds")[rows]))
        sides.append((tokens, sequence_seconds, float(np.nansum(seconds))))
    if min(min(side) for side in sides) <= 0:
        return None, None
    (old_tokens, old_sequence, old_seconds), (new_tokens, new_sequence, new_seconds) = sides
    throughput = (new_tokens / new_seconds) / (old_tokens / old_seconds)
    return throughput, (old_sequence / old_tokens) / (new_sequence / new_tokens)


def _naive_rows(windows: Windows, design: Design) -> tuple[Mask, Mask]:
    """Return the rows a person would compare: at the same time where there is such a time."""
    baseline, candidate = design.keep & ~design.treated, design.keep & design.treated
    concurrent = baseline & (windows.time >= design.candidate_start)
    if design.concurrent and concurrent.any():
        return concurrent, candidate
    return baseline, candidate


def timeline(
    index: SpeedIndex | None, windows: Windows, design: Design
) -> tuple[TimelinePoint, ...]:
    """Return each side's mean log speed index by time block, some hundred points at most."""
    if index is None:
        return ()
    rows = index.observations.rows
    weight = np.where(design.keep[rows], index.observations.weight, 0.0)
    block = design.block[rows]
    blocks_per_point = max(len(np.unique(block)) // _MAX_POINTS, 1)
    point_of_row = block // blocks_per_point
    points = list[TimelinePoint]()
    start = float(windows.time.min())
    for point in np.unique(point_of_row[weight > 0]):
        means = list[float | None]()
        for side in (~index.treated, index.treated):
            inside = (point_of_row == point) & side
            total = float(weight[inside].sum())
            mean = float((weight[inside] * index.y[inside]).sum()) / total if total > 0 else None
            means.append(mean)
        points.append(
            TimelinePoint(
                time=start + float(point) * design.block_seconds * blocks_per_point,
                baseline=means[0],
                candidate=means[1],
            )
        )
    return tuple(points)
