"""The Fleet dashboard's queries."""

from typing import Final

from .base import (
    EXPORTER,
    INFO,
    RECORDED,
    WHO,
    Query,
    chosen,
    joined,
    joules,
    largest,
    mean,
    rate,
    ratio,
    series,
    summed,
    total,
)

SERVERS: Final = Query(f"count({series('target_up')})", "servers")
DOWN: Final = Query(f"sum(1 - {series('target_up')})", "down")
STALLED: Final = Query(f"sum(max by ({WHO}) ({series('engine_stalled')}))", "stalled")
RELEASES: Final = Query(f"count(count by (release) ({INFO}))", "releases")
REGRESSIONS: Final = Query(
    f'sum(release:inferfleet_matched_load:verdict{{verdict="regression",{RECORDED}}})',
    "regressions",
)

TOKENS_PER_GPU: Final = Query(
    f"release:inferfleet_generation_tokens_per_gpu:rate5m{{{RECORDED}}}",
    "{{model}} {{release}} {{gpu_model}}",
)
TOKENS_PER_GPU_BY_MODEL: Final = Query(
    'model:inferfleet_generation_tokens_per_gpu:rate5m{model=~"$model"}', "{{model}}"
)
GENERATED: Final = Query(
    summed(rate("generation_tokens_total"), "model"),
    "{{model}} generated",
)
PROMPT: Final = Query(summed(rate("prompt_tokens_total"), "model"), "{{model}} prompt")
REQUESTS: Final = Query(
    summed(rate("requests_finished_total"), "model"),
    "{{model}}",
)
GPUS: Final = Query(
    summed(series("gpus"), "model, gpu_model"),
    "{{model}} {{gpu_model}}",
)

OCCUPANCY: Final = Query(
    f"release:inferfleet_batch_occupancy:ratio{{{RECORDED}}}", "{{model}} {{release}} {{gpu_model}}"
)
BOUND: Final = Query(total(chosen(series("bound")), "by"), "{{by}}")
HIT_RATIO: Final = Query(
    f'release:inferfleet_prefix_cache_hit:ratio_rate5m{{cache="local",{RECORDED}}}',
    "{{model}} {{release}} {{gpu_model}}",
)
WAITING: Final = Query(summed(series("requests_waiting"), "model"), "{{model}} waiting")
RUNNING: Final = Query(summed(series("requests_running"), "model"), "{{model}} running")

ROLLOUT: Final = Query(f"count by (model, release) ({INFO})", "{{model}} {{release}}")
_PAIR: Final = "engine, model, gpu_model, class, release, baseline, measure"


def _verdict(name: str) -> Query:
    return Query(f"max by ({_PAIR}) (release:inferfleet_matched_load:{name}{{{RECORDED}}})")


VERDICT_RATIO: Final = _verdict("ratio")
VERDICT_LOWER: Final = _verdict("lower")
VERDICT_UPPER: Final = _verdict("upper")
VERDICT: Final = Query(
    f"max by ({_PAIR}, verdict) (release:inferfleet_matched_load:verdict{{{RECORDED}}} == 1)"
)

_FINISHED: Final = summed(rate("requests_finished_total"), "model")
ERRORS: Final = Query(
    ratio(summed(rate("requests_finished_total", 'reason="error"'), "model"), _FINISHED),
    "{{model}} errors",
)
ABORTS: Final = Query(
    ratio(summed(rate("requests_finished_total", 'reason="abort"'), "model"), _FINISHED),
    "{{model}} aborted",
)
FIRST_TOKEN: Final = Query(
    f"release:inferfleet_time_to_first_token_seconds:mean5m{{{RECORDED}}}",
    "{{model}} {{release}} {{gpu_model}}",
)
BETWEEN_TOKENS: Final = Query(
    f"release:inferfleet_inter_token_latency_seconds:mean5m{{{RECORDED}}}",
    "{{model}} {{release}} {{gpu_model}}",
)
ATTAINMENT: Final = Query(
    'model:inferfleet_time_to_first_token_slo:ratio_rate5m{model=~"$model"}', "{{model}}"
)
JOULES: Final = Query(
    joules(RECORDED),
    "{{model}} {{release}} {{gpu_model}}",
)
POWER: Final = Query(
    "sum by (gpu_model) (inferfleet_gpu_power_watts"
    f"{{{EXPORTER}}} * on (job, instance, uuid) group_left (gpu_model) "
    f"max by (job, instance, uuid, gpu_model) (inferfleet_gpu_info{{{EXPORTER}}}))",
    "{{gpu_model}}",
)

# The table: one row for each server, one column for each of these.
ROW_WHO: Final = Query(largest(INFO, f"{WHO}, model, release, gpu_model"))
ROW_UP: Final = Query(f"max by ({WHO}) ({series('target_up')})")
_QUEUED: Final = f"sum by ({WHO}) ({series('requests_waiting')})"
_ADMITTED: Final = f"sum by ({WHO}) ({series('requests_running')})"
ROW_TROUBLE: Final = Query(
    f"(3 * (max by ({WHO}) ({series('target_up')}) == bool 0) > 0)"
    f" or (2 * max by ({WHO}) ({series('engine_stalled')}) > 0)"
    f" or ({_QUEUED} / ({_QUEUED} + {_ADMITTED} > 0))"
    f" or 0 * max by ({WHO}) ({series('target_up')})"
)
ROW_TOKENS: Final = Query(f"max by ({WHO}) ({series('generation_tokens_per_second_per_gpu')})")
ROW_OCCUPANCY: Final = Query(f"max by ({WHO}) ({series('batch_occupancy_ratio')})")
ROW_KV: Final = Query(f"max by ({WHO}) ({series('kv_cache_usage_ratio')})")
ROW_WAITING: Final = Query(_QUEUED)
ROW_HITS: Final = Query(largest(series("prefix_cache_hit_ratio", 'cache="local"'), WHO))
ROW_FIRST_TOKEN: Final = Query(mean("time_to_first_token_seconds", WHO))
ROW_AGE: Final = Query(f"time() - max by ({WHO}) ({series('server_start_time_seconds')})")

_OF_MODEL: Final = 'model=~"$model"'


def _model(name: str) -> Query:
    # the aggregation drops the name: rows of several series merge on what they share
    return Query(f"max by (model) (model:inferfleet_{name}{{{_OF_MODEL}}})", "{{model}}")


MODEL_TOKENS_PER_GPU: Final = _model("generation_tokens_per_gpu:rate5m")
MODEL_ATTAINMENT: Final = _model("time_to_first_token_slo:ratio_rate5m")
MODEL_SERVERS: Final = _model("servers:count")
MODEL_FIRST_TOKEN: Final = _model("time_to_first_token_seconds:mean5m")
MODEL_ERRORS: Final = _model("http_errors:ratio_rate5m")
MODEL_GPUS: Final = Query(summed(series("gpus"), "model"))
MODEL_REQUESTS: Final = REQUESTS
MODEL_TOKENS: Final = GENERATED
MODEL_KV: Final = Query(largest(joined(series("kv_cache_usage_ratio")), "model"))
MODEL_PREEMPTIONS: Final = Query(summed(rate("preemptions_total"), "model"))
MODEL_WAITING: Final = WAITING

GENERATED_IN_RANGE: Final = Query(
    summed(f"increase({series('generation_tokens_total')}[$__range])", "model"),
    "{{model}}",
)
GENERATED_BY_ROLE: Final = Query(
    summed(rate("generation_tokens_total"), "role"), "{{role}}: generated"
)
COMPUTED_BY_ROLE: Final = Query(
    summed(rate("prompt_tokens_computed_total"), "role"), "{{role}}: computed"
)


def _slowest(record: str) -> Query:
    return Query(
        f"topk(10, target:inferfleet_{record}{{target=~`${{target:regex}}`}})", "{{target}}"
    )


SLOWEST_FIRST_TOKEN: Final = _slowest("time_to_first_token_seconds:mean5m")
SLOWEST_BETWEEN_TOKENS: Final = _slowest("inter_token_latency_seconds:mean5m")
