"""Sizing hints: what a server has needed against what it was given, and what might change.

A hint says what might change after `LEAST_SECONDS` with work in view, or, where it rests on what
the server counts itself, after `LEAST_REQUESTS` and `LEAST_LIFETIME` seconds; until then it says
how much is missing. With n requests none of which was longer, at most 3/n of all are, with 95 %
confidence (the rule of three, Hanley and Lippman-Hand 1983).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ...base.units import format_duration
from ...base.untrusted import finite
from ...derive.bound import FULL_BATCH, FULL_BUDGET, FULL_CACHE
from ...derive.counters.histogram import Quantile
from .evidence import Evidence

LEAST_SECONDS: Final = 600.0
LEAST_REQUESTS: Final = 300.0
LEAST_LIFETIME: Final = 3600.0
AMPLE: Final = 0.5
"""A need of at most this share of what was given leaves room worth naming."""
USELESS: Final = 0.01
"""A prefix cache that finds a smaller share of what is looked up saves next to nothing."""

State = Literal["change", "fits", "too_little_data"]


@dataclass(frozen=True, slots=True)
class Hint:
    """What was seen of one setting, and what might change.

    `need` is the most that was needed and `given` the setting, in the setting's unit; `advice` is
    empty where it fits, and says how much is missing where there is too little data.
    """

    setting: str
    state: State
    seen: str
    advice: str
    need: float | None = None
    given: float | None = None


def hints(evidence: Evidence) -> tuple[Hint, ...]:
    """Return a hint on each setting that is known."""
    return tuple(_hints(evidence))


def _hints(evidence: Evidence) -> Iterator[Hint]:
    if evidence.limits.max_num_seqs is not None and evidence.peaks.engine_running is not None:
        yield _sequences(evidence, evidence.limits.max_num_seqs, evidence.peaks.engine_running)
    if evidence.limits.max_model_len is not None and evidence.longest_prompt is not None:
        yield _context(evidence, evidence.limits.max_model_len, evidence.longest_prompt)
    if evidence.peaks.kv_usage is not None:
        yield _kv_cache(evidence, evidence.peaks.kv_usage)
    if (
        evidence.limits.max_num_batched_tokens is not None
        and evidence.peaks.token_budget is not None
    ):
        yield _token_budget(evidence, evidence.peaks.token_budget)
    if evidence.prefix_caching is False:
        yield Hint(
            "prefix caching", "too_little_data", "It is off.", "What it would find cannot be seen."
        )
    elif evidence.looked_up and evidence.hits is not None:
        yield _prefix_cache(evidence, evidence.looked_up, evidence.hits)


def _sequences(evidence: Evidence, limit: float, running: float) -> Hint:
    peaks = evidence.peaks
    seen = f"At most {_integer(running)} of {_integer(limit)} sequences ran in an engine"
    if peaks.waiting is not None:
        seen += f" and {_integer(peaks.waiting)} requests waited"
    seen += f", in {format_duration(peaks.busy_seconds)} with work."
    full = running >= FULL_BATCH * limit and bool(peaks.waiting)
    if missing := _missing_time(evidence):
        return Hint("max_num_seqs", "too_little_data", seen, missing, running, limit)
    if full and peaks.kv_usage is not None and peaks.kv_usage >= FULL_CACHE:
        advice = (
            f"The KV cache was {peaks.kv_usage:.0%} full as well: a higher limit alone would "
            "change little."
        )
    elif full:
        advice = "A higher limit would let more run at once, at more time per token for each."
    elif running <= AMPLE * limit:
        advice = (
            f"A limit of {_integer(running)} would have held every sample; a lower one bounds the "
            "time per token under a rush, and the memory for captured graphs."
        )
    else:
        return Hint("max_num_seqs", "fits", seen, "", running, limit)
    return Hint("max_num_seqs", "change", seen, advice, running, limit)


def _context(evidence: Evidence, limit: float, prompt: Quantile) -> Hint:
    requests, completion = evidence.requests or 0.0, evidence.longest_completion
    longest = f"The longest prompt {_bucket(prompt)}"
    if completion is not None:
        longest += f", the longest completion {_bucket(completion)}"
    given = f"of {_integer(limit)} tokens that a request may have"
    seen = f"{longest}, {given}; {_integer(requests)} requests{_since_start(evidence)}."
    if missing := _missing_requests(evidence):
        return Hint("max_model_len", "too_little_data", seen, missing, None, limit)
    most = _sum(prompt.upper, completion.upper if completion else 0.0)
    if most is not None and most <= AMPLE * limit:
        advice = (
            f"A limit of {_integer(most)} would have refused none (at most {3.0 / requests:.1%} of "
            "requests are longer, with 95 % confidence); it bounds what one request may take of "
            "the KV cache."
        )
        return Hint("max_model_len", "change", seen, advice, most, limit)
    return Hint("max_model_len", "fits", seen, "", most, limit)


def _kv_cache(evidence: Evidence, usage: float) -> Hint:
    peaks, capacity = evidence.peaks, evidence.kv_capacity
    need = None if capacity is None else finite(usage * capacity)
    seen = f"At most {_share(usage)} was in use"
    if need is not None and capacity is not None:
        seen += f", {_integer(need)} of an engine's {_integer(capacity)} tokens"
    seen += f", in {format_duration(peaks.busy_seconds)} with work"
    if evidence.preemptions is not None:
        seen += f"; {_integer(evidence.preemptions)} requests preempted{_since_start(evidence)}"
    if capacity is not None and evidence.limits.max_model_len:
        longest = capacity / evidence.limits.max_model_len
        seen += f". {longest:.1f} requests of max_model_len fit at once"
    if evidence.preemptions:
        advice = (
            "Preempted requests are computed again: more memory for the cache "
            "(gpu_memory_utilization, mem_fraction_static), a smaller kv_cache_dtype, or fewer "
            "sequences would avoid it."
        )
        return Hint("KV cache", "change", f"{seen}.", advice, need, capacity)
    if missing := _missing_time(evidence):
        return Hint("KV cache", "too_little_data", f"{seen}.", missing, need, capacity)
    if usage <= AMPLE:
        advice = (
            "There is room for more sequences or longer requests; what is not in use holds the "
            "prefix cache."
        )
        return Hint("KV cache", "change", f"{seen}.", advice, need, capacity)
    return Hint("KV cache", "fits", f"{seen}.", "", need, capacity)


def _token_budget(evidence: Evidence, share: float) -> Hint:
    limit = evidence.limits.max_num_batched_tokens or 0.0
    seen = (
        f"A step held {_share(share)} of {_integer(limit)} tokens, as a mean of the fullest "
        f"window, in {format_duration(evidence.peaks.busy_seconds)} with work."
    )
    name, need = "max_num_batched_tokens", share * limit
    if missing := _missing_time(evidence):
        return Hint(name, "too_little_data", seen, missing, need, limit)
    if share >= FULL_BUDGET:
        advice = (
            "A larger budget would take prompts in faster, at longer steps for those that decode."
        )
        return Hint(name, "change", seen, advice, need, limit)
    return Hint(name, "fits", seen, "", need, limit)


def _prefix_cache(evidence: Evidence, looked_up: float, hits: float) -> Hint:
    share = hits / looked_up
    seen = (
        f"{_share(share)} of {_integer(looked_up)} prompt tokens looked up were "
        f"found{_since_start(evidence)}: {_integer(hits)} tokens."
    )
    if evidence.peaks.kv_usage is not None:
        unused = _share(max(1.0 - evidence.peaks.kv_usage, 0.0))
        seen += f" At least {unused} of the KV cache was left to it."
    if missing := _missing_requests(evidence):
        return Hint("prefix caching", "too_little_data", seen, missing, share)
    if share < USELESS:
        advice = (
            "It saves next to nothing at this traffic: see whether prompts begin alike, and "
            "whether those that do reach the same server."
        )
        return Hint("prefix caching", "change", seen, advice, share)
    return Hint("prefix caching", "fits", seen, "", share)


def _missing_time(evidence: Evidence) -> str:
    missing = LEAST_SECONDS - evidence.peaks.busy_seconds
    if missing <= 0:
        return ""
    return f"Too early to say; missing: {format_duration(missing)} with work."


def _missing_requests(evidence: Evidence) -> str:
    if evidence.requests is None:
        return "It cannot be said: the server does not count its requests."
    requests = LEAST_REQUESTS - evidence.requests
    seconds = LEAST_LIFETIME - (LEAST_LIFETIME if evidence.lifetime is None else evidence.lifetime)
    missing = [f"{_integer(requests)} more requests"] if requests > 0 else []
    missing += [f"{format_duration(seconds)} since its start"] if seconds > 0 else []
    return f"Too early to say; missing: {', '.join(missing)}." if missing else ""


def _since_start(evidence: Evidence) -> str:
    if evidence.lifetime is None:
        return " since the server's start"
    return f" since its start {format_duration(evidence.lifetime)} ago"


def _bucket(bucket: Quantile) -> str:
    if bucket.upper is None:
        return f"had more than {_integer(bucket.lower or 0.0)} tokens"
    return f"had at most {_integer(bucket.upper)} tokens"


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


def _integer(number: float) -> str:
    return f"{number:,.0f}"


def _share(share: float) -> str:
    return f"{share:.1%}" if 0 < share < 0.0995 else f"{share:.0%}"
