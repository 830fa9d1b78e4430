"""Load cells of a simulated fleet, all servers and slices at once, as windows the rules look at."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.values import load

from .fleet import SimulatedFleet
from .noise import SLICE, Array

WINDOW: Final = 240.0
SLICES_PER_WINDOW: Final = round(WINDOW / SLICE)
WARM_UP: Final = load().matched.warm_up
"""Seconds after a start that no verdict counts."""

UPPER: Final = np.array(sorted([2.0**k for k in range(13)] + [1.5 * 2.0**k for k in range(12)]))
"""The cells' upper edges in sequences of the decode batch."""

QUANTITIES: Final = (
    "seconds",
    "decode_sequence_seconds",
    "decode_tokens",
    "prefill_tokens",
    "context_token_seconds",
    "saturated_seconds",
    "first_tokens",
    "first_token_seconds",
    "finished_prefill_tokens",
    "finished_prefill_seconds",
    "joules",
    "metered_decode_tokens",
)


@dataclass(frozen=True)
class CellWindows:
    """What each server's cells gained in each window: arrays of server x cell x window.

    `release` ran during the window, `info` is the release at its end, `young` whether the server
    is in its warm-up then (server x window).
    """

    gained: dict[str, Array]
    release: NDArray[np.int64]
    info: NDArray[np.int64]
    young: NDArray[np.bool_]
    truth: dict[str, Array]


def per_slice(fleet: SimulatedFleet) -> dict[str, Array]:
    """Return the work of each slice by quantity, as the exporter would count it."""
    return {
        "seconds": np.full_like(fleet.batch, SLICE),
        "decode_sequence_seconds": fleet.batch * SLICE,
        "decode_tokens": fleet.decode_tokens,
        "prefill_tokens": fleet.prefill_tokens,
        "context_token_seconds": fleet.context * fleet.batch * SLICE,
        "saturated_seconds": np.where(fleet.saturated, SLICE, 0.0),
        "first_tokens": fleet.first_tokens,
        "first_token_seconds": fleet.first_token_seconds,
        "finished_prefill_tokens": fleet.finished_prefill_tokens,
        "finished_prefill_seconds": fleet.finished_prefill_seconds,
        "joules": fleet.joules,
        "metered_decode_tokens": fleet.decode_tokens,
    }


def cell_of(fleet: SimulatedFleet) -> NDArray[np.int64]:
    """Return each slice's cell, as an index into `UPPER`."""
    return np.searchsorted(UPPER, fleet.batch, side="left").astype(np.int64)


def cell_windows(fleet: SimulatedFleet) -> CellWindows:
    """Sort the slices into cells and add them up by window."""
    servers, slices = fleet.batch.shape
    count = slices // SLICES_PER_WINDOW
    whole = count * SLICES_PER_WINDOW
    bins = (np.arange(servers)[:, None] * len(UPPER) + cell_of(fleet)[:, :whole]) * count
    bins = (bins + np.arange(whole) // SLICES_PER_WINDOW).ravel()
    shape = (servers, len(UPPER), count)

    def add(values: Array) -> Array:
        sums = np.bincount(bins, values[:, :whole].ravel(), int(np.prod(shape)))
        return sums.reshape(shape).astype(np.float64)

    gained = {name: add(values) for name, values in per_slice(fleet).items()}
    truth = {name: add(values) for name, values in fleet.truth.items()}
    ends = np.arange(1, count + 1) * SLICES_PER_WINDOW
    after = np.minimum(ends, slices - 1)
    age = fleet.age[:, ends - 1] + SLICE / 2
    # a server upgraded right at a window's end is young from then on
    age = np.where(fleet.release[:, after] == fleet.release[:, ends - 1], age, 0.0)
    return CellWindows(
        gained, fleet.release[:, ends - 1], fleet.release[:, after], age < WARM_UP, truth
    )
