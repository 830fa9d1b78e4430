"""What one engine can have done in an interval at most; more is a fault of the page, not work.

A series that is switched on late, or comes back under the name of one that was missing, brings the
total of a lifetime; a broken clock brings days. The bounds are wide: no engine reaches them, and a
lifetime is far beyond. They follow from how engines count, as read in the sources of vLLM 0.19 to
0.33 (`v1/metrics/stats.py`, `loggers.py`) and SGLang 0.5.16 to 0.5.23 (`managers/scheduler_*`,
`tokenizer_manager.py`), and from what hardware can do.

An engine books work when an output ends, a prompt at its first token and some of it when a request
ends. What an interval shows may therefore have been done in the one before, so every bound holds
for the time of two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from ...engines.engine import DecodeTime
from ...engines.registry import ENGINES
from .limits import ServerLimits

# Decoding one sequence reads every weight once a step. Small models reach about 1000 steps a second
# and drafts some tokens a step; published records with speculation are below 3000 tokens a second.
SEQUENCE_TOKENS: Final = 10_000.0

# Running requests as gauges show them are those of one moment; short ones run between two samples.
UNSEEN_SEQUENCES: Final = 16.0

# Where neither limit nor gauge tells: more sequences than any engine is configured for.
MOST_SEQUENCES: Final = 65_536.0

# vLLM adds one sample of latency an output. An output holds its draft and one token more, or, in
# the engine before V1, the steps scheduled at once; both are below this in every release.
OUTPUT_TOKENS: Final = 64.0

# The longest context a published model has; a request's prompt is at most its model's context.
CONTEXT_TOKENS: Final = 10_000_000.0

# Per second. A model of 0.5e9 parameters takes 1e9 operations a token, and the largest servers do
# 1e16 operations a second; tokens that a cache holds are not computed, only booked. One process
# answers some thousand requests a second, and a step takes about a millisecond at least.
RATES: Final[Mapping[str, float]] = {
    "prompt_tokens_computed": 1e7,
    **dict.fromkeys(("prompt_tokens", "prompt_tokens_cached", "finished_prefill_tokens"), 1e8),
    **dict.fromkeys(("queried_local", "hit_local", "queried_external", "hit_external"), 1e8),
    "step_tokens": 1e8,
    **dict.fromkeys(("first_tokens", "preemptions", "steps"), 1e5),
    **dict.fromkeys(("queried_multimodal", "hit_multimodal"), 1e6),
}

ENDED_TOKENS: Final = 1e8
"""Generated tokens per second, where they are counted as requests end."""

# Seconds. A step that computes long prompts keeps all sequences waiting; their outputs then bring
# its whole time, however short the interval.
LONGEST_STEP: Final = 10.0

# The sequences that ran are known to about a step where gauges are renewed with every step.
SEQUENCES_SLACK: Final = 2.0


@dataclass(frozen=True, slots=True)
class EngineState:
    """Requests that an engine held: running at both ends, waiting at the start; None if unknown."""

    running_before: float | None
    running_after: float | None
    waiting_before: float | None

    @property
    def running(self) -> float | None:
        """The most that ran at an end, None where unknown."""
        if self.running_before is None or self.running_after is None:
            return None
        return max(self.running_before, self.running_after)


def impossible_counts(
    increase: Mapping[str, float],
    seconds: float,
    engine: str,
    state: EngineState,
    limits: ServerLimits,
) -> frozenset[str]:
    """Return the counts in `increase` that are more than the engine can have done.

    `engine` is the kind of engine. Tokens are bounded by the sequences that ran: those held, or the
    most that may run where that is known. For vLLM, generated tokens are also bounded by the
    outputs they came in, and prompt tokens by the first tokens they came with.
    """
    reach = 2.0 * seconds
    live = ENGINES[engine].decode_time is DecodeTime.SUM
    sequences = _most_sequences(state, limits)
    generated = SEQUENCE_TOKENS * sequences * reach
    drafted = OUTPUT_TOKENS * generated
    most = {
        "generation_tokens": generated,
        "decode_tokens": generated,
        "decode_outputs": generated,
        "prompt_tokens": RATES["prompt_tokens"] * reach,
        "spec_draft_tokens": drafted,
        "spec_accepted_tokens": drafted,
    }
    if not live:
        # added when a request ends, all its tokens at once
        most["generation_tokens"] = ENDED_TOKENS * reach
    first = increase.get("first_tokens")
    if live and first is not None:
        if (outputs := increase.get("decode_outputs")) is not None:
            of_outputs = OUTPUT_TOKENS * (outputs + first + sequences)
            most["generation_tokens"] = min(most["generation_tokens"], of_outputs)
        of_prompts = (first + sequences) * (limits.max_model_len or CONTEXT_TOKENS)
        most["prompt_tokens"] = min(most["prompt_tokens"], of_prompts)
    return frozenset(
        [
            quantity
            for quantity, amount in increase.items()
            if amount > 0.0 and amount > (most.get(quantity) or RATES.get(quantity, inf) * reach)
        ]
    )


def _most_sequences(state: EngineState, limits: ServerLimits) -> float:
    running = state.running
    if limits.max_num_seqs:
        return max(limits.max_num_seqs, running or 0.0)
    if running is None:
        return MOST_SEQUENCES
    return running + (state.waiting_before or 0.0) + UNSEEN_SEQUENCES


def most_sequence_seconds(
    first_tokens: float, seconds: float, engine: str, state: EngineState, limits: ServerLimits
) -> float:
    """Return the most time that sequences can have spent decoding in an interval, their sum.

    Latencies of one sequence follow each other without a gap or overlap, so each gives at most the
    time of the interval and that since its last output before: an interval, or a long step. Where
    the limit of sequences is known, no more than these ran. vLLM renews its gauges with every step:
    the sequences that gave an output ran or waited at the start, or gave their first token in the
    interval. After a stall or a preemption the time since the last output is longer, and is no
    batch that ran now.
    """
    reach = seconds + max(seconds, LONGEST_STEP)
    known = limits.max_num_seqs
    most = (_most_sequences(state, limits) if known else MOST_SEQUENCES) * reach
    if ENGINES[engine].decode_time is DecodeTime.SUM and state.running_before is not None:
        before = state.running_before + (state.waiting_before or 0.0) + UNSEEN_SEQUENCES
        most = min(most, SEQUENCES_SLACK * (before * reach + first_tokens * seconds))
    return most
