"""How long a step takes, on the release that runs and on the old one."""

from typing import Any

import numpy as np

from .compiled import compiled
from .profile import Array, Factors, Profile
from .state import SHAPES, Ints, Surroundings


@compiled
def captured_size(tokens: int) -> int:
    """Return the size that a captured graph pads a batch to: 1, 2, 4, then multiples of 8."""
    if tokens <= 2:
        return tokens
    if tokens <= 4:
        return 4
    return (tokens + 7) // 8 * 8


@compiled
def step_parts(
    profile: Profile, products: Array, batch: int, context: float, prompt_tokens: int, pairs: float
) -> tuple[float, float, float]:
    """Return a step's time in ms: decoding, attention over the context, prefill."""
    decoding = batch * (1 + profile.drafts)
    decode, attention, prefill = profile.launch, 0.0, 0.0
    if batch > 0:
        size = decoding if prompt_tokens > 0 else captured_size(decoding)
        decode += products[size] + profile.drafts * profile.draft
        attention = profile.context * context
    if prompt_tokens > 0:
        whole = products[decoding + prompt_tokens]
        without = products[decoding] if batch > 0 else 0.0
        prefill = whole - without + profile.pair * pairs + profile.eager
    return decode, attention, prefill


@compiled
def _first_use(tables: Ints, batch: int, prompt_tokens: int) -> bool:
    """Whether a step without a captured graph has a shape not used since the start."""
    rows = 0
    while batch > 0:
        batch >>= 1
        rows += 1
    columns = 0
    while prompt_tokens > 0:
        prompt_tokens >>= 1
        columns += 1
    shape = rows * 16 + columns
    if tables[SHAPES + shape]:
        return False
    tables[SHAPES + shape] = 1
    return True


@compiled
def step_times(
    state: Any,
    tables: Ints,
    profile: Profile,
    products: Array,
    factors: Factors,
    around: Surroundings,
    prompt_tokens: int,
    pairs: float,
    steps: int,
) -> tuple[float, float, float]:
    """Return the seconds of some steps, those of the old release for the same, and their watts.

    Several steps are all of one batch without a prompt: only the context grows, and with it, in a
    straight line, the time.
    """
    context = state.context + 0.5 * (steps - 1) * state.rate
    decode, attention, prefill = step_parts(
        profile, products, state.batch, context, prompt_tokens, pairs
    )
    baseline = decode + attention + prefill
    actual = (decode + attention * factors.attention) * factors.decode + prefill * factors.prefill
    actual *= factors.whole
    if state.batch > profile.wide_from:
        actual *= factors.wide
    slice_ = min(int((state.now - around.begin) / around.width), len(around.slowness) - 1)
    luck = np.random.random()
    slow = around.slowness[slice_] * (1.0 + 0.1 * (np.random.random() - 0.5) / np.sqrt(steps))
    # the clock falls by 1.5 % for each degree above 84
    slow *= 1.0 + 0.015 * min(max(state.temperature - 84.0, 0.0), 12.0)
    stall = 0.0
    if prompt_tokens > 0 and _first_use(tables, state.batch, prompt_tokens):
        stall = profile.compile
    hiccup = 80.0 if luck < 0.0004 * steps else 0.0
    seconds = 1e-3 * (steps * actual * slow + stall * factors.compile + hiccup)
    share = prefill / baseline
    filled = state.batch / (state.batch + 24.0)
    watts = around.watts * (150.0 + 170.0 * filled * (1.0 - share) + 420.0 * share)
    return seconds, 1e-3 * (steps * baseline * slow + stall + hiccup), watts
