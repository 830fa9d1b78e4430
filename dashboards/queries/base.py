"""What the queries are made of: the selectors of the dashboards' variables, rates and ratios.

A server is one `cluster`, `job`, `instance` and `target`: exporters beside their servers may give
every target the same name. Two exporters watching one server are told apart by `instance`. A series
without the label `cluster` is of the cluster without a name, which the variable's "all" includes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

CLUSTER_MATCHER: Final = 'cluster=~"$cluster"'
EXPORTER_MATCHERS: Final = f'{CLUSTER_MATCHER},job=~"$job",instance=~"$instance"'
# escaped, and so between backticks: an IPv6 address is no pattern
SERVER_MATCHERS: Final = f"{EXPORTER_MATCHERS},target=~`${{target:regex}}`"
RELEASE_MATCHERS: Final = 'model=~"$model",release=~"$release"'
MODEL_OF_CLUSTER: Final = f'{CLUSTER_MATCHER},model=~"$model"'
"""Matchers of series recorded by model."""
RELEASE_OF_CLUSTER: Final = f"{CLUSTER_MATCHER},{RELEASE_MATCHERS}"
"""Matchers of series recorded by release."""
SERVER_LABELS: Final = "cluster, job, instance, target"
SERVER_INFO: Final = f"inferfleet_server_info{{{SERVER_MATCHERS},{RELEASE_MATCHERS}}}"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and what its series are called in the legend."""

    expr: str
    legend: str = ""


def selector(name: str, *matchers: str, base: str = SERVER_MATCHERS) -> str:
    """Return a selector of one of the exporter's series, by its name without the prefix."""
    return f"inferfleet_{name}{{{','.join([base, *matchers])}}}"


def rate(name: str, *matchers: str, base: str = SERVER_MATCHERS) -> str:
    """Return a counter's increase per second."""
    return f"rate({selector(name, *matchers, base=base)}[$__rate_interval])"


def by_workload(info: Callable[[str], str], by: str) -> str:
    """Return an info series of servers by what keeps its name while pods change theirs.

    That is the workload, or the target of a server that belongs to none; `by` are labels beside
    cluster, namespace and workload, and `info` gives the series with one more matcher. Where
    Prometheus gave `namespace` to the exporter, the server's own is in `exported_namespace`.
    """
    labels = f"cluster, namespace, exported_namespace, {by}"
    # few are left of many servers before labels are replaced, which costs the most
    belonging, others = (info(f'workload{operator}""') for operator in ("!=", "="))
    belonging = f"group by ({labels}, workload) ({belonging})"
    others = f"group by ({labels}, target) ({others})"
    named = f'{belonging} or label_replace({others}, "workload", "$1", "target", "(.+)")'
    return f'label_replace({named}, "namespace", "$1", "exported_namespace", "(.+)")'


def sum_by(expr: str, by: str = "") -> str:
    """Return a sum, by some labels or over all."""
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


def max_by(expr: str, by: str = "") -> str:
    """Return the largest, by some labels or over all."""
    return f"max by ({by}) ({expr})" if by else f"max({expr})"


def ratio(numerator: str, denominator: str) -> str:
    """Return a quotient that is absent, not NaN, where its denominator is 0."""
    return f"{numerator} / ({denominator} > 0)"


def with_server_info(expr: str, labels: str = "model, release") -> str:
    """Return an expression of the servers selected, with labels of their identity."""
    return f"{expr} * on ({SERVER_LABELS}) group_left ({labels}) {SERVER_INFO}"


def sum_over_servers(expr: str, by: str) -> str:
    """Return a sum over the servers chosen, by labels of their identity.

    Each server's series are summed before the join, which costs the more the more it joins.
    """
    return sum_by(
        f"{sum_by(expr, SERVER_LABELS)} * on ({SERVER_LABELS}) group_left ({by}) {SERVER_INFO}",
        f"cluster, {by}",
    )


def of_selected_servers(expr: str) -> str:
    """Return an expression of the servers that the variables choose, its labels unchanged."""
    return f"({expr}) and on ({SERVER_LABELS}) {SERVER_INFO}"


def chosen(expr: str) -> str:
    """Return an expression of servers without those of a model or release that is not chosen.

    Servers that are down or load show no identity: of these the rules know the model for a day, and
    one whose model nobody knows stays.
    """
    others = (
        f'inferfleet_server_info{{{SERVER_MATCHERS},{label}!~"${label}"}}'
        for label in ("model", "release")
    )
    away = f'target:inferfleet_model:info{{{CLUSTER_MATCHER},model!~"$model"}}'
    not_chosen = (f" unless on ({SERVER_LABELS}) {other}" for other in others)
    return f"(({expr}){''.join(not_chosen)} unless on (cluster, target) {away})"


def mean(histogram: str, by: str = "") -> str:
    """Return a histogram's mean; unlike a quantile it does not depend on the buckets."""
    return ratio(
        sum_by(rate(f"{histogram}_sum"), by),
        sum_by(rate(f"{histogram}_count"), by),
    )


def quantile(q: float, histogram: str) -> str:
    """Return a quantile over all the servers chosen."""
    return f"histogram_quantile({q:g}, {sum_by(rate(f'{histogram}_bucket'), 'le')})"


def quantiles(histogram: str) -> tuple[Query, ...]:
    """Return the mean and the quantiles that people ask for."""
    return (
        Query(mean(histogram), "mean"),
        *(Query(quantile(q, histogram), f"p{q * 100:g}") for q in (0.5, 0.9, 0.99)),
    )


def joules_per_token(matchers: str) -> str:
    """Return recorded joules per token of releases whose GPUs work; idle ones make it any size."""
    working = f"release:inferfleet_generation_tokens_per_gpu:rate5m{{{matchers}}} > 10"
    return f"release:inferfleet_joules_per_token:ratio_rate5m{{{matchers}}} and {working}"


def buckets(histogram: str) -> Query:
    """Return a histogram's observations by bucket, for a heatmap."""
    name = selector(f"{histogram}_bucket")
    return Query(f"sum by (le) (increase({name}[$__rate_interval]))", "{{le}}")


def lowest_bound(histogram: str) -> str:
    """Return the upper bound of a histogram's first bucket, whatever the engine made it.

    Every bucket is given the same count, so all of it lies in the first one.
    """
    return f"histogram_quantile(1, sum by (le) (0 * {selector(f'{histogram}_bucket')} + 1))"


def highest_bound(histogram: str) -> str:
    """Return the largest finite bound of a histogram: all its mass is put above it."""
    below = selector(f"{histogram}_bucket", 'le!="+Inf"')
    above = selector(f"{histogram}_bucket", 'le="+Inf"')
    return f"histogram_quantile(1, sum by (le) (0 * {below} or 0 * {above} + 1))"


def resolution(q: float, histogram: str) -> str:
    """Return 1 where a quantile lies in the first bucket, 2 in the last one, 0 between."""
    value = quantile(q, histogram)
    first, last = lowest_bound(histogram), highest_bound(histogram)
    return f"({value} <= bool {first}) + 2 * ({value} >= bool {last})"
