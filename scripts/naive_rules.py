"""What people do by hand after an upgrade: ratios of tokens and latencies, and a canary judge."""

from typing import Final

import numpy as np

from exporter.compare.estimate.design import choose_design
from exporter.compare.fleet.arrays import Floats
from exporter.compare.fleet.windows import Fleet, Windows, collapse

NAIVE: Final = 0.05
"""Relative change that a naive ratio takes for one."""


def beyond(ratio: float | None) -> str:
    """Return what a naive ratio, above 1 where better, is taken for."""
    if ratio is None or abs(ratio - 1) <= NAIVE:
        return "neither"
    return "regression" if ratio < 1 else "improvement"


def mann_whitney(fleet: Fleet, candidate_servers: list[bool]) -> dict[str, str]:
    """The canary rule of Kayenta: a 98 % Mann-Whitney interval of the shift, and a quarter of it.

    On the fleet's mean of each window, as a canary judge sees it: concurrent where there is any.
    """
    windows = fleet.windows
    setup = choose_design(windows, candidate_servers, fleet.facts, 3600.0)
    baseline, candidate = setup.keep & ~setup.treated, setup.keep & setup.treated
    if setup.concurrent:
        baseline = baseline & (windows.time >= setup.candidate_start)
    calls = {}
    for name, top, bottom, better in (
        ("MW tok/s", "decode_tokens", "seconds", 1.0),
        ("MW ITL", "decode_sequence_seconds", "decode_tokens", -1.0),
    ):
        old, new = (
            _series(collapse(windows.where(rows)), top, bottom) for rows in (baseline, candidate)
        )
        low, high, middle = _shift(new, old)
        sign = "improvement", "regression"
        if better < 0:
            sign = sign[1], sign[0]
        quarter = 0.25 * abs(middle)
        calls[name] = sign[0] if low > quarter else sign[1] if high < -quarter else "neither"
    return calls


def _series(windows: Windows, top: str, bottom: str) -> Floats:
    column = windows.column
    _, step = np.unique(windows.time, return_inverse=True)
    return np.asarray(np.bincount(step, column(top)) / np.bincount(step, column(bottom)))


def _shift(new: Floats, old: Floats) -> tuple[float, float, float]:
    gaps = np.sort((new[:, None] - old[None, :]).ravel())
    n, m = len(new), len(old)
    out = int(max(n * m / 2 - 2.326 * np.sqrt(n * m * (n + m + 1) / 12.0), 0))
    return float(gaps[out]), float(gaps[-1 - out]), float(np.median(gaps))
