"""Figures by server, release, model and fleet, over five minutes.

A figure is a quotient. Its two parts are recorded by server, taken from the same servers, and
summed apart before one is divided by the other; a mean of ratios would let an idle server weigh as
much as a busy one. Copies of a series (two exporters on one server) count once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..model import Group, Record
from ..promql import union
from ..values import Values

IDENTITY: Final = ("engine", "release", "model", "gpu_model", "class")
# the record names carry it, so it is no setting
WINDOW: Final = "5m"
_DOWN_FOR: Final = "1d"
_INNER: Final = ("engine_index", "model", "reason", "le", "status", "source")
_LATENCIES: Final = (
    "time_to_first_token_seconds",
    "inter_token_latency_seconds",
    "request_latency_seconds",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A quotient of two records by server, shown at every level; `by` are labels of its own."""

    name: str
    over: str
    under: str
    by: tuple[str, ...] = ()


def groups(values: Values) -> tuple[Group, ...]:
    """Return the rules of all levels, parts before what is made of them."""
    rules = [
        *_servers(values),
        *(Record(record=name, expr=expr) for name, expr in _parts(values).items()),
        *(rule for figure in _figures() for rule in _at_every_level(values, figure)),
        *(_tail(values, name) for name in _LATENCIES),
    ]
    return (Group(name="inferfleet-levels", interval=values.interval, rules=tuple(rules)),)


def once(values: Values, inner: str, *by: str) -> str:
    """Return a sum over a server's engines by server and `by`, copies of it counted once."""
    dropped = ", ".join(label for label in _INNER if label not in by)
    return f"max by {values.labels('target', *by)} (sum without ({dropped}) ({inner}))"


def rate(values: Values, name: str, *matchers: str, by: tuple[str, ...] = ()) -> str:
    """Return a counter's rate by server."""
    return once(values, f"rate({values.metric(name, *matchers)}[{WINDOW}])", *by)


def edge(seconds: float) -> str:
    """Return a pattern for a bucket's edge as Prometheus may spell it: `1` or `1.0`."""
    whole, part = f"{seconds:.10f}".split(".")
    part = part.rstrip("0")
    return f"{whole}[.]{part}" if part else f"{whole}([.]0)?"


def _servers(values: Values) -> tuple[Record, ...]:
    """Who serves, and which servers' windows hold the work of one release only."""
    server = values.labels("target")
    start = f"max by {server} ({values.metric('server_start_time_seconds')})"
    info = f"max by {values.labels('target', *IDENTITY)} ({values.metric('server_info')})"
    # a server that is down shows no identity, and its model is told all the same
    named = values.metric("server_info", 'model!=""')
    model = f"max by {values.labels('target', 'model')} (last_over_time({named}[{_DOWN_FOR}]))"
    release = values.labels(*IDENTITY)
    return (
        # two exporters see an upgrade a sample apart; one identity a server keeps the joins valid
        Record(record="target:inferfleet_server:info", expr=f"topk by {server} (1, {info})"),
        Record(
            record="target:inferfleet_settled_server:info",
            expr=f"target:inferfleet_server:info unless on {server} (time() - {start} < 300)",
        ),
        Record(record="target:inferfleet_model:info", expr=f"topk by {server} (1, {model})"),
        Record(
            record="release:inferfleet_servers:count",
            expr=f"count by {release} (target:inferfleet_server:info)",
        ),
        Record(
            record="model:inferfleet_servers:count",
            expr=f"count by {values.labels('model')} (target:inferfleet_server:info)",
        ),
        Record(
            record="fleet:inferfleet_servers:count",
            expr=f"count by {values.labels()} (target:inferfleet_server:info)",
        ),
    )


def _parts(values: Values) -> dict[str, str]:
    """Return the figures' parts: record name to expression, by server."""
    counters = (
        "generation_tokens",
        "prompt_tokens",
        "prompt_tokens_computed",
        "spec_decode_draft_tokens",
        "spec_decode_accepted_tokens",
        "preemptions",
        "http_responses",
    )
    parts = {_of(name): rate(values, f"{name}_total") for name in counters}
    for name in ("prefix_cache_hit_tokens", "prefix_cache_queried_tokens"):
        parts[_of(name)] = rate(values, f"{name}_total", by=("cache",))
    for name in _LATENCIES:
        parts[_of(f"{name}_sum")] = rate(values, f"{name}_sum")
        parts[_of(f"{name}_count")] = rate(values, f"{name}_count")
    for name in ("time_to_first_token", "inter_token_latency"):
        parts[_of(f"{name}_within_slo")] = union(_within(values, name))
    failed = rate(values, "http_responses_total", 'status="5xx"')
    # a server that never failed shows no 5xx at all
    parts[_of("http_responses_failed")] = f"({failed}) or {_of('http_responses')} * 0"
    parts[_of("requests_finished")] = rate(values, "requests_finished_total")
    running = f"avg_over_time({values.metric('requests_running')}[{WINDOW}])"
    parts["target:inferfleet_requests_running:mean5m"] = once(values, running)
    corrupted = values.metric("corrupted_requests_total")
    parts["target:inferfleet_corrupted_requests:max"] = once(values, corrupted)
    server, engines = values.labels("target"), values.labels("target", "engine_index")
    parts["target:inferfleet_gpus:max"] = f"max by {server} ({values.metric('gpus')})"
    limit = f"max by {server} ({values.metric('max_running_requests')})"
    ranks = f"count by {server} (count by {engines} ({values.metric('requests_running')}))"
    parts["target:inferfleet_running_requests_limit:sum"] = f"{limit} * on {server} {ranks}"
    parts["target:inferfleet_gpu_power_watts:rate5m"] = _power(values)
    return parts


def _within(values: Values, objective: str) -> Iterator[str]:
    """Yield the rate of good events by server, for each group of models with its own threshold."""
    for slo in values.slo.sets():
        threshold = getattr(slo, objective).threshold
        good = rate(values, f"{objective}_seconds_bucket", f'le=~"{edge(threshold)}"')
        yield good + of_models(values, slo.matcher)


def of_models(values: Values, matcher: str) -> str:
    """Return the condition that a server's model is among those of a matcher; none where empty."""
    info = f"target:inferfleet_server:info{{{matcher}}}"
    return f" and on {values.labels('target')} {info}" if matcher else ""


def _power(values: Values) -> str:
    """Power by server; servers that share a GPU have none, for nobody knows who drew it."""
    server, uuid = values.labels("target"), values.labels("uuid")
    both = values.labels("target", "uuid")
    link = f"max by {both} ({values.metric('server_gpu_info')})"
    watts = f"sum by {uuid} (uuid:inferfleet_gpu_power_watts:rate5m)"
    shared = f"count by {uuid} ({link}) > 1"
    return (
        f"sum by {server} ({link} * on {uuid} group_left () {watts})"
        f" unless on {server} ({link} and on {uuid} ({shared}))"
    )


def _figures() -> tuple[Figure, ...]:
    def per_gpu(name: str) -> Figure:
        return Figure(f"{name}_per_gpu:rate5m", _of(name), "target:inferfleet_gpus:max")

    def mean(name: str) -> Figure:
        return Figure(f"{name}:mean5m", _of(f"{name}_sum"), _of(f"{name}_count"))

    def share(name: str, over: str, under: str, *by: str) -> Figure:
        return Figure(f"{name}:ratio_rate5m", _of(over), _of(under), by)

    return (
        per_gpu("generation_tokens"),
        per_gpu("prompt_tokens"),
        per_gpu("prompt_tokens_computed"),
        Figure(
            "batch_occupancy:ratio",
            "target:inferfleet_requests_running:mean5m",
            "target:inferfleet_running_requests_limit:sum",
        ),
        share(
            "prefix_cache_hit", "prefix_cache_hit_tokens", "prefix_cache_queried_tokens", "cache"
        ),
        *(mean(name) for name in _LATENCIES),
        *(
            share(f"{name}_slo", f"{name}_within_slo", f"{name}_seconds_count")
            for name in ("time_to_first_token", "inter_token_latency")
        ),
        share("http_errors", "http_responses_failed", "http_responses"),
        share("spec_decode_acceptance", "spec_decode_accepted_tokens", "spec_decode_draft_tokens"),
        share("joules_per_token", "gpu_power_watts", "generation_tokens"),
    )


def _at_every_level(values: Values, figure: Figure) -> tuple[Record, ...]:
    over, under = f"{figure.over} and {figure.under}", f"{figure.under} and {figure.over}"
    on = values.labels("target")
    name = f"inferfleet_{figure.name}"

    def level(by: tuple[str, ...], info: str) -> str:
        if not by:
            joined = over, under
        else:
            extra = f"group_left ({', '.join(by)}) {info}"
            joined = f"({over}) * on {on} {extra}", f"({under}) * on {on} {extra}"
        kept = values.labels(*by, *figure.by)
        return f"sum by {kept} ({joined[0]}) / (sum by {kept} ({joined[1]}) > 0)"

    return (
        Record(record=f"target:{name}", expr=f"{figure.over} / ({figure.under} > 0)"),
        Record(
            record=f"release:{name}", expr=level(IDENTITY, "target:inferfleet_settled_server:info")
        ),
        Record(record=f"model:{name}", expr=level(("model",), "target:inferfleet_server:info")),
        Record(record=f"fleet:{name}", expr=level((), "")),
    )


def _tail(values: Values, name: str) -> Record:
    """Return a latency's 95th percentile by release: within one, buckets have the same edges."""
    buckets = rate(values, f"{name}_bucket", by=("le",))
    info = "target:inferfleet_settled_server:info"
    join = f"* on {values.labels('target')} group_left ({', '.join(IDENTITY)}) {info}"
    summed = f"sum by {values.labels(*IDENTITY, 'le')} (({buckets}) {join})"
    # without observations it is no number, which is no latency
    return Record(
        record=f"release:inferfleet_{name}:p95_rate5m",
        expr=f"histogram_quantile(0.95, {summed}) >= 0",
    )


def _of(name: str) -> str:
    return f"target:inferfleet_{name}:rate5m"
