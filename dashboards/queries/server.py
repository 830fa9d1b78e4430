"""The Server dashboard's queries: one server, chosen by `target`."""

from typing import Final

from .base import (
    EXPORTER_MATCHERS,
    SERVER_INFO,
    Query,
    buckets,
    mean,
    quantile,
    quantiles,
    rate,
    ratio,
    resolution,
    selector,
    sum_by,
)

BOUNDS: Final = ("demand", "sequences", "token_budget", "kv_cache")

UP: Final = Query(selector("target_up"), "up")
RELEASE: Final = Query(SERVER_INFO, "{{engine}} {{release}}")
STALLED: Final = Query(
    f"max({selector('engine_stalled')}) + max({selector('engine_no_progress')})", "stalled"
)
BOUND_NOW: Final = Query(f"{selector('bound')} == 1", "{{by}}")
TOKENS_PER_GPU: Final = Query(selector("generation_tokens_per_second_per_gpu"), "generated")
PROMPT_PER_GPU: Final = Query(selector("prompt_tokens_per_second_per_gpu"), "prompt")
COMPUTED_PER_GPU: Final = Query(
    selector("prompt_tokens_computed_per_second_per_gpu"), "prompt computed"
)
OCCUPANCY: Final = Query(selector("batch_occupancy_ratio"), "batch")
BUDGET: Final = Query(selector("token_budget_ratio"), "token budget")
KV_NOW: Final = Query(f"max({selector('kv_cache_usage_ratio')})", "fullest engine")
WAITING_NOW: Final = Query(sum_by(selector("requests_waiting")), "waiting")
AGE: Final = Query(f"time() - max({selector('server_start_time_seconds')})", "up for")
GPUS: Final = Query(selector("gpus"), "{{source}}")
JOULES: Final = Query(selector("joules_per_token"), "per generated token")

GENERATED: Final = Query(sum_by(rate("generation_tokens_total")), "generated")
PROMPT: Final = Query(sum_by(rate("prompt_tokens_total")), "prompt")
COMPUTED: Final = Query(sum_by(rate("prompt_tokens_computed_total")), "prompt computed")
CACHED: Final = Query(sum_by(rate("prompt_tokens_cached_total")), "prompt from a cache")
FINISHED: Final = Query(sum_by(rate("requests_finished_total"), "reason"), "{{reason}}")
STEPS: Final = Query(sum_by(rate("steps_total")), "steps")
STEP_TOKENS: Final = Query(
    ratio(sum_by(rate("step_tokens_total")), sum_by(rate("steps_total"))), "tokens per step"
)
STEP_LIMIT: Final = Query(selector("max_batched_tokens"), "limit")
IDLE: Final = Query(f"1 - avg({rate('steps_total')} > bool 0)", "engines idle")
TOKENS_OF_REQUEST: Final = Query(
    ratio(sum_by(rate("generation_tokens_total")), sum_by(rate("requests_finished_total"))),
    "generated per request",
)

FIRST_TOKEN: Final = quantiles("time_to_first_token_seconds")
BETWEEN_TOKENS: Final = quantiles("inter_token_latency_seconds")
PER_OUTPUT_TOKEN: Final = Query(mean("time_per_output_token_seconds"), "mean")
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
    sum_by(selector("requests_running"), "engine_index"), "running {{engine_index}}"
)
WAITING: Final = Query(sum_by(selector("requests_waiting"), "reason"), "waiting {{reason}}")
SEATS: Final = Query(selector("max_running_requests"), "limit of one engine")
DECODE_BATCH: Final = Query(selector("decode_batch_size"), "decoding, by Little's law")
_BOUND: Final = (sum_by(selector("bound", f'by="{by}"')) for by in BOUNDS)
BOUND: Final = Query(" + ".join(f"{i} * {bound}" for i, bound in enumerate(_BOUND, 1)), "bound by")
PREEMPTIONS: Final = Query(sum_by(rate("preemptions_total")), "preempted")

KV_USAGE: Final = Query(selector("kv_cache_usage_ratio"), "engine {{engine_index}}")
KV_CAPACITY: Final = Query(sum_by(selector("kv_cache_capacity_tokens")), "capacity")
KV_RESIDENT: Final = Query(
    f"sum({selector('kv_cache_usage_ratio')} * {selector('kv_cache_capacity_tokens')})", "in use"
)
HIT_RATIO: Final = Query(selector("prefix_cache_hit_ratio"), "{{cache}}")
CACHED_RATIO: Final = Query(selector("prompt_cached_ratio"), "prompt tokens from a cache")
PROMPT_LENGTH: Final = Query(mean("request_prompt_tokens"), "prompt")
COMPUTED_LENGTH: Final = Query(mean("request_prompt_tokens_computed"), "computed of it")
COMPLETION_LENGTH: Final = Query(mean("request_completion_tokens"), "generated")
PROMPT_P95: Final = Query(quantile(0.95, "request_prompt_tokens"), "prompt p95")
COMPLETION_P95: Final = Query(quantile(0.95, "request_completion_tokens"), "generated p95")
PROMPT_BUCKETS: Final = buckets("request_prompt_tokens")
COMPLETION_BUCKETS: Final = buckets("request_completion_tokens")

_DRAFTED: Final = sum_by(rate("spec_decode_draft_tokens_total"))
_ACCEPTED: Final = sum_by(rate("spec_decode_accepted_tokens_total"))
_DRAFTS: Final = sum_by(rate("spec_decode_drafts_total"))
ACCEPT_RATIO: Final = Query(
    f"{ratio(_ACCEPTED, _DRAFTED)} or {selector('spec_decode_accept_ratio')}", "accepted"
)
ACCEPT_LENGTH: Final = Query(
    f"1 + {ratio(_ACCEPTED, _DRAFTS)} or {selector('spec_decode_accept_length')}", "tokens per step"
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
    ratio(_ACCEPTED, sum_by(rate("generation_tokens_total"))), "output from drafts"
)
DRAFTS: Final = Query(_DRAFTS, "drafts")

TRANSFER_MEAN: Final = Query(mean("kv_transfer_seconds", "connector"), "{{connector}} mean")
TRANSFER_P95: Final = Query(
    f"histogram_quantile(0.95, {sum_by(rate('kv_transfer_seconds_bucket'), 'le, connector')})",
    "{{connector}} p95",
)
TRANSFER_RATE: Final = Query(
    sum_by(rate("kv_transfer_bytes_sum"), "connector"), "{{connector}} moved"
)
TRANSFER_SPEED: Final = Query(
    ratio(
        sum_by(rate("kv_transfer_bytes_sum"), "connector"),
        sum_by(rate("kv_transfer_seconds_sum"), "connector"),
    ),
    "{{connector}} while moving",
)
TRANSFER_FAILURES: Final = Query(
    sum_by(rate("kv_transfer_failures_total"), "connector"), "{{connector}} failed"
)
TRANSFER_EXPIRED: Final = Query(
    sum_by(rate("kv_transfer_expired_total"), "connector"), "{{connector}} expired"
)
OFFLOADED: Final = Query(sum_by(rate("kv_offload_bytes_total"), "direction"), "{{direction}}")
OFFLOAD_SPEED: Final = Query(
    ratio(
        sum_by(rate("kv_offload_bytes_total"), "direction"),
        sum_by(rate("kv_offload_seconds_total"), "direction"),
    ),
    "{{direction}} while moving",
)

LORA_RUNNING: Final = Query(sum_by(selector("lora_running_adapters")), "running")
LORA_WAITING: Final = Query(sum_by(selector("lora_waiting_adapters")), "waiting")
LORA_DEFERRED: Final = Query(
    sum_by(selector("requests_waiting", 'reason="deferred"')), "requests deferred"
)
LORA_MAX: Final = Query(f"max({selector('lora_max_adapters')})", "fit in a batch")

RESPONSES: Final = Query(sum_by(rate("http_responses_total"), "status"), "{{status}}")
REJECTIONS: Final = Query(sum_by(rate("requests_rejected_total"), "reason"), "rejected {{reason}}")
ABORTED: Final = Query(sum_by(rate("requests_aborted_total")), "aborted by the client")
CORRUPTED: Final = Query(sum_by(rate("corrupted_requests_total")), "NaN in the logits")
SLEEPING: Final = Query(selector("sleeping"), "engine {{engine_index}}")
RESTARTS: Final = Query(
    f"increase({selector('server_restarts_total')}[$__rate_interval])", "restarts"
)

_GPUS_IN_USE: Final = (
    f"max by (cluster, job, instance, uuid, target) ({selector('server_gpu_info')})"
)
GPU_POWER: Final = Query(
    f"{_GPUS_IN_USE} * on (cluster, job, instance, uuid) group_right (target) "
    f"{selector('gpu_power_watts', base=EXPORTER_MATCHERS)}",
    "{{uuid}}",
)
