"""The speed of each run at equal load, one number a run.

Pure arithmetic. Within a batch cell a run's index is the log of (time its tokens take on the
baseline's curve / time they took): indirect standardisation, for which the curve knows prefill
share and context. Over cells every run is averaged with the same weights (direct standardisation),
in the cells that all runs visited, so that a run that spent longer at another batch is not taken
for a faster one.
"""

from dataclasses import dataclass

import numpy as np

from ..estimate.curve import fit
from ..estimate.observations import Observations
from ..fleet.arrays import Floats, Ints, Mask
from ..fleet.windows import Windows

_ROWS_PER_COEFFICIENT = 2


@dataclass(frozen=True, slots=True, eq=False)
class RunIndex:
    """The index of runs (rows) in batch cells (columns), and what each cell counts.

    `runs` are the numbers of the runs that are known, `upper` and `lower` the edges of the cells
    that all of them visited, ascending; `weights` add up to 1. `coverage` is the least share of its
    work that a run of the candidate did in those cells.
    """

    runs: Ints
    lower: Floats
    upper: Floats
    by_cell: Floats
    weights: Floats
    coverage: float

    def values(self, cells: Mask | None = None) -> Floats:
        """Return the index of each run over some of the cells, by default all."""
        weights = self.weights if cells is None else np.where(cells, self.weights, 0.0)
        return np.asarray(self.by_cell @ (weights / weights.sum()))


def run_index(
    windows: Windows, observations: Observations, candidate: Mask, min_seconds: float
) -> RunIndex | None:
    """Return the index of the runs with such work, None where the baseline has too little.

    `candidate` holds of each run whether it is the candidate's; a cell counts where every run spent
    `min_seconds` in it.
    """
    rows = observations.rows
    run = windows.server[rows]
    runs, number = np.unique(run, return_inverse=True)
    of_candidate = candidate[runs]
    if of_candidate.all() or not of_candidate.any():
        return None
    baseline = ~of_candidate[number]
    # each run counts alike, however long it is
    weight = observations.weight / np.bincount(number, observations.weight)[number]
    coefficients = len(np.unique(np.floor(2.0 * np.log2(observations.x[baseline]))))
    coefficients += observations.covariates.shape[1]
    if baseline.sum() < _ROWS_PER_COEFFICIENT * coefficients:
        return None
    curve = fit(
        observations.x[baseline],
        observations.covariates[baseline],
        observations.time[baseline],
        weight[baseline],
    )
    expected = curve.at(observations.x, observations.covariates)
    edges, cell = np.unique(windows.batch[rows], return_inverse=True)
    shape = len(runs), len(edges)

    def sums(values: Floats) -> Floats:
        key = number * shape[1] + cell
        return np.bincount(key, values, shape[0] * shape[1]).reshape(shape).astype(np.float64)

    work, seconds = sums(observations.work), sums(windows.column("seconds")[rows])
    on_curve, observed = (sums(observations.work * time) for time in (expected, observations.time))
    shared = ((seconds >= min_seconds) & (on_curve > 0)).all(axis=0)
    shares = work / work.sum(axis=1, keepdims=True)
    weights = shares.mean(axis=0)[shared]
    coverage = float(shares[of_candidate][:, shared].sum(axis=1).min()) if shared.any() else 0.0
    return RunIndex(
        runs=runs,
        lower=np.array([lower_edge(edge) for edge in edges[shared]]),
        upper=edges[shared],
        by_cell=np.log(on_curve[:, shared] / observed[:, shared]),
        weights=weights / weights.sum() if len(weights) else weights,
        coverage=coverage,
    )


def lower_edge(upper: float) -> float:
    """Return the lower edge of the batch cell that ends at an edge: 1, then 2^k and 1.5 x 2^k."""
    if upper <= 1.0:
        return 0.0
    mantissa, _ = np.frexp(upper)
    return float(upper * (0.75 if mantissa == 0.5 else 2.0 / 3.0))
