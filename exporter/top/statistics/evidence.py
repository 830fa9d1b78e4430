"""What sizing hints rest on, gathered from a server's newest page and what was seen before."""

from dataclasses import dataclass

from ...derive.counters.histogram import Quantile
from ...derive.counters.limits import ServerLimits
from ...engines.plan import Snapshot
from .peaks import Peaks
from .rolling import lifetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a server's needs; None where unknown.

    `peaks` are those since it is watched. The others are from counters, so since the server's start
    `lifetime` seconds ago: `requests` that finished, the buckets of the longest prompt and the
    longest completion, prompt tokens looked up in the prefix cache and found there, and requests
    preempted. `kv_capacity` is what the KV cache of one engine holds, in tokens.
    """

    limits: ServerLimits
    peaks: Peaks
    lifetime: float | None = None
    requests: float | None = None
    longest_prompt: Quantile | None = None
    longest_completion: Quantile | None = None
    looked_up: float | None = None
    hits: float | None = None
    preemptions: float | None = None
    kv_capacity: float | None = None
    prefix_caching: bool | None = None


def evidence(
    snapshot: Snapshot,
    limits: ServerLimits,
    peaks: Peaks,
    unix: float,
    prefix_caching: bool | None,
) -> Evidence:
    """Return the evidence of a page received at Unix time `unix`, in seconds."""
    start = snapshot.largest("server_start_time_seconds")
    prompts = lifetime(snapshot, "request_prompt_tokens")
    completions = lifetime(snapshot, "request_completion_tokens")
    return Evidence(
        limits=limits,
        peaks=peaks,
        lifetime=None if start is None else max(unix - start, 0.0),
        requests=prompts.count if prompts else snapshot.total("requests_finished_total"),
        longest_prompt=prompts.largest if prompts else None,
        longest_completion=completions.largest if completions else None,
        looked_up=snapshot.total("prefix_cache_queried_tokens_total", cache="local"),
        hits=snapshot.total("prefix_cache_hit_tokens_total", cache="local"),
        preemptions=snapshot.total("preemptions_total"),
        kv_capacity=snapshot.largest("kv_cache_capacity_tokens"),
        prefix_caching=prefix_caching,
    )
