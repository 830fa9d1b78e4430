"""The Server dashboard's queries: one server, chosen by `target`."""

from typing import Final

from .base import (
    EXPORTER,
    INFO,
    Query,
    buckets,
    mean,
    quantile,
    quantiles,
    rate,
    ratio,
    resolution,
    series,
    total,
)

BOUNDS: Final = ("demand", "sequences", "token_budget", "kv_cache")

UP: Final = Query(series("target_up"), "up")
RELEASE: Final = Query(INFO, "{{engine}} {{release}}")
STALLED: Final = Query(f"max({series('engine_stalled')})", "stalled")
BOUND_NOW: Final = Query(f"{series('bound')} == 1", "{{by}}")
TOKENS_PER_GPU: Final = Query(series("generation_tokens_per_second_per_gpu"), "generated")
PROMPT_PER_GPU: Final = Query(series("prompt_tokens_per_second_per_gpu"), "prompt")
COMPUTED_PER_GPU: Final = Query(
    series("prompt_tokens_computed_per_second_per_gpu"), "prompt computed"
)
OCCUPANCY: Final = Query(series("batch_occupancy_ratio"), "batch")
BUDGET: Final = Query(series("token_budget_ratio"), "token budget")
KV_NOW: Final = Query(f"max({series('kv_cache_usage_ratio')})", "fullest engine")
WAITING_NOW: Final = Query(total(series("requests_waiting")), "waiting")
AGE: Final = Query(f"time() - max({series('server_start_time_seconds')})", "up for")
GPUS: Final = Query(series("gpus"), "{{source}}")
JOULES: Final = Query(series("joules_per_token"), "per generated token")

GENERATED: Final = Query(total(rate("generation_tokens_total")), "generated")
PROMPT: Final = Query(total(rate("prompt_tokens_total")), "prompt")
COMPUTED: Final = Query(total(rate("prompt_tokens_computed_total")), "prompt computed")
CACHED: Final = Query(total(rate("prompt_tokens_cached_total")), "prompt from a cache")
FINISHED: Final = Query(total(rate("requests_finished_total"), "reason"), "{{reason}}")
STEPS: Final = Query(total(rate("steps_total")), "steps")
STEP_TOKENS: Final = Query(
    ratio(total(rate("step_tokens_total")), total(rate("steps_total"))), "tokens per step"
)
STEP_LIMIT: Final = Query(series("max_batched_tokens"), "limit")
IDLE: Final = Query(f"1 - avg({rate('steps_total')} > bool 0)", "engines idle")
TOKENS_OF_REQUEST: Final = Query(
    ratio(total(rate("generation_tokens_total")), total(rate("requests_finished_total"))),
    "generated per request",
)

FIRST_TOKEN: Final = quantiles("time_to_first_token_seconds")
BETWEEN_TOKENS: Final = quantiles("inter_token_latency_seconds")
PER_OUTPUT_TOKEN: Final = quantiles("time_per_output_token_seconds")
REQUEST: Final = quantiles("request_latency_seconds")
FIRST_TOKEN_BUCKETS: Final = buckets("time_to_first_token_seconds")
BETWEEN_TOKENS_BUCKETS: Final = buckets("inter_token_latency_seconds")
REQUEST_BUCKETS: Final = buckets("request_latency_seconds")
PHASE_MEANS: Final = tuple(
    Query(mean(f"{phase}_seconds"), phase) for phase in ("queue", "prefill", "decode")
)
PHASE_P95: Final = tuple(
    Query(quantile(0.95, f"{phase}_seconds"), phase) for phase in ("queue", "prefill", "decode")
)
RESOLUTION: Final = tuple(
    Query(resolution(q, histogram), f"{name} p{q * 100:g}")
    for name, histogram in (
        ("first token", "time_to_first_token_seconds"),
        ("between tokens", "inter_token_latency_seconds"),
        ("request", "request_latency_seconds"),
    )
    for q in (0.5, 0.99)
)

RUNNING: Final = Query(
    total(series("requests_running"), "engine_index"), "running {{engine_index}}"
)
WAITING: Final = Query(total(series("requests_waiting"), "reason"), "waiting {{reason}}")
SEATS: Final = Query(series("max_running_requests"), "limit of one engine")
DECODE_BATCH: Final = Query(series("decode_batch_size"), "decoding, by Little's law")
_BOUND: Final = (total(series("bound", f'by="{by}"')) for by in BOUNDS)
BOUND: Final = Query(" + ".join(f"{i} * {one}" for i, one in enumerate(_BOUND, 1)), "bound by")
PREEMPTIONS: Final = Query(total(rate("preemptions_total")), "preempted")

KV_USAGE: Final = Query(series("kv_cache_usage_ratio"), "engine {{engine_index}}")
KV_CAPACITY: Final = Query(total(series("kv_cache_capacity_tokens")), "capacity")
KV_RESIDENT: Final = Query(
    f"sum({series('kv_cache_usage_ratio')} * {series('kv_cache_capacity_tokens')})", "in use"
)
HIT_RATIO: Final = Query(series("prefix_cache_hit_ratio"), "{{cache}}")
CACHED_RATIO: Final = Query(series("prompt_cached_ratio"), "prompt tokens from a cache")
PROMPT_LENGTH: Final = Query(mean("request_prompt_tokens"), "prompt")
COMPUTED_LENGTH: Final = Query(mean("request_prompt_tokens_computed"), "computed of it")
COMPLETION_LENGTH: Final = Query(mean("request_completion_tokens"), "generated")
PROMPT_P95: Final = Query(quantile(0.95, "request_prompt_tokens"), "prompt p95")
COMPLETION_P95: Final = Query(quantile(0.95, "request_completion_tokens"), "generated p95")
PROMPT_BUCKETS: Final = buckets("request_prompt_tokens")
COMPLETION_BUCKETS: Final = buckets("request_completion_tokens")

_DRAFTED: Final = total(rate("spec_decode_draft_tokens_total"))
_ACCEPTED: Final = total(rate("spec_decode_accepted_tokens_total"))
_DRAFTS: Final = total(rate("spec_decode_drafts_total"))
ACCEPT_RATIO: Final = Query(
    f"{ratio(_ACCEPTED, _DRAFTED)} or {series('spec_decode_accept_ratio')}", "accepted"
)
ACCEPT_LENGTH: Final = Query(
    f"1 + {ratio(_ACCEPTED, _DRAFTS)} or {series('spec_decode_accept_length')}", "tokens per step"
)
BY_POSITION: Final = Query(
    f"sum by (position) ({rate('spec_decode_accepted_tokens_per_position_total')})"
    f" / on () group_left () ({_DRAFTS} > 0)",
    "position {{position}}",
)
DRAFTED: Final = Query(_DRAFTED, "drafted")
ACCEPTED: Final = Query(_ACCEPTED, "accepted")
REJECTED: Final = Query(f"{_DRAFTED} - {_ACCEPTED}", "rejected")
FROM_DRAFTS: Final = Query(
    ratio(_ACCEPTED, total(rate("generation_tokens_total"))), "output from drafts"
)
DRAFTS: Final = Query(_DRAFTS, "drafts")

TRANSFER_MEAN: Final = Query(mean("kv_transfer_seconds", "connector"), "{{connector}} mean")
TRANSFER_P95: Final = Query(
    f"histogram_quantile(0.95, {total(rate('kv_transfer_seconds_bucket'), 'le, connector')})",
    "{{connector}} p95",
)
TRANSFER_RATE: Final = Query(
    total(rate("kv_transfer_bytes_sum"), "connector"), "{{connector}} moved"
)
TRANSFER_SPEED: Final = Query(
    ratio(
        total(rate("kv_transfer_bytes_sum"), "connector"),
        total(rate("kv_transfer_seconds_sum"), "connector"),
    ),
    "{{connector}} while moving",
)
TRANSFER_FAILURES: Final = Query(
    total(rate("kv_transfer_failures_total"), "connector"), "{{connector}} failed"
)
TRANSFER_EXPIRED: Final = Query(
    total(rate("kv_transfer_expired_total"), "connector"), "{{connector}} expired"
)
OFFLOADED: Final = Query(total(rate("kv_offload_bytes_total"), "direction"), "{{direction}}")
OFFLOAD_SPEED: Final = Query(
    ratio(
        total(rate("kv_offload_bytes_total"), "direction"),
        total(rate("kv_offload_seconds_total"), "direction"),
    ),
    "{{direction}} while moving",
)

LORA_RUNNING: Final = Query(total(series("lora_running_adapters")), "running")
LORA_WAITING: Final = Query(total(series("lora_waiting_adapters")), "waiting")
LORA_MAX: Final = Query(f"max({series('lora_max_adapters')})", "fit in a batch")

RESPONSES: Final = Query(total(rate("http_responses_total"), "status"), "{{status}}")
REJECTIONS: Final = Query(total(rate("requests_rejected_total"), "reason"), "rejected {{reason}}")
ABORTED: Final = Query(total(rate("requests_aborted_total")), "aborted by the client")
CORRUPTED: Final = Query(total(rate("corrupted_requests_total")), "NaN in the logits")
SLEEPING: Final = Query(series("sleeping"), "engine {{engine_index}}")
RESTARTS: Final = Query(
    f"increase({series('server_restarts_total')}[$__rate_interval])", "restarts"
)

_USED: Final = f"max by (job, instance, uuid, target) ({series('server_gpu_info')})"
GPU_POWER: Final = Query(
    f"{_USED} * on (job, instance, uuid) group_right (target) "
    f"{series('gpu_power_watts', of=EXPORTER)}",
    "{{uuid}}",
)
