"""The Fleet dashboard's queries."""

from typing import Final

from .base import (
    CLUSTER_MATCHER,
    EXPORTER_MATCHERS,
    MODEL_OF_CLUSTER,
    RELEASE_OF_CLUSTER,
    SERVER_INFO,
    SERVER_LABELS,
    Query,
    chosen,
    joules_per_token,
    max_by,
    mean,
    of_selected_servers,
    rate,
    ratio,
    selector,
    sum_by,
    sum_over_servers,
    with_server_info,
)

# copies of a server count once; one that has never answered yet is no server down
_UP: Final = chosen(f"max by ({SERVER_LABELS}) ({selector('target_up')})")
_LOADING: Final = f"max by ({SERVER_LABELS}) ({selector('target_loading')})"
_STATE: Final = f"{_UP} + on ({SERVER_LABELS}) 2 * {_LOADING} or {_UP}"
SERVERS: Final = Query(f"count({_UP})", "servers")
DOWN: Final = Query(f"sum(({_STATE}) == bool 0)", "down")
LOADING: Final = Query(f"sum(({_STATE}) == bool 2)", "loading")
STALLED: Final = Query(
    f"sum({of_selected_servers(max_by(selector('engine_stalled'), SERVER_LABELS))})", "stalled"
)
_RELEASES_OF_MODEL: Final = (
    f"count by (cluster, model) (count by (cluster, model, release) ({SERVER_INFO}))"
)
ROLLOUTS: Final = Query(f"sum({_RELEASES_OF_MODEL} > bool 1)", "models with more than one release")
_PAIR: Final = "cluster, engine, model, gpu_model, class, release, baseline, measure"
REGRESSIONS: Final = Query(
    f"sum(max by ({_PAIR})"
    f' (inferfleet_upgrade_verdict{{verdict="regression",{RELEASE_OF_CLUSTER}}}))',
    "regressions",
)

TOKENS_PER_GPU: Final = Query(
    f"release:inferfleet_generation_tokens_per_gpu:rate5m{{{RELEASE_OF_CLUSTER}}}",
    "{{model}} {{release}} {{gpu_model}} {{cluster}}",
)
GENERATED: Final = Query(
    sum_over_servers(rate("generation_tokens_total"), "model"),
    "{{model}} {{cluster}} generated",
)
PROMPT: Final = Query(
    sum_over_servers(rate("prompt_tokens_total"), "model"), "{{model}} {{cluster}} prompt"
)
REQUESTS: Final = Query(
    sum_over_servers(rate("requests_finished_total"), "model"),
    "{{model}} {{cluster}}",
)
GPUS: Final = Query(
    sum_over_servers(selector("gpus"), "model, gpu_model"),
    "{{model}} {{gpu_model}} {{cluster}}",
)

OCCUPANCY: Final = Query(
    f"release:inferfleet_batch_occupancy:ratio{{{RELEASE_OF_CLUSTER}}}",
    "{{model}} {{release}} {{gpu_model}} {{cluster}}",
)
BOUND: Final = Query(sum_by(of_selected_servers(selector("bound")), "by"), "{{by}}")
HIT_RATIO: Final = Query(
    f'release:inferfleet_prefix_cache_hit:ratio_rate5m{{cache="local",{RELEASE_OF_CLUSTER}}}',
    "{{model}} {{release}} {{gpu_model}} {{cluster}}",
)
WAITING: Final = Query(
    sum_over_servers(selector("requests_waiting"), "model"), "{{model}} {{cluster}} waiting"
)
RUNNING: Final = Query(
    sum_over_servers(selector("requests_running"), "model"), "{{model}} {{cluster}} running"
)

# servers of unknown workload are one line together
ROLLOUT: Final = Query(
    f"count by (cluster, namespace, workload, model, release) ({SERVER_INFO})",
    "{{namespace}} {{workload}} {{model}} {{release}} {{cluster}}",
)


def _effect(bound: str) -> Query:
    matchers = f'{RELEASE_OF_CLUSTER},bound="{bound}"'
    return Query(f"max by ({_PAIR}) (inferfleet_upgrade_effect_ratio{{{matchers}}})")


VERDICT_RATIO: Final = _effect("estimate")
VERDICT_LOWER: Final = _effect("lower")
VERDICT_UPPER: Final = _effect("upper")
VERDICT: Final = Query(
    f"max by ({_PAIR}, verdict) (inferfleet_upgrade_verdict{{{RELEASE_OF_CLUSTER}}} == 1)"
)

_FINISHED: Final = sum_over_servers(rate("requests_finished_total"), "model")
ERRORS: Final = Query(
    ratio(sum_over_servers(rate("requests_finished_total", 'reason="error"'), "model"), _FINISHED),
    "{{model}} {{cluster}} errors",
)
ABORTS: Final = Query(
    ratio(sum_over_servers(rate("requests_finished_total", 'reason="abort"'), "model"), _FINISHED),
    "{{model}} {{cluster}} aborted",
)
FIRST_TOKEN: Final = Query(
    f"release:inferfleet_time_to_first_token_seconds:mean5m{{{RELEASE_OF_CLUSTER}}}",
    "{{model}} {{release}} {{gpu_model}} {{cluster}}",
)
BETWEEN_TOKENS: Final = Query(
    f"release:inferfleet_inter_token_latency_seconds:mean5m{{{RELEASE_OF_CLUSTER}}}",
    "{{model}} {{release}} {{gpu_model}} {{cluster}}",
)


def tail(histogram: str) -> Query:
    """Return a latency's recorded 95th percentile."""
    return Query(
        f"release:inferfleet_{histogram}:p95_rate5m{{{RELEASE_OF_CLUSTER}}}",
        "{{model}} {{release}} {{gpu_model}} {{cluster}}",
    )


WORST_ERRORS: Final = Query(
    f"max(model:inferfleet_http_errors:ratio_rate5m{{{MODEL_OF_CLUSTER}}})", "worst model"
)
REQUESTS_IN_ALL: Final = Query(f"sum({REQUESTS.expr})", "finished")
WAITING_IN_ALL: Final = Query(f"sum({WAITING.expr})", "waiting")
_XID: Final = f"increase({selector('gpu_xid_errors_total', base=EXPORTER_MATCHERS)}[$__range])"
_UNCORRECTED: Final = selector("gpu_ecc_errors_total", 'kind="uncorrected"', base=EXPORTER_MATCHERS)
# a GPU without faults may have no such series
GPU_FAULTS: Final = Query(
    f"sum({_XID} or increase({_UNCORRECTED}[$__range]))"
    f" or 0 * count({selector('gpu_info', base=EXPORTER_MATCHERS)})",
    "faults",
)
_COST: Final = "inferfleet_cost_per_million_generated_tokens:rate5m"
# idle GPUs make it any size
COST: Final = Query(
    f"release:{_COST}{{{RELEASE_OF_CLUSTER}}} and on (cluster, model, release) "
    f"release:inferfleet_generation_tokens_per_gpu:rate5m{{{RELEASE_OF_CLUSTER}}} > 10",
    "{{model}} {{release}} {{cluster}}",
)
ATTAINMENT: Final = Query(
    f"model:inferfleet_time_to_first_token_slo:ratio_rate5m{{{MODEL_OF_CLUSTER}}}",
    "{{model}} {{cluster}}",
)
JOULES: Final = Query(
    joules_per_token(RELEASE_OF_CLUSTER),
    "{{model}} {{release}} {{gpu_model}} {{cluster}}",
)
POWER: Final = Query(
    "sum by (gpu_model) (inferfleet_gpu_power_watts"
    f"{{{EXPORTER_MATCHERS}}} * on (cluster, job, instance, uuid) group_left (gpu_model) "
    "max by (cluster, job, instance, uuid, gpu_model) "
    f"(inferfleet_gpu_info{{{EXPORTER_MATCHERS}}}))",
    "{{gpu_model}}",
)

# The table: one row for each server, one column for each of these.
# a server that is down shows no identity, and the rules still know its model
ROW_INFO: Final = Query(
    max_by(SERVER_INFO, f"{SERVER_LABELS}, namespace, workload, model, release, gpu_model")
    + f" or on ({SERVER_LABELS}) ({_UP} * on (cluster, target) group_left (model) "
    f"target:inferfleet_model:info{{{CLUSTER_MATCHER}}})"
)
ROW_STATE: Final = Query(_STATE)


def _largest(name: str, *matchers: str) -> Query:
    return Query(of_selected_servers(max_by(selector(name, *matchers), SERVER_LABELS)))


_WAITING: Final = f"sum by ({SERVER_LABELS}) ({selector('requests_waiting')})"
_RUNNING: Final = f"sum by ({SERVER_LABELS}) ({selector('requests_running')})"
_NO_PROGRESS: Final = _largest("engine_no_progress").expr
_WAITING_SHARE: Final = of_selected_servers(f"{_WAITING} / ({_WAITING} + {_RUNNING} > 0)")
ROW_TROUBLE: Final = Query(
    f"3 * ((({_STATE}) == bool 0) > 0) or 2 * (({_NO_PROGRESS}) > 0)"
    f" or {_WAITING_SHARE} or 0 * ({_STATE})"
)
ROW_TOKENS: Final = _largest("generation_tokens_per_second_per_gpu")
ROW_OCCUPANCY: Final = _largest("batch_occupancy_ratio")
ROW_KV: Final = _largest("kv_cache_usage_ratio")
ROW_WAITING: Final = Query(of_selected_servers(_WAITING))
ROW_HITS: Final = _largest("prefix_cache_hit_ratio", 'cache="local"')
ROW_FIRST_TOKEN: Final = Query(
    of_selected_servers(mean("time_to_first_token_seconds", SERVER_LABELS))
)
ROW_AGE: Final = Query(f"time() - ({_largest('server_start_time_seconds').expr})")


def _model(name: str) -> Query:
    # the aggregation drops the name: rows of several series merge on what they share
    return Query(
        f"max by (cluster, model) (model:inferfleet_{name}{{{MODEL_OF_CLUSTER}}})",
        "{{model}} {{cluster}}",
    )


MODEL_TOKENS_PER_GPU: Final = _model("generation_tokens_per_gpu:rate5m")
MODEL_ATTAINMENT: Final = _model("time_to_first_token_slo:ratio_rate5m")
MODEL_SERVERS: Final = _model("servers:count")
MODEL_COST: Final = _model("cost_per_million_generated_tokens:rate5m")
MODEL_FIRST_TOKEN: Final = _model("time_to_first_token_seconds:mean5m")
MODEL_ERRORS: Final = _model("http_errors:ratio_rate5m")
MODEL_GPUS: Final = Query(sum_over_servers(selector("gpus"), "model"))
MODEL_REQUESTS: Final = REQUESTS
MODEL_TOKENS: Final = GENERATED
MODEL_KV: Final = Query(
    max_by(with_server_info(selector("kv_cache_usage_ratio")), "cluster, model")
)
MODEL_PREEMPTIONS: Final = Query(sum_over_servers(rate("preemptions_total"), "model"))
MODEL_WAITING: Final = WAITING

GENERATED_IN_RANGE: Final = Query(
    sum_over_servers(f"increase({selector('generation_tokens_total')}[$__range])", "model"),
    "{{model}} {{cluster}}",
)
GENERATED_BY_ROLE: Final = Query(
    sum_over_servers(rate("generation_tokens_total"), "role"), "generated {{role}}"
)
COMPUTED_BY_ROLE: Final = Query(
    sum_over_servers(rate("prompt_tokens_computed_total"), "role"), "computed {{role}}"
)


def _slowest(record: str) -> Query:
    return Query(
        f"topk(10, target:inferfleet_{record}{{{CLUSTER_MATCHER},target=~`${{target:regex}}`}})",
        "{{target}} {{cluster}}",
    )


SLOWEST_FIRST_TOKEN: Final = _slowest("time_to_first_token_seconds:mean5m")
SLOWEST_BETWEEN_TOKENS: Final = _slowest("inter_token_latency_seconds:mean5m")
