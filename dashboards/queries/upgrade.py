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


def _matched(name: str, *matchers: str, by: str = "measure") -> str:
    matcher_list = ",".join([PAIR_MATCHERS, *matchers])
    return f"max by ({by}) (release:inferfleet_matched_load:{name}{{{matcher_list}}})"


def _load(quantity: str, *matchers: str) -> str:
    matcher_list = ",".join([SERVER_MATCHERS, BOTH_RELEASES, 'batch!~"idle|0"', *matchers])
    increase = f"increase(inferfleet_load_{quantity}_total{{{matcher_list}}}[$__range])"
    return f"({increase} and on ({SERVER_LABELS}) {_SERVERS})"


def _load_ratio(numerator: str, denominator: str, by: str, *matchers: str) -> str:
    return ratio(sum_by(_load(numerator, *matchers), by), sum_by(_load(denominator, *matchers), by))


VERDICTS: Final = Query(
    f"{_matched('verdict', by='measure, verdict')} == 1", "{{measure}}: {{verdict}}"
)
RATIO: Final = Query(_matched("ratio"), "{{measure}}")
LOWER: Final = Query(_matched("lower"))
UPPER: Final = Query(_matched("upper"))
STDERR: Final = Query(_matched("stderr"))
VERDICT: Final = Query(f"{_matched('verdict', by='measure, verdict')} == 1")
OVERLAP: Final = Query(_matched("overlap_seconds"))
COVERAGE: Final = Query(_matched("coverage_ratio"))
SERVERS_NEW: Final = Query(_matched("servers", 'side="candidate"'))
SERVERS_OLD: Final = Query(_matched("servers", 'side="baseline"'))
REASONS: Final = Query(_matched("reason", by="measure, reason"))
LEFT_OUT: Final = Query(_matched("cells_left_out"))
JUDGE_VERDICTS: Final = Query(
    "max by (measure, verdict) (inferfleet_upgrade_verdict{" + PAIR_MATCHERS + "} == 1)",
    "{{measure}}: {{verdict}}",
)
CLAIM: Final = Query("vector(1 + $claim / 100) and vector($claim) != 0", "promised")


def measure(name: Measure) -> tuple[Query, Query, Query]:
    """Return a measure's ratio over time, and the bounds of its interval."""
    of_measure = f'measure="{name}"'
    return (
        Query(_matched("ratio", of_measure), "at equal load"),
        Query(_matched("lower", of_measure), "95 % from"),
        Query(_matched("upper", of_measure), "95 % to"),
    )


def judge_ratio(name: Measure) -> Query:
    """Return the scheduled comparison's ratio of a measure."""
    matcher_list = f'{PAIR_MATCHERS},measure="{name}",bound="estimate"'
    return Query(f"max(inferfleet_upgrade_effect_ratio{{{matcher_list}}})", "judge")


def naive(name: Literal["throughput", "inter_token_latency"]) -> Query:
    """Return the ratio people compute by hand."""
    return Query(
        f'max(release:inferfleet_naive:ratio{{{PAIR_MATCHERS},measure="{name}"}})', "naive: " + name
    )


_CELL: Final = 'max by (batch) (release_batch:inferfleet_matched_load:{}{{{},measure="{}"}})'


def cell_ratio(name: Measure) -> Query:
    """Return a measure's ratio in each load cell."""
    return Query(_CELL.format("ratio", PAIR_MATCHERS, name), "{{batch}}")


def cell_weight(name: Measure) -> Query:
    """Return how much each load cell counts for a measure."""
    return Query(_CELL.format("weight", PAIR_MATCHERS, name), "{{batch}}")


def _side(side: str) -> str:
    return f'release="${side}"'


def cell_time(side: str) -> Query:
    """Return the time of a decoded token in each cell, of one release."""
    return Query(
        _load_ratio("decode_sequence_seconds", "decode_tokens", "batch", _side(side)),
    )


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
