"""How long a server warms up after a start, learnt from how its speed changes. Pure arithmetic.

A server's index, the log of expected over observed time per token at equal load, is set against the
time since its start. It has settled from the first window on that no longer differs from those that
follow. What counts is change over time, never the level: a release that is slower from its first
minute to its last has no warm-up by it. Lives of one side are taken together, since a window of one
server varies by about as much as a warm-up that matters; a server that takes longer than the others
is left out for longer. A batch cell that a server meets for the first time (graphs to be captured,
kernels to be compiled) is treated alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from ..fleet.arrays import Floats, Ints, Mask
from ..fleet.windows import ServerFacts, Windows
from . import observations
from .curve import fit
from .matching import LoadRows, match_range

FLOOR: Final = 600.0
"""Seconds after a start that are always warm-up, in whole windows."""
FOLLOWING_WINDOWS: Final = 2
"""Windows that must follow one before it is known whether it differs from them."""

_MOST_FOLLOWING: Final = 6
_TOLERANCE: Final = 0.01
"""Difference of log speed, a third of the least margin, below which a window is one of the rest."""
_OWN_TOLERANCE: Final = 0.03
"""The same for a server alone, whose windows vary more."""
_DEVIATIONS: Final = 2.0
_OWN_DEVIATIONS: Final = 3.0
"""Standard deviations that servers which have long been up differ by, and that are none either."""
_MIN_FIRST_VISITS: Final = 6
_ROWS_PER_COEFFICIENT: Final = 2

Outcome = Literal["settled", "unsettled", "unknown"]


@dataclass(frozen=True, slots=True)
class Settling:
    """How a side's servers settled after their starts; seconds are those after a start.

    `starts` counts those within the data, `seconds` is when the side settled, `slowest` its last
    server. `outcome` is `settled`, `unsettled` (too little data yet, or still changing when the
    ceiling was reached) or `unknown` (no index, so that the ceiling holds).
    """

    starts: int
    seconds: float
    slowest: float
    outcome: Outcome
    first_visits: bool = False


NO_START: Final = Settling(0, 0.0, 0.0, "settled")


@dataclass(frozen=True, slots=True, eq=False)
class WarmUp:
    """The rows that are warm-up, and how baseline and candidate settled.

    `young` marks all rows up to the ceiling after a start: a server's speed may have settled while
    its caches still fill.
    """

    cold: Mask
    young: Mask
    settling: tuple[Settling, Settling]


@dataclass(frozen=True, slots=True, eq=False)
class _Lives:
    """Each row's life, -1 where it began before the data, and its age in seconds at its start.

    `candidate` and `start` (Unix seconds) are those of each life.
    """

    life: Ints
    age: Floats
    candidate: Mask
    start: Floats


def learn_warm_up(
    windows: Windows, treated: Mask, node: Ints, facts: Sequence[ServerFacts], ceiling: float
) -> WarmUp:
    """Return what is warm-up, `ceiling` seconds after a start at most.

    `treated` marks the candidate's rows and `node` numbers their nodes, `facts` are those of the
    windows' servers.
    """
    lives = _lives(windows, treated, node, facts)
    # a window that began before the start is partly of the life before
    cold = (lives.life >= 0) & (lives.age < ceiling) & (ceiling > 0)
    young = cold.copy()
    if not cold.any():
        return WarmUp(cold, young, (NO_START, NO_START))
    index = _index(windows, treated, lives, cold)
    longest = min(ceiling, float(lives.age[np.isfinite(lives.age)].max()) + windows.width)
    ages = int(np.ceil(longest / windows.width))
    if index is not None:
        profiles = _profiles(windows, lives, index, ages + _MOST_FOLLOWING)
        noise = _noise(windows, index, ~cold)
    begun = np.isin(np.arange(len(lives.start)), lives.life[cold])
    settling, settled_at = list[Settling](), np.full(len(lives.start), ceiling)
    for candidate in (False, True):
        side = np.flatnonzero(begun & (lives.candidate == candidate))
        if not len(side):
            settling.append(NO_START)
            continue
        if index is None:
            settling.append(Settling(len(side), ceiling, ceiling, "unknown"))
            continue
        settled = _settled(profiles[side], (int(np.ceil(FLOOR / windows.width)), ages), noise)
        if settled is None:
            settling.append(Settling(len(side), ceiling, ceiling, "unsettled"))
            continue
        settled_at[side] = np.minimum(settled[1] * windows.width, ceiling)
        common = min(settled[0] * windows.width, ceiling)
        settling.append(Settling(len(side), common, float(settled_at[side].max()), "settled"))
    cold &= lives.age < settled_at[lives.life]
    if index is not None:
        for number, candidate in enumerate((False, True)):
            side_rows = (lives.life >= 0) & ~cold
            side_rows[side_rows] = lives.candidate[lives.life[side_rows]] == candidate
            first = _slow_first_visits(windows, lives, side_rows, index)
            cold |= first
            settling[number] = replace(settling[number], first_visits=bool(first.any()))
    return WarmUp(cold, young, (settling[0], settling[1]))


def _lives(windows: Windows, treated: Mask, node: Ints, facts: Sequence[ServerFacts]) -> _Lives:
    """Return the lives that began within the data.

    Where its start is not known, a server that follows another on its node started with its first
    window; the first one on a node may have run long before the time looked at.
    """
    life, age = np.full(len(windows), -1, dtype=np.int64), np.full(len(windows), np.inf)
    candidate, begun = list[bool](), list[float]()
    node_start = np.full(int(node.max(initial=0)) + 1, np.inf)
    np.minimum.at(node_start, node, windows.time)
    for i in np.unique(windows.server):
        rows = np.flatnonzero(windows.server == i)
        time = windows.time[rows]
        starts = tuple(sorted(facts[i].starts))
        first = float(time.min())
        if not starts and first > node_start[node[rows[0]]]:
            starts = (first,)
        for start in starts:
            later = time + windows.width > start
            life[rows[later]] = len(begun)
            age[rows[later]] = time[later] - start
            candidate.append(bool(treated[rows[0]]))
            begun.append(start)
    return _Lives(life, age, np.array(candidate, dtype=bool), np.array(begun))


def _index(windows: Windows, treated: Mask, lives: _Lives, young: Mask) -> Floats | None:
    """Return the log of expected over observed time of each row, NaN where it has none.

    The curve is the baseline's without what may be warm-up; where that is too little, of all rows
    but each life's first windows: a level does not matter here. Rows at batches that the curve
    was not fitted on have no index.
    """
    decode = observations.decode(windows)
    if not decode.rows.any():
        return None
    cell = np.floor(2.0 * np.log2(decode.x)).astype(np.int64)
    cell -= cell.min()
    required = _ROWS_PER_COEFFICIENT * (len(np.unique(cell)) + decode.covariates.shape[1])
    fresh = lives.age < FLOOR
    for reference in (~treated & ~young, ~fresh):
        used = reference[decode.rows]
        if used.sum() < required:
            continue
        curve = fit(decode.x[used], decode.covariates[used], decode.time[used], decode.weight[used])
        expected = curve.at(decode.x, decode.covariates)
        load = LoadRows({"decode batch": np.log(decode.x)}, cell, decode.weight, decode.work, ~used)
        inside = (match_range(load).weight > 0) & (expected > 0)
        index = np.full(len(windows), np.nan)
        index[np.flatnonzero(decode.rows)[inside]] = np.log(expected[inside] / decode.time[inside])
        return index
    return None


def _profiles(windows: Windows, lives: _Lives, index: Floats, ages: int) -> Floats:
    """Return each life's mean index by whole windows since its start, NaN where there is none."""
    age = np.floor(np.where(np.isfinite(lives.age), lives.age, -1.0) / windows.width + 1e-6)
    rows = (lives.life >= 0) & (age >= 0) & (age < ages) & ~np.isnan(index)
    key = lives.life[rows] * ages + age[rows].astype(np.int64)
    return _means(windows, index, rows, key, len(lives.start), ages)


def _noise(windows: Windows, index: Floats, warm: Mask) -> float:
    """Return the standard deviation of the steps of servers that have long been up, 0 if none."""
    rows = warm & ~np.isnan(index)
    if not rows.any():
        return 0.0
    window = np.rint((windows.time - windows.time.min()) / windows.width).astype(np.int64)
    width = int(window.max()) + 1
    key = windows.server[rows] * width + window[rows]
    steps = _steps(_means(windows, index, rows, key, len(windows.servers), width))
    steps = np.abs(steps[~np.isnan(steps)])
    # 1.4826 makes the median absolute deviation that of a normal distribution
    return 1.4826 * float(np.median(steps)) if len(steps) else 0.0


def _means(
    windows: Windows, index: Floats, rows: Mask, key: Ints, count: int, width: int
) -> Floats:
    """Return the mean index of the rows by key, as `count` rows of `width`."""
    seconds = windows.column("seconds")[rows]
    weight = np.bincount(key, seconds, count * width)
    total = np.bincount(key, seconds * index[rows], count * width)
    mean = np.where(weight > 0, total, np.nan) / np.where(weight > 0, weight, 1.0)
    return np.asarray(mean.reshape(count, width))


def _steps(profiles: Floats) -> Floats:
    """Return how each window differs from those that follow, NaN where too few do."""
    padding = np.full((len(profiles), _MOST_FOLLOWING), np.nan)
    padded = np.concatenate([profiles, padding], axis=1)
    count = profiles.shape[1]
    following = np.stack([padded[:, k : k + count] for k in range(1, _MOST_FOLLOWING + 1)])
    known = ~np.isnan(following)
    mean = np.where(known, following, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known.sum(0) >= FOLLOWING_WINDOWS, profiles - mean, np.nan)


def _settled(profiles: Floats, bounds: tuple[int, int], noise: float) -> tuple[int, Ints] | None:
    """Return after how many windows the lives of a side settled, together and each, or None.

    `profiles` has a row for each life; `bounds` are how many windows are warm-up at least and at
    most.
    """
    floor, ages = bounds
    steps = _steps(profiles)[:, :ages]
    lives = (~np.isnan(steps)).sum(0)
    needed = min(2, len(profiles))
    for age in range(floor, ages):
        if lives[age] < needed:
            continue
        # the median of n normal values has a standard deviation 1.25 times that of their mean
        beyond_chance = _DEVIATIONS * 1.25 * noise / np.sqrt(lives[age])
        if abs(float(np.nanmedian(steps[:, age]))) <= max(_TOLERANCE, beyond_chance):
            break
    else:
        return None
    # slower than what follows: a neighbour that comes later is no warm-up
    changing = steps[:, age:] < -max(_OWN_TOLERANCE, _OWN_DEVIATIONS * noise)
    return age, np.where(changing.all(1), ages, age + (~changing).argmax(1))


def _slow_first_visits(windows: Windows, lives: _Lives, side: Mask, index: Floats) -> Mask:
    """Mark the rows in which a life met a batch cell for the first time, where such are slow."""
    none = np.zeros(len(windows), dtype=bool)
    rows = np.flatnonzero((lives.life >= 0) & ~np.isnan(index))
    order = rows[np.lexsort((windows.time[rows], windows.batch[rows], lives.life[rows]))]
    if not len(order):
        return none
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(lives.life[order]) != 0) | (np.diff(windows.batch[order]) != 0)
    first = none.copy()
    first[order[new]] = True
    first &= side
    others = side & ~first & ~np.isnan(index)
    if first.sum() < _MIN_FIRST_VISITS or not others.any():
        return none
    count = len(lives.start)
    total = np.bincount(lives.life[others], minlength=count)
    level = np.bincount(lives.life[others], index[others], count) / np.where(
        total > 0, total, np.nan
    )
    difference = index[first] - level[lives.life[first]]
    difference = difference[~np.isnan(difference)]
    slow = len(difference) >= _MIN_FIRST_VISITS and float(np.median(difference)) < -_OWN_TOLERANCE
    return first if slow else none
