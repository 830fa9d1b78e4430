"""What the matched-load rules observe of a server in a cell and a window, in numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from exporter.vocabulary.verdict import Measure

from .cells import WINDOW, CellWindows
from .noise import Array

Bools = NDArray[np.bool_]

LEAST_SHARE = 0.1
"""A cell counts in a window in which a server spent at least this share of it there."""


@dataclass(frozen=True)
class Observations:
    """One measure's observations: server x cell x window, nan where there is none.

    Cells stand twice, those without and those with a queue. Letters are those of the rules:
    `y` time per unit of work, `z` ln of the load, `p` and `c` prefill and context beside it, `w`
    share of the window spent in the cell, `g` units of work.
    """

    columns: dict[str, Array]

    @property
    def shape(self) -> tuple[int, ...]:
        """Servers, cells and windows."""
        return self.columns["y"].shape

    def window(self, number: int) -> dict[str, Array]:
        """Return one window's columns, server x cell."""
        return {name: values[:, :, number] for name, values in self.columns.items()}


def observe(windows: CellWindows, measure: Measure) -> Observations:
    """Return what the rules see of a measure."""
    saturated = windows.gained["saturated_seconds"] > 0.5 * windows.gained["seconds"]
    work = {
        name: np.concatenate(
            [np.where(saturated, 0.0, values), np.where(saturated, values, 0.0)], axis=1
        )
        for name, values in windows.gained.items()
    }
    if measure == "prefill":
        work = _over_all_batches(work)
    share = work["seconds"] / WINDOW
    with np.errstate(all="ignore"):
        columns = {**_columns(work, measure), "w": share}
        usable = (share > LEAST_SHARE) & (columns["y"] > 0)
        for name in ("y", "z"):
            usable &= np.isfinite(columns[name])
    usable &= ~windows.young[:, None, :]
    if measure == "time_to_first_token":
        # what waits in a queue says nothing of the engine
        usable[:, saturated.shape[1] :] = False
    return Observations(
        {name: np.where(usable, values, np.nan) for name, values in columns.items()}
    )


def _over_all_batches(work: dict[str, Array]) -> dict[str, Array]:
    """Return all cells added up, without and with a queue: prefill is compared over all batches."""
    share = work["seconds"] / WINDOW
    half = share.shape[1] // 2
    counted = {name: np.where(share > LEAST_SHARE, values, 0.0) for name, values in work.items()}
    return {
        name: np.stack([values[:, :half].sum(1), values[:, half:].sum(1)], axis=1)
        for name, values in counted.items()
    }


def _columns(work: dict[str, Array], measure: Measure) -> dict[str, Array]:
    batch = work["decode_sequence_seconds"] / work["seconds"]
    intensity = work["prefill_tokens"] / work["decode_tokens"]
    context = work["context_token_seconds"] / work["seconds"]
    prefill_rate = work["prefill_tokens"] / work["seconds"]
    prompt_length = work["finished_prefill_tokens"] / work["first_tokens"]
    if measure == "decode":
        return {
            "y": work["decode_sequence_seconds"] / work["decode_tokens"],
            "z": np.log(batch),
            "p": intensity * batch,
            "c": context,
            "g": work["decode_tokens"],
        }
    if measure == "prefill":
        return {
            "y": work["finished_prefill_seconds"] / work["finished_prefill_tokens"],
            "z": np.log(prefill_rate),
            "p": 1 / prompt_length,
            "c": prefill_rate,
            "g": work["finished_prefill_tokens"],
        }
    if measure == "time_to_first_token":
        return {
            "y": work["first_token_seconds"] / work["first_tokens"],
            "z": np.log(batch),
            "p": prompt_length,
            "c": prefill_rate,
            "g": work["first_tokens"],
        }
    if measure == "energy":
        return {
            "y": work["joules"] / work["metered_decode_tokens"],
            "z": np.log(batch),
            "p": intensity,
            "c": context / batch,
            "g": work["metered_decode_tokens"],
        }
    raise ValueError(f"the rules have no curve of {measure}")
