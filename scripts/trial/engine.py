"""One server's engine, step by step: continuous batching with chunked prefill, compiled.

Each step takes all running sequences, one token each or their drafts, and fills what is left of
its budget of tokens with prompts, first come first served. Its time follows from what is in it
(`step_parts`), and the same step's time on the old release is kept beside it: that is the truth.
Counters grow when vLLM's do: latency and tokens at the end of a step, prompts at their first token,
prefill times when a request ends; every `INTERVAL` seconds they are read as the exporter reads.
"""

from typing import Any

import numpy as np

from .compiled import compiled
from .profile import Array, Factors, Profile
from .scheduler import compose, finish, preempt, start_decoding
from .state import INTERVAL, RING, Ints, Surroundings
from .step import step_times


@compiled
def _read(state: Any, gauges: Array, counts: Any, around: Surroundings, until: float) -> None:
    """Read the gauges at every edge of an interval up to a time; the GPU warms or cools."""
    while until >= state.edge and state.interval < len(counts) - 1:
        waiting = state.arrived - state.next + state.put_back
        gauges[state.interval + 1, 0] = state.context + state.reserved
        gauges[state.interval + 1, 1] = 1.0 if waiting > 0 else 0.0
        slice_ = min(int((state.edge - around.begin) / around.width), len(around.ambient) - 1)
        watts = counts[state.interval].joules / INTERVAL
        towards = around.ambient[slice_] + 0.11 * watts
        state.temperature += (towards - state.temperature) * (1.0 - np.exp(-INTERVAL / 90.0))
        state.interval += 1
        state.edge += INTERVAL


@compiled
def _steps_alike(state: Any, jobs: Any, tables: Ints, end: float) -> int:
    """Return how many steps there are until a sequence ends, a request comes or counters are read.

    `pace` is how long the last such step took.
    """
    horizon = min(state.edge, end)
    if state.arrived < len(jobs):
        horizon = min(horizon, jobs[state.arrived].arrival)
    most = int((horizon - state.now) / state.pace)
    steps = 1
    while steps < most and tables[(state.step + steps) % RING] < 0:
        steps += 1
    return steps


@compiled
def _advance(
    state: Any,
    jobs: Any,
    tables: Ints,
    profile: Profile,
    products: Array,
    factors: Factors,
    around: Surroundings,
    counts: Any,
    gauges: Array,
    end: float,
) -> None:
    """Make a step, or all steps up to the next event where none computes a prompt."""
    prompt_tokens, pairs, done = compose(state, jobs, tables, profile, around.warmth)
    steps = 1 if prompt_tokens > 0 else _steps_alike(state, jobs, tables, end)
    seconds, baseline, watts = step_times(
        state, tables, profile, products, factors, around, prompt_tokens, pairs, steps
    )
    if prompt_tokens == 0:
        state.pace = seconds / steps
    if state.now + seconds >= state.edge:
        _read(state, gauges, counts, around, state.now + seconds)
    state.now += seconds
    state.baseline_clock += baseline
    row = counts[state.interval]
    row.busy_seconds += seconds
    row.joules += watts * seconds
    row.baseline_joules += watts * baseline
    if state.batch > 0:
        row.decode_sequence_seconds += state.batch * seconds
        row.decode_tokens += steps * state.rate
        row.decode_baseline_seconds += state.batch * baseline
        row.spec_draft_tokens += steps * state.batch * profile.drafts
        row.spec_accepted_tokens += steps * (state.rate - state.batch)
        row.spec_accepted_baseline_tokens += steps * (state.baseline_rate - state.batch)
        state.context += steps * state.rate
    state.step += steps
    finish(state, jobs, tables, counts)
    for _ in range(done):
        start_decoding(state, jobs, tables, counts)
    preempt(state, jobs, tables, profile, counts)


@compiled
def run_engine(
    state: Any,
    jobs: Any,
    tables: Ints,
    profile: Profile,
    products: Array,
    factors: Factors,
    around: Surroundings,
    counts: Any,
    gauges: Array,
    end: float,
    seed: int,
) -> None:
    """Run from `state.now` to `end`; fill counts (interval x counter) and gauges (edge x 2)."""
    np.random.seed(seed)
    count = len(jobs)
    while state.now < end:
        while state.arrived < count and jobs[state.arrived].arrival <= state.now:
            state.arrived += 1
        if state.batch + state.prefilling + state.put_back + state.arrived - state.next == 0:
            # idle up to the next arrival, an interval at a time
            until = min(jobs[state.arrived].arrival if state.arrived < count else end, end)
            until = min(until, state.edge)
            counts[state.interval].joules += around.watts * 110.0 * (until - state.now)
            counts[state.interval].baseline_joules += around.watts * 110.0 * (until - state.now)
            state.baseline_clock += until - state.now
            state.now = until
            _read(state, gauges, counts, around, until)
            if until >= end:
                break
            continue
        _advance(state, jobs, tables, profile, products, factors, around, counts, gauges, end)
