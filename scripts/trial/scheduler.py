"""The scheduler: who is in the batch, whose prompt is computed, who waits."""

from typing import Any

import numpy as np

from .compiled import compiled
from .profile import Profile
from .state import QUEUE, QUEUE_LENGTH, RETURNED, RING, SEEN, Ints


@compiled
def _take_next(state: Any, tables: Ints) -> int:
    """Return the request that is scheduled next, out of its queue."""
    if state.put_back > 0:
        state.put_back -= 1
        return int(tables[RETURNED + state.put_back])
    state.next += 1
    return int(state.next - 1)


@compiled
def _peek(state: Any, tables: Ints) -> int:
    """Return the request that is scheduled next, -1 where none waits."""
    if state.put_back > 0:
        return int(tables[RETURNED + state.put_back - 1])
    return int(state.next) if state.next < state.arrived else -1


@compiled
def _admit(state: Any, jobs: Any, tables: Ints, profile: Profile, warmth: float) -> bool:
    """Schedule the next request if it fits; return whether it did."""
    i = _peek(state, tables)
    running = state.batch + state.prefilling
    if i < 0 or running >= profile.max_sequences:
        return False
    prompt = jobs[i].context
    fits = state.context + state.reserved + prompt <= 0.97 * profile.capacity
    if not fits and running > 0:
        return False
    _take_next(state, tables)
    hit = 0.0
    if not jobs[i].resumed:
        kind = jobs[i].kind
        warm = 1.0 - np.exp(-tables[SEEN + kind] / warmth)
        hit = jobs[i].hit if jobs[i].chance < warm else 0.0
        tables[SEEN + kind] += 1
        jobs[i].computed = prompt - hit
        jobs[i].scheduled = state.now
        jobs[i].baseline_scheduled = state.baseline_clock
    jobs[i].left = prompt - hit
    state.reserved += prompt
    tables[QUEUE + (state.first + state.prefilling) % QUEUE_LENGTH] = i
    state.prefilling += 1
    return True


@compiled
def compose(
    state: Any, jobs: Any, tables: Ints, profile: Profile, warmth: float
) -> tuple[int, float, int]:
    """Fill a step's budget with prompts: tokens, pairs of attention, prompts that get done."""
    budget = float(profile.max_step_tokens - state.batch * (1 + profile.drafts))
    tokens, pairs, done, position = 0.0, 0.0, 0, 0
    while budget > 0:
        if position == state.prefilling and not _admit(state, jobs, tables, profile, warmth):
            break
        i = tables[QUEUE + (state.first + position) % QUEUE_LENGTH]
        chunk = min(jobs[i].left, budget)
        before = jobs[i].context - jobs[i].left
        pairs += chunk * (before + 0.5 * chunk)
        jobs[i].left -= chunk
        tokens += chunk
        budget -= chunk
        if jobs[i].left <= 0:
            done += 1
        position += 1
    return int(tokens), pairs, done


@compiled
def start_decoding(state: Any, jobs: Any, tables: Ints, counts: Any) -> None:
    """Let the oldest prompt that is done emit its first token and join the batch."""
    i = tables[QUEUE + state.first % QUEUE_LENGTH]
    state.first += 1
    state.prefilling -= 1
    state.reserved -= jobs[i].context
    row = counts[state.interval]
    if not jobs[i].resumed:
        jobs[i].prefill_seconds = state.now - jobs[i].scheduled
        jobs[i].baseline_prefill_seconds = state.baseline_clock - jobs[i].baseline_scheduled
        row.first_tokens += 1
        row.first_token_seconds += state.now - jobs[i].arrival
        row.prefill_tokens += jobs[i].computed
        row.queried_tokens += jobs[i].prompt
        row.hit_tokens += jobs[i].prompt - jobs[i].computed
    state.batch += 1
    state.context += jobs[i].context
    state.rate += jobs[i].rate
    state.baseline_rate += jobs[i].baseline_rate
    steps = int(np.ceil(jobs[i].remaining / jobs[i].rate - 1e-9))
    end = state.step + max(steps, 1)
    jobs[i].end_step = end
    slot = end % RING
    jobs[i].previous = -1
    jobs[i].following = tables[slot]
    if tables[slot] >= 0:
        jobs[tables[slot]].previous = i
    tables[slot] = i
    jobs[i].newer = -1
    jobs[i].older = state.newest
    if state.newest >= 0:
        jobs[state.newest].newer = i
    state.newest = i


@compiled
def _leave_batch(state: Any, jobs: Any, tables: Ints, i: int) -> None:
    """Take a sequence out of the batch; its context is what it is now."""
    steps_left = jobs[i].end_step - state.step
    generated = jobs[i].remaining - steps_left * jobs[i].rate
    jobs[i].context += generated
    jobs[i].remaining -= generated
    state.batch -= 1
    state.context -= jobs[i].context
    state.rate -= jobs[i].rate
    state.baseline_rate -= jobs[i].baseline_rate
    before, after = jobs[i].previous, jobs[i].following
    if before >= 0:
        jobs[before].following = after
    else:
        tables[jobs[i].end_step % RING] = after
    if after >= 0:
        jobs[after].previous = before
    older, newer = jobs[i].older, jobs[i].newer
    if older >= 0:
        jobs[older].newer = newer
    if newer >= 0:
        jobs[newer].older = older
    else:
        state.newest = older
    if state.batch == 0:
        state.context, state.rate, state.baseline_rate = 0.0, 0.0, 0.0


@compiled
def finish(state: Any, jobs: Any, tables: Ints, counts: Any) -> None:
    """Let the sequences end whose last token this step made."""
    row = counts[state.interval]
    i = tables[state.step % RING]
    while i >= 0:
        following = jobs[i].following
        _leave_batch(state, jobs, tables, i)
        row.finished_prefill_tokens += jobs[i].computed
        row.finished_prefill_seconds += jobs[i].prefill_seconds
        row.finished_prefill_baseline_seconds += jobs[i].baseline_prefill_seconds
        row.finished_tokens += jobs[i].output
        i = following


@compiled
def preempt(state: Any, jobs: Any, tables: Ints, profile: Profile, counts: Any) -> None:
    """Throw the newest sequences out while the cache is too full; they are computed anew."""
    while state.context + state.reserved > profile.capacity and state.batch > 1:
        i = state.newest
        _leave_batch(state, jobs, tables, i)
        jobs[i].resumed = 1
        tables[RETURNED + state.put_back] = i
        state.put_back += 1
        counts[state.interval].preemptions += 1
