"""A vLLM server's page with what no recording has: speculation, LoRA, KV transfer, offload, sleep.

Written from the engine's metric names; every counter grows with time, so that rates are known.
"""

import json

HOST = "features"
VERSION = "0.26.0"
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_LABELS = 'engine="0",model_name="features-8b"'


def answer(path: str, now: float) -> bytes:
    """Return the server's answer to a path at a time in seconds."""
    if path == "/version":
        return json.dumps({"version": VERSION}).encode()
    if path == "/v1/models":
        return json.dumps({"data": [{"id": "features-8b"}]}).encode()
    return _page(now + 7200.0).encode() if path == "/metrics" else b"{}"


def _page(age: float) -> str:
    lines = [
        _sample("vllm:num_requests_running", 24),
        _sample("vllm:num_requests_waiting", 3),
        _sample("vllm:kv_cache_usage_perc", 0.62),
        *(_sample(name, rate * age) for name, rate in _RATES.items()),
        *(
            _sample("vllm:request_success_total", rate * age, f'finished_reason="{reason}"')
            for reason, rate in (("stop", 1.6), ("length", 0.3), ("abort", 0.05), ("error", 0.01))
        ),
        *(
            _sample(
                "vllm:spec_decode_num_accepted_tokens_per_pos_total",
                share * 400 * age,
                f'position="{position}"',
            )
            for position, share in enumerate((0.8, 0.6, 0.4))
        ),
        *(
            _sample("vllm:engine_sleep_state", value, f'sleep_state="{state}"')
            for state, value in (("awake", 1), ("weights_offloaded", 0), ("discard_all", 0))
        ),
        'vllm:lora_requests_info{max_lora="4",running_lora_adapters="a,b",'
        f'waiting_lora_adapters="c"}} {1.7e9 + age}',
        _sample("vllm:admission_rejections_total", 0.02 * age, 'reason="queue_full"'),
        f'http_requests_total{{handler="/v1/completions",method="POST",status="2xx"}} {1.9 * age}',
        f'http_requests_total{{handler="/v1/completions",method="POST",status="5xx"}} {0.01 * age}',
        *(line for name, mean, rate in _HISTOGRAMS for line in _histogram(name, mean, rate * age)),
        f"process_start_time_seconds {1_768_478_400.0 - 7200.0}",
    ]
    return "\n".join(lines) + "\n"


_RATES = {
    "vllm:prompt_tokens_total": 4000.0,
    "vllm:generation_tokens_total": 1200.0,
    "vllm:num_preemptions_total": 0.02,
    "vllm:prefix_cache_queries_total": 4000.0,
    "vllm:prefix_cache_hits_total": 2200.0,
    "vllm:external_prefix_cache_queries_total": 1800.0,
    "vllm:external_prefix_cache_hits_total": 500.0,
    "vllm:mm_cache_queries_total": 3.0,
    "vllm:mm_cache_hits_total": 2.0,
    "vllm:prompt_tokens_cached_total": 2700.0,
    "vllm:spec_decode_num_drafts_total": 400.0,
    "vllm:spec_decode_num_draft_tokens_total": 1200.0,
    "vllm:spec_decode_num_accepted_tokens_total": 720.0,
    "vllm:nixl_num_failed_transfers_total": 0.003,
    "vllm:nixl_num_kv_expired_reqs_total": 0.001,
    "vllm:kv_offload_load_bytes_total": 4e8,
    "vllm:kv_offload_store_bytes_total": 6e8,
    "vllm:kv_offload_load_time_total": 0.02,
    "vllm:kv_offload_store_time_total": 0.04,
    "vllm:corrupted_requests_total": 0.0,
    "vllm:a_name_of_tomorrow_total": 1.0,
}
_HISTOGRAMS = (
    ("vllm:time_to_first_token_seconds", 0.2, 1.9),
    ("vllm:inter_token_latency_seconds", 0.02, 1100.0),
    ("vllm:e2e_request_latency_seconds", 2.0, 1.9),
    ("vllm:nixl_xfer_time_seconds", 0.03, 1.9),
    ("vllm:nixl_bytes_transferred", 2e8, 1.9),
)


def _sample(name: str, value: float, more: str = "") -> str:
    return f"{name}{{{_LABELS}{',' if more else ''}{more}}} {value!r}"


def _histogram(name: str, mean: float, count: float) -> list[str]:
    """Return a histogram whose observations lie evenly between 0 and twice its mean."""
    bounds = _BOUNDS if mean < 10 else tuple(mean * bound for bound in _BOUNDS)
    below = [min(bound / (2 * mean), 1.0) * count for bound in bounds]
    lines = [f"# TYPE {name} histogram"]
    lines += [
        _sample(f"{name}_bucket", value, f'le="{bound}"')
        for bound, value in zip(bounds, below, strict=True)
    ]
    lines += [
        _sample(f"{name}_bucket", count, 'le="+Inf"'),
        _sample(f"{name}_sum", mean * count),
        _sample(f"{name}_count", count),
    ]
    return lines
