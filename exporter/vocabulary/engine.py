"""The canonical vocabulary: every engine family the exporter may publish, with its meaning.

Names here are without the `inferfleet_` prefix. Units are the Prometheus base units; ratios run
from 0 to 1. Every family carries the labels `target`, `engine_index` (data-parallel rank) and
`model` where the engine reports them, beside the labels listed with it.
"""

from typing import Final

from .family import Family

FAMILIES: Final = (
    Family("server_start_time_seconds", "gauge", "Unix time at which the server process started."),
    # the scheduler and its limits
    Family("requests_running", "gauge", "Requests in the running batch, prefill and decode."),
    Family(
        "requests_waiting",
        "gauge",
        "Requests not yet in the batch; by reason where the engine reports it.",
        ("reason",),
    ),
    # work done
    Family("prompt_tokens_total", "counter", "Prompt tokens of requests, cached ones included."),
    Family(
        "prompt_tokens_computed_total",
        "counter",
        "Prompt tokens the engine computed itself, as opposed to read from a cache.",
    ),
    Family(
        "prompt_tokens_cached_total",
        "counter",
        "Prompt tokens read from any prefix cache, local or external.",
    ),
    Family("generation_tokens_total", "counter", "Tokens generated."),
    Family(
        "decode_tokens_total",
        "counter",
        "Tokens after each request's first, counted as they are made; only where the engine "
        "counts generation_tokens_total at the end of a request.",
    ),
    Family("steps_total", "counter", "Engine steps observed."),
    Family("step_tokens_total", "counter", "Tokens processed in those steps."),
    Family(
        "requests_finished_total",
        "counter",
        "Requests finished; by reason where the engine reports it.",
        ("reason",),
    ),
    Family("requests_aborted_total", "counter", "Requests aborted by the client."),
    Family("requests_rejected_total", "counter", "Requests refused at admission.", ("reason",)),
    Family(
        "http_responses_total",
        "counter",
        "HTTP responses of the server by status class (2xx, 4xx, 5xx).",
        ("status",),
    ),
    # prefix caches
    Family(
        "prefix_cache_queried_tokens_total",
        "counter",
        "Prompt tokens looked up in a prefix cache (local, external).",
        ("cache",),
    ),
    Family(
        "prefix_cache_hit_tokens_total",
        "counter",
        "Prompt tokens found in a prefix cache (local, external).",
        ("cache",),
    ),
    Family("multimodal_cache_queried_items_total", "counter", "Multimodal items looked up."),
    Family("multimodal_cache_hit_items_total", "counter", "Multimodal items found."),
    # KV cache
    Family("kv_cache_usage_ratio", "gauge", "Share of the KV cache in use."),
    Family("kv_cache_capacity_tokens", "gauge", "Tokens the KV cache of one engine holds."),
    Family("preemptions_total", "counter", "Requests thrown out of the batch for lack of KV."),
    # speculative decoding
    Family("spec_decode_drafts_total", "counter", "Drafts proposed."),
    Family("spec_decode_draft_tokens_total", "counter", "Draft tokens proposed."),
    Family("spec_decode_accepted_tokens_total", "counter", "Draft tokens accepted."),
    Family(
        "spec_decode_accepted_tokens_per_position_total",
        "counter",
        "Draft tokens accepted, by their position in the draft (from 0).",
        ("position",),
    ),
    Family(
        "spec_decode_accept_length",
        "gauge",
        "Mean tokens per verification step, the bonus token included, as last reported.",
    ),
    Family("spec_decode_accept_ratio", "gauge", "Share of draft tokens accepted, last reported."),
    # KV transfer and offload
    Family("kv_transfer_failures_total", "counter", "KV transfers failed.", ("connector",)),
    Family("kv_transfer_expired_total", "counter", "KV blocks given up waiting.", ("connector",)),
    Family("kv_transfer_seconds", "histogram", "Time of one KV transfer.", ("connector",)),
    Family("kv_transfer_bytes", "histogram", "Size of one KV transfer.", ("connector",)),
    Family("kv_offload_bytes_total", "counter", "KV bytes moved by offloading.", ("direction",)),
    Family("kv_offload_seconds_total", "counter", "Seconds spent moving KV.", ("direction",)),
    # LoRA, sleep, parallel load
    Family("lora_max_adapters", "gauge", "LoRA adapters that fit in one batch."),
    Family("lora_running_adapters", "gauge", "LoRA adapters with running requests."),
    Family("lora_waiting_adapters", "gauge", "LoRA adapters with waiting requests."),
    Family("sleeping", "gauge", "1 while the engine sleeps (weights offloaded or discarded)."),
    Family("corrupted_requests_total", "counter", "Requests with NaN in their logits."),
    # latencies and lengths, in the engine's own buckets
    Family("time_to_first_token_seconds", "histogram", "Arrival to first token."),
    Family(
        "inter_token_latency_seconds",
        "histogram",
        "Time between two outputs of a request (vLLM: per engine output; SGLang: per token).",
    ),
    Family(
        "time_per_output_token_seconds",
        "histogram",
        "Mean time per output token of one finished request.",
    ),
    Family("request_latency_seconds", "histogram", "Arrival to last token of a request."),
    Family("queue_seconds", "histogram", "Time a request waited before it was first scheduled."),
    Family("prefill_seconds", "histogram", "First scheduled to first token."),
    Family("decode_seconds", "histogram", "First to last token."),
    # `request_` keeps these apart from the counters: OpenMetrics strips `_total` from family names.
    Family("request_prompt_tokens", "histogram", "Prompt tokens per request."),
    Family("request_completion_tokens", "histogram", "Generated tokens per request."),
    Family(
        "request_prompt_tokens_computed",
        "histogram",
        "Prompt tokens per request that no cache held.",
    ),
)

BY_NAME: Final = {family.name: family for family in FAMILIES}
HISTOGRAMS: Final = frozenset(family.name for family in FAMILIES if family.kind == "histogram")
BUCKETS: Final = (
    "time_to_first_token_seconds",
    "inter_token_latency_seconds",
    "request_latency_seconds",
    "request_prompt_tokens",
    "request_completion_tokens",
    "kv_transfer_seconds",
)
"""Histograms whose buckets rules and dashboards read, which are published unless told otherwise."""
