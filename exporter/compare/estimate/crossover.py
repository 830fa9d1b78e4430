"""Which nodes exchanged the releases: each of them is its own control under both.

Pure arithmetic. Half of the servers run the candidate first and half the baseline, and then the
other one (Jones and Kenward, Design and Analysis of Cross-Over Trials, 3rd edition, section 2.1).
What differs between machines is in both of a machine's periods, and what differs between the
periods is in both halves.
"""

from typing import Final

import numpy as np

from ..fleet.arrays import Ints, Mask
from ..fleet.windows import Windows
from .blocker import required_overlap

_MIN_NODES: Final = 2
"""Nodes of each order, so that their spread is known."""


def candidate_first(windows: Windows, node: Ints, candidate: Mask, baseline: Mask) -> Mask | None:
    """Return which nodes ran the candidate first, None where the releases were not exchanged.

    `node` numbers the rows' nodes; `candidate` and `baseline` mark the rows that may be used. They
    were exchanged where two nodes at least went each way while others ran the other release, with
    as long of each as releases beside each other need.
    """
    time, count = windows.time, int(node.max(initial=-1)) + 1
    if not candidate.any():
        return None
    first, last = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(first, node[candidate], time[candidate])
    np.maximum.at(last, node[candidate], time[candidate])
    begin = float(time[candidate].min())
    before = baseline & (time >= begin) & (time < first[node])
    after = baseline & (time > last[node])
    needed = required_overlap(windows.width) / windows.width
    ran, forth, back = (
        _windows_of(windows, node, rows, count) >= needed for rows in (candidate, before, after)
    )
    forward, backward = ran & forth & ~back, ran & back & ~forth
    if min(int(forward.sum()), int(backward.sum())) < _MIN_NODES:
        return None
    return np.asarray(backward)


def _windows_of(windows: Windows, node: Ints, rows: Mask, count: int) -> Ints:
    """Return how many windows each node has among some rows."""
    step = np.round((windows.time - windows.time.min()) / windows.width).astype(np.int64)
    steps = int(step.max(initial=0)) + 1
    pairs = np.unique(node[rows] * steps + step[rows])
    return np.bincount(pairs // steps, minlength=count).astype(np.int64)
