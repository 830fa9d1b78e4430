"""What a model on a GPU costs: the constants from which a step's time and energy follow.

Each is an assumption near what vLLM shows on one H100: a dense model of 8 billion parameters, a
mixture of experts, and the dense one with a draft head. Nothing is fitted to what the estimators
assume: matrix products are a roofline (weights read, or arithmetic, whichever is longer), so that
neither a step's time over the batch nor that over prompt tokens is a straight line.
"""

from functools import cache
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Model = Literal["dense", "moe", "speculating"]

EXPERTS: Final = 128
EXPERTS_PER_TOKEN: Final = 8
_LARGEST: Final = 16384


class Profile(NamedTuple):
    """Constants of one model on one GPU; times in ms, lengths in tokens.

    `weights` is the reading of the weights that every step needs, `expert` that of one expert,
    `skew` how uneven their popularity is. `token` is a token's arithmetic,
    `context` the reading of one resident token, `pair` the attention between a computed token and
    one before it. `launch` is paid by every step, `eager` on top by steps without a captured graph.
    `draft` is the drafting of one token for the batch, `drafts` how many are drafted. `compile` is
    the compilation of a shape at its first use. `wide_from` is the batch above which steps are
    wide.
    """

    weights: float
    expert: float
    skew: float
    token: float
    context: float
    pair: float
    launch: float
    eager: float
    draft: float
    drafts: int
    compile: float
    max_sequences: int
    max_step_tokens: int
    capacity: float
    wide_from: int


def experts_touched(skew: float) -> Array:
    """Return how many experts n tokens touch in the mean, for n from 0 on.

    An expert's popularity falls as a power of its rank, as routers are seen to have favourites.
    """
    popularity = np.arange(1, EXPERTS + 1) ** -skew
    chance = np.minimum(EXPERTS_PER_TOKEN * popularity / popularity.sum(), 0.98)
    tokens = np.arange(_LARGEST + 1)
    touched: Array = (1.0 - np.exp(tokens[:, None] * np.log1p(-chance))).sum(1)
    return touched


@cache
def products(profile: Profile) -> Array:
    """Return the time of a step's matrix products for n tokens: a roofline, in ms."""
    read = profile.weights + profile.expert * experts_touched(profile.skew)
    arithmetic = profile.token * np.arange(_LARGEST + 1)
    total: Array = (read**4 + arithmetic**4) ** 0.25
    return total


def _dense(drafts: int) -> Profile:
    return Profile(
        weights=7.6,
        expert=0.0,
        skew=0.0,
        token=0.038,
        context=2.6e-5,
        pair=1.1e-6,
        launch=1.1,
        eager=0.7,
        draft=0.9 if drafts else 0.0,
        drafts=drafts,
        compile=120.0,
        max_sequences=192,
        max_step_tokens=8192,
        capacity=420_000.0,
        wide_from=64,
    )


PROFILES: Final[dict[Model, Profile]] = {
    "dense": _dense(0),
    "speculating": _dense(3),
    "moe": Profile(
        weights=4.2,
        expert=0.17,
        skew=0.6,
        token=0.016,
        context=0.9e-5,
        pair=0.5e-6,
        launch=1.4,
        eager=0.9,
        draft=0.0,
        drafts=0,
        compile=400.0,
        max_sequences=256,
        max_step_tokens=8192,
        capacity=650_000.0,
        wide_from=64,
    ),
}


class Factors(NamedTuple):
    """How much longer each part takes on the release that runs: 1 where the release is the old."""

    whole: float = 1.0
    decode: float = 1.0
    prefill: float = 1.0
    attention: float = 1.0
    wide: float = 1.0
    compile: float = 1.0
