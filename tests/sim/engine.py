"""How long a step of an engine takes: what the estimators try to learn, and are not told.

A step takes T = t0(B) + a B + kv B context + pre p, for B decoding sequences and p computed prompt
tokens in the step. Not linear in B: a kink at batch 64 and a ripple (dense), a steep rise until
most experts are touched (mixture of experts).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from .noise import Array

MAX_SEQUENCES: Final = 192.0
"""Sequences that fit in a batch."""
MAX_STEP_TOKENS: Final = 8192.0
"""Prompt tokens that fit in a step."""

Shape = Literal["dense", "moe"]


@dataclass(frozen=True)
class Engine:
    """The parts of a step's time: `decode(B)` in ms, ms per resident token, per computed token."""

    decode: Callable[[Array], Array]
    context: float
    prefill: float


def _dense(batch: Array) -> Array:
    ripple = 0.15 * np.sin(2 * np.pi * np.log2(batch + 1.0) * 1.5)
    kink = 1.2 / (1 + np.exp(-(batch - 64.0) / 6.0))
    return 11.0 + 0.022 * batch * (1 + 0.0015 * batch) + ripple + kink


def _moe(batch: Array) -> Array:
    """Steep until most experts are touched, flat afterwards: the shape of the recorded MoE."""
    knots = [-1.0, 0.0, 2.0, 4.0, 6.0, 8.0, 9.0]
    return np.interp(
        np.log2(np.maximum(batch, 0.5)), knots, [4.0, 4.3, 9.0, 16.0, 27.0, 33.0, 36.0]
    )


ENGINES: Final[dict[Shape, Engine]] = {
    "dense": Engine(_dense, 3.0e-5, 0.050),
    "moe": Engine(_moe, 1.5e-6, 0.017),
}
