"""Which rows of the two sides are about the same load, and how the baseline's are weighted.

Pure arithmetic. Side by side, time effects do the matching, so every row within the baseline's
range counts. Before and after, baseline rows are weighted to the candidate's mix of batch, prefill
share and context, and candidate rows without enough baseline neighbours are left out.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from ..fleet.arrays import TINY, Floats, Ints, Mask, Numbers

MIN_WINDOWS_PER_CELL: Final = 5.0
"""Baseline windows that a load needs before the curve is taken to be known there."""

TAIL: Final = 0.002
"""Share of the baseline cut off at either end of its range: a stray window is no support."""

LINEAR: Final = ("prefill share", "context")
"""Loads that the curve has a slope for, so that it may be followed a little beyond the range."""

_CELL_WIDTH: Final = 0.2
_EXTRAPOLATION: Final = 0.2
"""How far at least, on the log scale: a started server's cache is cold, its prefill share high."""
_EXTRAPOLATED_SHARE: Final = 0.5
"""How far, in widths of the range: over a wide one the slope is known well."""
_SAME: Final = 0.02
"""How far apart, on the log scale, batches are alike: those of a full engine differ by as much."""
_MAX_RELATIVE_WEIGHT: Final = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Weights of the rows, 0 where left out, and the share of the candidate's work that is in.

    `lacking` names the covariate in which most of the lost work lies outside the baseline.
    """

    weight: Floats
    coverage: float
    lacking: str


@dataclass(frozen=True, slots=True, eq=False)
class LoadRows:
    """The load of each row: what is matched on.

    `loads` are the covariates that must overlap, on a log scale; `cell` numbers the batch cells;
    `weight` is 0 for rows that are not used; `work` is what coverage counts.
    """

    loads: dict[str, Floats]
    cell: Ints
    weight: Floats
    work: Floats
    treated: Mask


def match_range(rows: LoadRows, min_windows: float = MIN_WINDOWS_PER_CELL) -> Matching:
    """Keep rows within the baseline's range of each load at their batch, in cells it visited.

    For releases that ran at the same time: the time blocks' effects compare like hours, and the
    curve takes out what remains of the load. Outside the range the curve would extrapolate: that
    the baseline had as much prefill at other batches tells nothing of it at this one.
    """
    outside = _outside_baseline(rows, min_windows, concurrent=True)
    kept = ~np.logical_or.reduce(list(outside.values()))
    return _matching(np.where(kept, rows.weight, 0.0), outside, rows)


def match_distribution(rows: LoadRows, min_windows: float = MIN_WINDOWS_PER_CELL) -> Matching:
    """Weight the baseline to the candidate's mix; neighbours lie within a cell of each other.

    For releases that ran one after the other: without concurrent controls, an error of the curve
    would be taken for the release wherever the mix of loads moved. With the baseline reweighted to
    the candidate's mix, the curve's errors are on both sides and cancel.

    Cells are 0.2 wide in the log of each load, and a row's neighbours are those of its own and of
    the adjoining cells (radius matching after Stuart 2010, section 3, made linear in the rows).
    A candidate cell's weight is spread over its baseline neighbours in proportion to their own, so
    that each cell adds to the baseline what it adds to the candidate. Candidate rows without enough
    neighbours lie outside common support and are left out, which lowers coverage. One baseline row
    counts for ten average ones at most: beyond that a few rows would decide the result (weight
    truncation, Cole and Hernan 2008).
    """
    outside = _outside_baseline(rows, min_windows, concurrent=False)
    inside = ~np.logical_or.reduce(list(outside.values()))
    weight, treated = rows.weight, rows.treated
    grid = np.stack([np.floor(values / _CELL_WIDTH) for values in rows.loads.values()], axis=1)
    # a margin of one cell on each side, so that a step over the edge meets no other cell's number
    grid = (grid - grid.min(0)).astype(np.int64) + 1
    shape = grid.max(0) + 2
    key = np.ravel_multi_index(tuple(grid.T), tuple(int(n) for n in shape))
    cells, inverse = np.unique(key, return_inverse=True)
    strides = np.append(np.cumprod(shape[:0:-1])[::-1], 1)
    steps = [int(np.dot(step, strides)) for step in product((-1, 0, 1), repeat=len(rows.loads))]
    baseline = np.bincount(inverse, weight * (inside & ~treated), len(cells))
    candidate = np.bincount(inverse, weight * (inside & treated), len(cells))
    neighbours = np.sum([_shifted(cells, baseline, step) for step in steps], axis=0)
    supported = neighbours >= min_windows
    demanded = np.where(supported, candidate / np.maximum(neighbours, TINY), 0.0)
    factor = np.sum([_shifted(cells, demanded, -step) for step in steps], axis=0)
    positive = factor > 0
    if positive.any():
        mean = float((baseline * factor).sum() / max(float(baseline[positive].sum()), TINY))
        factor = np.minimum(factor, _MAX_RELATIVE_WEIGHT * mean)
    matched = np.where(treated, supported[inverse], factor[inverse]) * weight * inside
    outside["the mix of batch, prefill share and context"] = ~supported[inverse] & treated
    return _matching(np.asarray(matched, dtype=np.float64), outside, rows)


def _shifted(keys: Ints, values: Numbers, step: int) -> Floats:
    """Return for each key the value of the key `step` away, 0 where there is none."""
    position = np.searchsorted(keys, keys + step)
    position = np.minimum(position, len(keys) - 1)
    return np.where(keys[position] == keys + step, values[position].astype(np.float64), 0.0)


def _outside_baseline(rows: LoadRows, min_windows: float, *, concurrent: bool) -> dict[str, Mask]:
    """Return by covariate which rows lie where the baseline has too little data.

    Where both releases ran at once its range is that of each batch cell, and a little more.
    """
    baseline = ~rows.treated & (rows.weight > 0)
    cells = int(rows.cell.max(initial=0)) + 1
    visits = np.bincount(rows.cell[baseline], rows.weight[baseline], cells)
    outside: dict[str, Mask] = {"decode batch": visits[rows.cell] < min_windows}
    group = rows.cell if concurrent else np.zeros_like(rows.cell)
    for name, values in rows.loads.items():
        linear = concurrent and name in LINEAR
        least = _EXTRAPOLATION if linear else _SAME if concurrent else 0.0
        beyond = _beyond(values, group, baseline, (least, _EXTRAPOLATED_SHARE if linear else 0.0))
        outside[name] = outside.get(name, False) | beyond
    return outside


def _beyond(values: Floats, group: Ints, baseline: Mask, allowed: tuple[float, float]) -> Mask:
    """Mark values further from the baseline's range in their group than is allowed.

    `allowed` is what is allowed at least, and as a share of the range's width.
    """
    least, share = allowed
    beyond = np.ones(len(values), dtype=bool)
    for number in np.unique(group[baseline]):
        inside = group == number
        low, high = np.quantile(values[inside & baseline], [TAIL, 1.0 - TAIL])
        more = max(least, share * float(high - low))
        beyond[inside] = (values[inside] < low - more) | (values[inside] > high + more)
    return beyond


def _matching(weight: Floats, outside: dict[str, Mask], rows: LoadRows) -> Matching:
    work, treated = rows.work, rows.treated
    total = float(work[treated].sum())
    if total <= 0:
        return Matching(weight, 0.0, "work of the candidate")
    coverage = float(work[treated & (weight > 0)].sum()) / total
    worst = max(outside, key=lambda name: float(work[treated & outside[name]].sum()))
    return Matching(weight, coverage, worst)
