"""The index of a run: equal load, and no more weight for more windows."""

import numpy as np
import pytest

from exporter.compare.estimate import observations
from exporter.compare.fleet.arrays import Floats
from exporter.compare.fleet.windows import Windows
from exporter.compare.replicates.index import lower_edge, run_index
from exporter.derive.load_cell import batch_label

from .made import WIDTH, made_windows

CANDIDATE = np.array([False, False, True, True])


def index_of(windows: Windows, candidate: np.ndarray = CANDIDATE) -> Floats:
    index = run_index(windows, observations.decode(windows), candidate, WIDTH)
    assert index is not None
    return index.values()


def doubled(windows: Windows, run: int | None = None) -> Windows:
    """Return the windows with those of one run, or of all, twice."""
    rows = np.arange(len(windows))
    again = rows if run is None else rows[windows.server == run]
    return windows.where(np.concatenate([rows, again]))


def test_a_run_is_as_fast_as_it_was_made() -> None:
    values = index_of(made_windows([1.00, 1.02, 0.90, 0.95]))
    assert values - values[0] == pytest.approx(np.log([1.00, 1.02, 0.90, 0.95]), abs=1e-6)


def test_time_spent_at_another_batch_makes_no_run_faster() -> None:
    slow, fast = {1.0: 30, 16.0: 4, 64.0: 4}, {1.0: 4, 16.0: 4, 64.0: 30}
    windows = made_windows([1.0] * 4, seconds=[slow, fast, fast, slow])
    assert index_of(windows) == pytest.approx(np.zeros(4), abs=1e-6)


def test_more_windows_of_a_run_say_no_more() -> None:
    windows = made_windows([1.00, 1.02, 0.90, 0.95])
    values = index_of(windows)
    assert index_of(doubled(windows)) == pytest.approx(values, abs=1e-9)
    for run in range(4):
        again = index_of(doubled(windows, run))
        assert again - again[0] == pytest.approx(values - values[0], abs=1e-6)


def test_the_order_of_runs_does_not_matter() -> None:
    speeds = np.array([1.00, 1.02, 0.90, 0.95])
    values = index_of(made_windows(speeds.tolist()))
    order = np.array([1, 0, 3, 2])
    assert index_of(made_windows(speeds[order].tolist())) == pytest.approx(values[order], abs=1e-9)


def test_only_cells_that_all_runs_visited_count() -> None:
    every, few = {1.0: 8, 16.0: 8, 64.0: 8}, {1.0: 8, 16.0: 8}
    windows = made_windows([1.0] * 4, seconds=[every, every, every, few])
    index = run_index(windows, observations.decode(windows), CANDIDATE, WIDTH)
    assert index is not None
    assert index.upper.tolist() == [1.0, 16.0]
    assert index.weights.sum() == pytest.approx(1.0)
    # at a batch of 64 the third run decoded 4000 of 6200 tokens
    assert index.coverage == pytest.approx(2200 / 6200)


def test_without_a_side_there_is_no_index() -> None:
    windows = made_windows([1.0] * 4)
    for side in (np.ones(4, dtype=bool), np.zeros(4, dtype=bool)):
        assert run_index(windows, observations.decode(windows), side, WIDTH) is None


def test_too_few_windows_fit_no_curve() -> None:
    windows = made_windows([1.0] * 4, seconds=[{1.0: 1}] * 4)
    assert run_index(windows, observations.decode(windows), CANDIDATE, WIDTH) is None


def test_edges_are_those_the_exporter_counts_by() -> None:
    for batch in (0.5, 1.01, 1.4, 1.6, 2.5, 3.5, 20.0, 30.0, 100.0, 130.0, 255.0):
        upper = float(batch_label(batch))
        assert lower_edge(upper) < batch <= upper
        assert batch_label(max(lower_edge(upper), 1e-3) * 1.0001) == batch_label(batch)


def test_a_faster_candidate_is_no_slower_baseline() -> None:
    windows = made_windows([1.0, 1.0, 1.1, 1.1])
    there = index_of(windows)
    back = index_of(windows, ~CANDIDATE)
    assert there[2] - there[0] == pytest.approx(-(back[0] - back[2]), abs=1e-6)
