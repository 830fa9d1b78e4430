"""Load cells of a simulated fleet, all servers and slices at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from .fleet import SimulatedFleet
from .noise import SLICE, Array

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
