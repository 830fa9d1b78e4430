"""One effect over strata of the load that it differs between: the mean over the candidate's work.

Pure arithmetic. A release may change some batches alone, and the sides and hours differ in how much
they work at those. So each stratum of batches has an effect of its own, and the whole's is the time
that all of the candidate's work would have taken on the baseline, over the time it took: the mean
of the strata's ratios, weighted by the time spent in each. This is direct standardisation to the
candidate (Rothman, Greenland and Lash, Modern Epidemiology, 3rd edition, chapter 4), its effects
those of a regression with an interaction (Lin, Annals of Applied Statistics 7, 2013, p. 295).
"""

from dataclasses import replace

import numpy as np

from ..fleet.arrays import TINY, Floats, Ints, Mask
from .regression import MIN_WINDOWS, Regression, absorbed, summed


def standardised(regression: Regression, cell: Ints, spent: Floats) -> Regression:
    """Return the regression whose effect is the mean over the candidate's work.

    `cell` numbers each row's batch cell; `spent` is the time (or energy) of the candidate's work,
    0 in rows of the baseline. Work of the candidate at loads that are not compared, whose weight is
    0, counts as the nearest stratum does. The outcome is freed of what differs between strata, so
    that the sides' mixes of them are no noise of the effect.
    """
    stratum = _strata(regression, cell)
    count = int(stratum.max(initial=0)) + 1
    treated = regression.treated > 0
    work = np.bincount(stratum, spent, count)
    present = np.bincount(stratum, regression.weight * treated, count)
    if count == 1 or work.sum() <= 0:
        return regression
    share = work / work.sum()
    factor = share / np.maximum(present / present.sum(), TINY)
    weighted = replace(regression, weight=regression.weight * factor[stratum])
    fitted = _by_stratum(weighted, stratum, count)
    if fitted is None:
        return weighted
    level, effect = fitted
    mean = float(np.log(share @ np.exp(effect)))
    y = regression.y - level[stratum] - np.where(treated, effect[stratum] - mean, 0.0)
    return replace(weighted, y=y)


def _strata(regression: Regression, cell: Ints) -> Ints:
    """Return each row's stratum: cells in order, joined until both sides have enough windows."""
    used, treated = regression.weight > 0, regression.treated > 0
    cells = int(cell.max(initial=0)) + 1
    counts = [np.bincount(cell[used & side], minlength=cells) for side in (~treated, treated)]
    starts, windows = [0], np.zeros(2, dtype=np.int64)
    for number in range(cells):
        if windows.min() >= MIN_WINDOWS:
            starts.append(number)
            windows[:] = 0
        windows += [int(side[number]) for side in counts]
    if len(starts) > 1 and windows.min() < MIN_WINDOWS:
        starts.pop()
    return np.asarray(np.searchsorted(starts, cell, side="right") - 1, dtype=np.int64)


def _by_stratum(regression: Regression, stratum: Ints, count: int) -> tuple[Floats, Floats] | None:
    """Return the baseline's level and the effect of each stratum, None where one has no effect."""
    cells, of_cell = summed(regression, stratum)
    inside: Mask = of_cell[:, None] == np.arange(count)
    columns = np.concatenate([inside, inside * cells.treated[:, None]], axis=1).astype(np.float64)
    features = np.stack([absorbed(column, cells.weight, cells) for column in columns.T], axis=1)
    weighted = features * cells.weight[:, None]
    gram = features.T @ weighted
    power = np.diag(gram)[count:]
    if (power <= 1e-9 * np.maximum(np.bincount(of_cell, cells.weight, count), TINY)).any():
        return None
    # the levels hold a constant that the effects of nodes and blocks hold too: any of the solutions
    solution: Floats = np.linalg.lstsq(gram, weighted.T @ cells.y)[0].astype(np.float64)
    return solution[:count], solution[count:]
