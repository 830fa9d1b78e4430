"""What an engine can have done in an interval."""

from typing import Any

import pytest

from exporter.derive.counters.limits import ServerLimits
from exporter.derive.counters.plausibility import (
    EngineState,
    impossible_counts,
    most_sequence_seconds,
)

IDLE = EngineState(0, 0, 0)
BUSY = EngineState(256, 256, 40)
UNLIMITED = ServerLimits()


def impossible(
    engine: str = "vllm",
    state: EngineState = BUSY,
    limits: ServerLimits = UNLIMITED,
    **increase: float,
) -> set[str]:
    return set(impossible_counts(increase, 5.0, engine, state, limits))


@pytest.mark.parametrize(
    "increase",
    [
        # a large server: 50 000 tokens/s, prompts of 100 000 tokens/s
        {
            "generation_tokens": 250_000,
            "decode_outputs": 249_000,
            "first_tokens": 1000,
            "prompt_tokens": 500_000,
            "prompt_tokens_computed": 500_000,
            "steps": 250,
        },
        # speculation, eight tokens an output
        {"generation_tokens": 80_000, "decode_outputs": 10_000, "first_tokens": 10},
        # one prompt of a million tokens, most of it from a cache
        {"first_tokens": 1, "prompt_tokens": 1_000_000, "prompt_tokens_cached": 990_000},
        {},
    ],
)
def test_what_engines_do_is_possible(increase: dict[str, Any]) -> None:
    assert impossible(**increase) == set()


def test_short_requests_between_two_samples_are_possible() -> None:
    assert impossible(state=IDLE, generation_tokens=40_000, decode_outputs=40_000) == set()


@pytest.mark.parametrize(
    ("increase", "state"),
    [
        ({"generation_tokens": 5e8}, BUSY),
        ({"generation_tokens": 2e6}, IDLE),
        # tokens that no output brought
        ({"generation_tokens": 1e6, "decode_outputs": 500, "first_tokens": 4}, BUSY),
        ({"prompt_tokens": 4e9, "first_tokens": 3}, BUSY),
        ({"prompt_tokens_computed": 5e8}, BUSY),
        ({"first_tokens": 2e6}, BUSY),
    ],
)
def test_lifetimes_are_not_work(increase: dict[str, Any], state: EngineState) -> None:
    assert impossible(state=state, **increase) == set(increase) - (
        {"decode_outputs", "first_tokens"} if len(increase) > 1 else set()
    )


def test_known_limits_make_the_bounds_tighter() -> None:
    limits = ServerLimits(max_num_seqs=4, max_model_len=8192)
    assert impossible(limits=limits, state=IDLE, generation_tokens=5e5) == {"generation_tokens"}
    prompts: dict[str, Any] = {"first_tokens": 10.0, "prompt_tokens": 1_000_000.0}
    assert impossible(limits=limits, state=IDLE, **prompts) == {"prompt_tokens"}
    assert impossible(state=IDLE, **prompts) == set()


def test_tokens_that_sglang_counts_as_requests_end_come_at_once() -> None:
    ended: dict[str, Any] = {"generation_tokens": 256 * 32_000.0}
    assert impossible("sglang", IDLE, **ended) == set()
    assert impossible("sglang", IDLE, decode_tokens=256 * 32_000.0) == {"decode_tokens"}
    assert impossible("sglang", EngineState(None, None, None), decode_tokens=8e6) == set()


def test_time_decoding_is_bounded_by_the_sequences_that_ran() -> None:
    def most(engine: str, state: EngineState, limits: ServerLimits = UNLIMITED) -> float:
        return most_sequence_seconds(20, 5.0, engine, state, limits)

    assert most("vllm", EngineState(40, 0, 0)) == 2 * ((40 + 16) * 15 + 20 * 5)
    assert most("vllm", EngineState(40, 0, 0), ServerLimits(max_num_seqs=32)) == 40 * 15
    # gauges of SGLang are renewed now and then
    assert most("sglang", EngineState(0, 0, 0)) > 4096 * 15
    assert most("sglang", EngineState(0, 8, 0), ServerLimits(max_num_seqs=32)) == 32 * 15


def test_a_long_step_is_no_stall_however_short_the_interval() -> None:
    def most(seconds: float) -> float:
        return most_sequence_seconds(0, seconds, "vllm", BUSY, ServerLimits(max_num_seqs=256))

    assert 256 * 8 < most(0.2) < 256 * 60
