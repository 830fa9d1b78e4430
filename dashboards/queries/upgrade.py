"""The Upgrade dashboard's queries: a candidate release against a baseline release.

`$__range` is the whole time shown: what is compared there are sums over it.
"""

from typing import Final, Literal

from exporter.vocabulary.verdict import Measure

from .base import (
    CLUSTER_MATCHER,
    SERVER_LABELS,
    SERVER_MATCHERS,
    Query,
    by_workload,
    joules_per_token,
    ratio,
    sum_by,
)

_CLASS: Final = f'{CLUSTER_MATCHER},model="$model",gpu_model="$gpu_model",class="$class"'
PAIR_MATCHERS: Final = f'{_CLASS},release="$release",baseline="$baseline"'
BOTH_RELEASES: Final = f"{_CLASS},release=~`${{baseline:regex}}|${{release:regex}}`"
_WORKLOAD: Final = 'namespace=~"$namespace",workload=~"$workload"'
_INFO: Final = f"inferfleet_server_info{{{SERVER_MATCHERS},{BOTH_RELEASES},{_WORKLOAD}}}"
# the baseline may be gone by now: what ran in the time shown counts
_SERVERS: Final = f"last_over_time({_INFO}[$__range])"


def _judged(name: str, *matchers: str, by: str = "measure") -> str:
    matcher_list = ",".join([PAIR_MATCHERS, *matchers])
    return f"max by ({by}) (inferfleet_upgrade_{name}{{{matcher_list}}})"


def _bound(bound: str, *matchers: str) -> str:
    return _judged("effect_ratio", f'bound="{bound}"', *matchers)


def _load(quantity: str, *matchers: str) -> str:
    matcher_list = ",".join([SERVER_MATCHERS, BOTH_RELEASES, 'batch!~"idle|0"', *matchers])
    increase = f"increase(inferfleet_load_{quantity}_total{{{matcher_list}}}[$__range])"
    return f"({increase} and on ({SERVER_LABELS}) {_SERVERS})"


def _load_ratio(numerator: str, denominator: str, by: str, *matchers: str) -> str:
    return ratio(sum_by(_load(numerator, *matchers), by), sum_by(_load(denominator, *matchers), by))


VERDICT: Final = Query(
    f"{_judged('verdict', by='measure, verdict')} == 1", "{{measure}}: {{verdict}}"
)
RATIO: Final = Query(_bound("estimate"))
LOWER: Final = Query(_bound("lower"))
UPPER: Final = Query(_bound("upper"))
COVERAGE: Final = Query(_judged("coverage_ratio"))
REASONS: Final = Query(_judged("reason", by="measure, reason"))
SERVERS: Final = Query(_judged("servers", by="side"))
COMPARED: Final = Query(_judged("compared_seconds", by="side"))
LEVEL: Final = Query(f"max(inferfleet_upgrade_confidence_level_ratio{{{PAIR_MATCHERS}}})")
# a date is shown from milliseconds
ANSWER_EXPECTED: Final = Query(
    f"1000 * max(inferfleet_upgrade_answer_expected_timestamp_seconds{{{PAIR_MATCHERS}}})"
)
JUDGE_AGE: Final = Query(
    f"time() - max(inferfleet_upgrade_judged_timestamp_seconds{{{PAIR_MATCHERS}}})"
)
CLAIM: Final = Query("vector(1 + $claim / 100) and vector($claim) != 0", "promised")


def measure(name: Measure) -> tuple[Query, Query, Query]:
    """Return a measure's ratio over time, and the bounds of its interval."""
    of_measure = f'measure="{name}"'
    return (
        Query(_bound("estimate", of_measure), "judged"),
        Query(_bound("lower", of_measure), "interval from"),
        Query(_bound("upper", of_measure), "interval to"),
    )


def naive(name: Literal["throughput", "inter_token_latency"]) -> Query:
    """Return the ratio people compute by hand: the candidate now over the baseline's mean.

    The mean is that of the whole time shown; above 1 looks better.
    """
    figure = {
        "throughput": "release:inferfleet_generation_tokens_per_gpu:rate5m",
        "inter_token_latency": "release:inferfleet_inter_token_latency_seconds:mean5m",
    }[name]
    new = f'avg({figure}{{{_CLASS},release="$release"}})'
    old = f'avg(avg_over_time({figure}{{{_CLASS},release="$baseline"}}[$__range] @ end()))'
    over = f"{new} / {old}" if name == "throughput" else f"{old} / {new}"
    return Query(over, "naive: " + name)


_CELL: Final = 'max by (batch) (inferfleet_upgrade_batch_{}{{{},measure="{}"}})'


def cell_ratio(name: Measure) -> Query:
    """Return a measure's ratio in each load cell, as the judge finds it."""
    return Query(_CELL.format("effect_ratio", PAIR_MATCHERS, name), "{{batch}}")


def cell_work(name: Measure) -> Query:
    """Return the share of a measure's compared work that each load cell holds."""
    return Query(_CELL.format("work_ratio", PAIR_MATCHERS, name), "{{batch}}")


def _side(side: str) -> str:
    return f'release="${side}"'


def cell_time(side: str) -> Query:
    """Return the time of a decoded token in each cell, of one release."""
    return Query(
        _load_ratio("decode_sequence_seconds", "decode_tokens", "batch", _side(side)),
    )


def plain_cell_ratio() -> Query:
    """Return the old time of a decoded token over the new one, in each cell that both ran in."""
    old, new = (cell_time(side).expr for side in ("baseline", "release"))
    return Query(f"({old}) / ({new})", "{{batch}}")


def cell_seconds(side: str) -> Query:
    """Return how long one release ran in each cell, in seconds."""
    return Query(f"sum by (batch) ({_load('seconds', _side(side))})")


def cell_prefill(side: str) -> Query:
    """Return the prompt tokens computed for each decoded token in each cell."""
    return Query(_load_ratio("prefill_tokens", "decode_tokens", "batch", _side(side)))


LOAD_BATCH: Final = Query(_load_ratio("decode_sequence_seconds", "seconds", "release"))
LOAD_PREFILL: Final = Query(_load_ratio("prefill_tokens", "decode_tokens", "release"))
LOAD_CONTEXT: Final = Query(
    _load_ratio("context_token_seconds", "decode_sequence_seconds", "release")
)
LOAD_SATURATED: Final = Query(_load_ratio("saturated_seconds", "seconds", "release"))
LOAD_TOKENS: Final = Query(_load_ratio("decode_tokens", "gpu_seconds", "release"))
LOAD_ACCEPTED: Final = Query(_load_ratio("spec_accepted_tokens", "spec_draft_tokens", "release"))
LOAD_JOULES: Final = Query(_load_ratio("joules", "decode_tokens", "release"))


def _level(name: str, *matchers: str) -> Query:
    matcher_list = ",".join([BOTH_RELEASES, *matchers])
    return Query(f"max by (release) (release:inferfleet_{name}{{{matcher_list}}})", "{{release}}")


FIRST_TOKEN: Final = _level("time_to_first_token_seconds:mean5m")
BETWEEN_TOKENS: Final = _level("inter_token_latency_seconds:mean5m")
HIT_RATIO: Final = _level("prefix_cache_hit:ratio_rate5m", 'cache="local"')
JOULES: Final = Query(f"max by (release) ({joules_per_token(BOTH_RELEASES)})", "{{release}}")
TOKENS_PER_GPU: Final = _level("generation_tokens_per_gpu:rate5m")
OCCUPANCY: Final = _level("batch_occupancy:ratio")

ROLLOUT: Final = Query(
    f"count by (namespace, workload, release) ({_INFO})", "{{namespace}} {{workload}} {{release}}"
)
MOST_ROWS: Final = 60


def _workloads_of(side: str) -> str:
    def info(matcher: str) -> str:
        matchers = f'{SERVER_MATCHERS},{_CLASS},release="${side}",{_WORKLOAD},{matcher}'
        return f"inferfleet_server_info{{{matchers}}}"

    return f"group by (namespace, workload) ({by_workload(info, 'model')})"


_NEW, _OLD = _workloads_of("release"), _workloads_of("baseline")
_RELEASES: Final = f"2 * {_NEW} + {_OLD} or 2 * {_NEW} or {_OLD}"
RELEASE_OF_WORKLOAD: Final = Query(
    f"({_RELEASES}) and on () (count({_OLD} or {_NEW}) <= {MOST_ROWS})",
    "{{namespace}} {{workload}}",
)
CONFIGURATIONS: Final = Query(
    "count by (engine, version, release, runner, quantization, kv_cache_dtype, role, class, config)"
    f" ({_SERVERS})"
)


def limit(name: str) -> Query:
    """Return a limit of the servers by release."""
    return Query(
        f"max by (release) (max_over_time((inferfleet_{name}{{{SERVER_MATCHERS}}}"
        f" * on ({SERVER_LABELS}) group_left (release) {_INFO})[$__range:5m]))"
    )


AGE: Final = Query(
    f"time() - max by (release) (inferfleet_server_start_time_seconds{{{SERVER_MATCHERS}}}"
    f" * on ({SERVER_LABELS}) group_left (release) {_INFO})",
    "{{release}}",
)
EXCLUDED: Final = Query(
    f"sum by (reason) (increase(inferfleet_load_excluded_seconds_total{{{SERVER_MATCHERS}}}"
    f"[$__rate_interval]) and on ({SERVER_LABELS}) {_INFO})",
    "{{reason}}",
)
