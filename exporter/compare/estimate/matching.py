"""Which rows of the two sides are about the same load, and how the baseline's are weighted.

Pure arithmetic. Side by side, time effects do the matching, so every row within the baseline's
range counts. Before and after, baseline rows are weighted to the candidate's mix of batch, prefill
share and context, and candidate rows without enough baseline neighbours are left out.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np

from ..fleet.windows import Floats, Ints, Mask, Numbers

RANGE: Final = 0.002
LEAST_ROWS: Final = 5.0
_CELL: Final = 0.2
_LARGEST_WEIGHT: Final = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Weights of the rows, 0 where left out, and the share of the candidate's work that is in.

    `lacking` names the covariate in which most of the lost work lies outside the baseline.
    """

    weight: Floats
    coverage: float
    lacking: str


def concurrent(
    loads: dict[str, Floats],
    weight: Floats,
    treated: Mask,
    work: Floats,
    cell: Ints,
    least: float = LEAST_ROWS,
) -> Matched:
    """Keep rows within the baseline's range of each load, in cells the baseline visited."""
    lost = _outside(loads, weight, treated, cell, least)
    kept = ~np.logical_or.reduce(list(lost.values()))
    return _matched(np.where(kept, weight, 0.0), lost, treated, work)


def reweighted(
    loads: dict[str, Floats],
    weight: Floats,
    treated: Mask,
    work: Floats,
    cell: Ints,
    least: float = LEAST_ROWS,
) -> Matched:
    """Weight the baseline to the candidate's mix; neighbours lie within a cell of each other.

    Cells are 0.2 wide in the log of each load, and a row's neighbours are those of its own and of
    the adjoining cells (radius matching after Stuart 2010, section 3, made linear in the rows).
    """
    lost = _outside(loads, weight, treated, cell, least)
    inside = ~np.logical_or.reduce(list(lost.values()))
    grid = np.stack([np.floor(values / _CELL) for values in loads.values()], axis=1)
    grid = (grid - grid.min(0)).astype(np.int64) + 1
    shape = grid.max(0) + 2
    key = np.ravel_multi_index(tuple(grid.T), tuple(int(n) for n in shape))
    found, inverse = np.unique(key, return_inverse=True)
    strides = np.append(np.cumprod(shape[:0:-1])[::-1], 1)
    steps = [int(np.dot(step, strides)) for step in product((-1, 0, 1), repeat=len(loads))]
    base = np.bincount(inverse, weight * (inside & ~treated), len(found))
    ours = np.bincount(inverse, weight * (inside & treated), len(found))
    near = np.sum([_shifted(found, base, step) for step in steps], axis=0)
    enough = near >= least
    wanted = np.where(enough, ours / np.maximum(near, 1e-300), 0.0)
    factor = np.sum([_shifted(found, wanted, -step) for step in steps], axis=0)
    used = factor[factor > 0]
    if len(used):
        mean = float((base * factor).sum() / max(float(base[factor > 0].sum()), 1e-300))
        factor = np.minimum(factor, _LARGEST_WEIGHT * mean)
    new = np.where(treated, enough[inverse], factor[inverse]) * weight * inside
    lost["the mix of batch, prefill share and context"] = ~enough[inverse] & treated
    return _matched(np.asarray(new, dtype=np.float64), lost, treated, work)


def _shifted(keys: Ints, values: Numbers, step: int) -> Floats:
    """Return for each key the value of the key `step` away, 0 where there is none."""
    place = np.searchsorted(keys, keys + step)
    place = np.minimum(place, len(keys) - 1)
    return np.where(keys[place] == keys + step, values[place].astype(np.float64), 0.0)


def _outside(
    loads: dict[str, Floats], weight: Floats, treated: Mask, cell: Ints, least: float
) -> dict[str, Mask]:
    baseline = ~treated & (weight > 0)
    visits = np.bincount(cell[baseline], weight[baseline], int(cell.max(initial=0)) + 1)
    lost: dict[str, Mask] = {"decode batch": visits[cell] < least}
    for name, values in loads.items():
        if not baseline.any():
            lost[name] = np.ones(len(values), dtype=bool)
            continue
        low, high = np.quantile(values[baseline], [RANGE, 1.0 - RANGE])
        lost[name] = lost.get(name, False) | (values < low) | (values > high)
    return lost


def _matched(new: Floats, lost: dict[str, Mask], treated: Mask, work: Floats) -> Matched:
    total = float(work[treated].sum())
    if total <= 0:
        return Matched(new, 0.0, "work of the candidate")
    coverage = float(work[treated & (new > 0)].sum()) / total
    worst = max(lost, key=lambda name: float(work[treated & lost[name]].sum()))
    return Matched(new, coverage, worst)
