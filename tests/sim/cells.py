"""Load cells of a simulated fleet, all servers and slices at once, as windows the rules look at."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .fleet import SLICE, WARM_UP, Array, Fleet

WINDOW: Final = 240.0

UPPER: Final = np.array(sorted([2.0**k for k in range(13)] + [1.5 * 2.0**k for k in range(12)]))

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
)


@dataclass(frozen=True)
class Windows:
    """What each server's cells gained in each window: arrays of server x cell x window.

    `time` is each window's end; `release` is the release running at it (server x window).
    """

    time: Array
    release: NDArray[np.int64]
    gained: dict[str, Array]
    truth: dict[str, Array]


def per_slice(fleet: Fleet) -> dict[str, Array]:
    """Return the work of each slice by quantity, as the exporter would count it."""
    return {
        "seconds": np.full_like(fleet.batch, SLICE),
        "decode_sequence_seconds": fleet.batch * SLICE,
        "decode_tokens": fleet.decoded,
        "prefill_tokens": fleet.prefilled,
        "context_token_seconds": fleet.context * fleet.batch * SLICE,
        "saturated_seconds": fleet.queued * SLICE,
        "first_tokens": fleet.first_tokens,
        "first_token_seconds": fleet.first_seconds,
        "finished_prefill_tokens": fleet.finished_tokens,
        "finished_prefill_seconds": fleet.finished_seconds,
        "joules": fleet.joules,
    }


def windows(fleet: Fleet, warm_up: float = WARM_UP) -> Windows:
    """Sort the slices into cells and add them up by window, warm-up left out."""
    servers, slices = fleet.batch.shape
    each = round(WINDOW / SLICE)
    count = slices // each
    cell = np.searchsorted(UPPER, fleet.batch, side="left")
    place = (np.arange(servers)[:, None] * len(UPPER) + cell) * count
    place = place + np.minimum(np.arange(slices) // each, count - 1)
    keep = (fleet.age > warm_up) & (np.arange(slices) < count * each)
    shape = (servers, len(UPPER), count)

    def add(values: Array) -> Array:
        weights = np.where(keep, values, 0.0).ravel()
        return np.bincount(place.ravel(), weights, int(np.prod(shape))).reshape(shape)

    gained = {name: add(values) for name, values in per_slice(fleet).items()}
    truth = {
        name: add(values * fleet.decoded) / np.maximum(gained["decode_tokens"], 1e-9)
        for name, values in fleet.truth.items()
    }
    ends = np.arange(1, count + 1) * each - 1
    return Windows(fleet.time[ends] + SLICE / 2, fleet.release[:, ends], gained, truth)
