"""Sizing hints: what they see, when they advise, and what they say is missing before."""

from dataclasses import replace

import pytest

from exporter.derive.counters.histogram import Quantile
from exporter.derive.counters.limits import ServerLimits
from exporter.top.statistics.evidence import Evidence, evidence
from exporter.top.statistics.hints import LEAST_LIFETIME, LEAST_REQUESTS, LEAST_SECONDS, Hint, hints
from exporter.top.statistics.peaks import Peaks
from tests.pages import snapshot

PEAKS = Peaks(
    seconds=7200,
    busy_seconds=3600,
    running=40,
    engine_running=40,
    waiting=0,
    kv_usage=0.6,
    token_budget=0.5,
)
KNOWN = Evidence(
    ServerLimits(max_num_seqs=64, max_num_batched_tokens=8192, gpus=1, max_model_len=16384),
    PEAKS,
    lifetime=7200,
    requests=3000,
    longest_prompt=Quantile(9000.0, 5000.0, 10000.0),
    longest_completion=Quantile(400.0, 200.0, 500.0),
    looked_up=1e6,
    hits=4e5,
    preemptions=0,
    kv_capacity=100000,
)
SETTINGS = ["max_num_seqs", "max_model_len", "KV cache", "max_num_batched_tokens", "prefix caching"]


def hint(setting: str, known: Evidence) -> Hint:
    return next(each for each in hints(known) if each.setting == setting)


def test_what_fits_is_said_to_fit() -> None:
    assert [(h.setting, h.state, h.advice) for h in hints(KNOWN)] == [
        (name, "fits", "") for name in SETTINGS
    ]


def test_what_is_unknown_has_no_hint() -> None:
    assert hints(Evidence(ServerLimits(), Peaks())) == ()


def test_a_batch_never_needed_names_what_would_have_held_it() -> None:
    found = hint("max_num_seqs", replace(KNOWN, peaks=replace(PEAKS, engine_running=12)))
    assert found.state == "change"
    assert found.seen == (
        "At most 12 of 64 sequences ran in an engine and 0 requests waited, in 60 min with work."
    )
    assert "A limit of 12 would have held every sample" in found.advice
    assert (found.need, found.given) == (12, 64)


@pytest.mark.parametrize(
    ("usage", "advice"), [(0.6, "A higher limit would let more run"), (0.95, "change little")]
)
def test_a_full_batch_with_a_queue_depends_on_the_cache(usage: float, advice: str) -> None:
    peaks = replace(PEAKS, engine_running=64, waiting=9, kv_usage=usage)
    assert advice in hint("max_num_seqs", replace(KNOWN, peaks=peaks)).advice


def test_a_context_never_needed_names_its_bound_and_its_confidence() -> None:
    known = replace(
        KNOWN,
        longest_prompt=Quantile(1800.0, 1000.0, 2000.0),
        longest_completion=Quantile(None, None, 200.0),
    )
    found = hint("max_model_len", known)
    assert found.need == 2200
    # 3 / 3000
    assert "A limit of 2,200 would have refused none (at most 0.1% of requests" in found.advice
    assert found.seen == (
        "The longest prompt had at most 2,000 tokens, the longest completion had at most 200 "
        "tokens, of 16,384 tokens that a request may have; 3,000 requests since its start 2.0 h "
        "ago."
    )


def test_a_prompt_beyond_the_last_bucket_has_no_bound() -> None:
    found = hint("max_model_len", replace(KNOWN, longest_prompt=Quantile(None, 5000.0, None)))
    assert found.state == "fits"
    assert found.need is None
    assert "The longest prompt had more than 5,000 tokens" in found.seen


def test_preemptions_are_advised_on_at_once() -> None:
    known = replace(KNOWN, preemptions=3, peaks=replace(PEAKS, busy_seconds=4))
    found = hint("KV cache", known)
    assert found.state == "change"
    assert "3 requests preempted since its start 2.0 h ago" in found.seen


def test_a_cache_half_empty_leaves_room() -> None:
    found = hint("KV cache", replace(KNOWN, peaks=replace(PEAKS, kv_usage=0.2)))
    assert found.state == "change"
    assert "At most 20% was in use, 20,000 of an engine's 100,000 tokens" in found.seen
    assert "6.1 requests of max_model_len fit at once" in found.seen


def test_full_steps_name_the_price_of_larger_ones() -> None:
    found = hint("max_num_batched_tokens", replace(KNOWN, peaks=replace(PEAKS, token_budget=0.9)))
    assert found.state == "change"
    assert found.need == pytest.approx(0.9 * 8192)


def test_a_prefix_cache_that_finds_nothing_is_said() -> None:
    found = hint("prefix caching", replace(KNOWN, hits=2000.0))
    assert found.state == "change"
    assert found.seen == (
        "0.2% of 1,000,000 prompt tokens looked up were found since its start 2.0 h ago: 2,000 "
        "tokens. At least 40% of the KV cache was left to it."
    )


def test_a_prefix_cache_that_is_off_cannot_be_judged() -> None:
    found = hint("prefix caching", replace(KNOWN, prefix_caching=False))
    assert found.state == "too_little_data"


def test_too_little_data_says_how_much_is_missing_and_advises_nothing() -> None:
    young = replace(
        KNOWN, peaks=replace(PEAKS, busy_seconds=LEAST_SECONDS - 60, engine_running=1, kv_usage=0.1)
    )
    for setting in ("max_num_seqs", "KV cache", "max_num_batched_tokens"):
        found = hint(setting, young)
        assert found.state == "too_little_data"
        assert found.advice == "Too early to say; missing: 60 s with work."
    few = replace(
        KNOWN,
        requests=LEAST_REQUESTS - 90,
        lifetime=LEAST_LIFETIME - 1800,
        longest_prompt=Quantile(None, None, 1.0),
        hits=0.0,
    )
    for setting in ("max_model_len", "prefix caching"):
        found = hint(setting, few)
        assert found.state == "too_little_data"
        assert found.advice == (
            "Too early to say; missing: 90 more requests, 30 min since its start."
        )
    uncounted = replace(KNOWN, requests=None)
    assert "does not count its requests" in hint("prefix caching", uncounted).advice


def test_evidence_is_read_off_the_page() -> None:
    labels = 'engine="0",model_name="m"'
    text = "process_start_time_seconds 1000\n"
    for name, counts in (("prompt", (4, 6, 6)), ("generation", (0, 6, 6))):
        for bound, count in zip(("100.0", "200.0", "+Inf"), counts, strict=True):
            text += f'vllm:request_{name}_tokens_bucket{{{labels},le="{bound}"}} {count}\n'
        text += f"vllm:request_{name}_tokens_count{{{labels}}} 6\n"
        text += f"vllm:request_{name}_tokens_sum{{{labels}}} 600\n"
    text += f"vllm:num_preemptions_total{{{labels}}} 2\n"
    text += f"vllm:prefix_cache_queries_total{{{labels}}} 600\n"
    text += f"vllm:prefix_cache_hits_total{{{labels}}} 90\n"
    found = evidence(snapshot(text, "0.26.0"), ServerLimits(), PEAKS, 4600.0, True)
    assert found.lifetime == 3600
    assert found.requests == 6
    assert found.longest_prompt == Quantile(200.0, 100.0, 200.0)
    assert found.longest_completion == Quantile(200.0, 100.0, 200.0)
    assert (found.looked_up, found.hits, found.preemptions) == (600, 90, 2)
    assert found.kv_capacity is None
