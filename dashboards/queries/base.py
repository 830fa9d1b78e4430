"""What the queries are made of: the selectors of the dashboards' variables, rates and ratios.

A server is one `job`, `instance` and `target`: exporters beside their servers often give every
target the same name. Two exporters watching one server are told apart by `instance`.
"""

from dataclasses import dataclass
from typing import Final

EXPORTER: Final = 'job=~"$job",instance=~"$instance"'
# escaped, and so between backticks: an IPv6 address is no pattern
SERVER: Final = f"{EXPORTER},target=~`${{target:regex}}`"
RECORDED: Final = 'model=~"$model",release=~"$release"'
WHO: Final = "job, instance, target"
INFO: Final = f"inferfleet_server_info{{{SERVER},{RECORDED}}}"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and what its series are called in the legend."""

    expr: str
    legend: str = ""


def series(name: str, *matchers: str, of: str = SERVER) -> str:
    """Return a selector of one of the exporter's series, by its name without the prefix."""
    return f"inferfleet_{name}{{{','.join([of, *matchers])}}}"


def rate(name: str, *matchers: str, of: str = SERVER) -> str:
    """Return a counter's increase per second."""
    return f"rate({series(name, *matchers, of=of)}[$__rate_interval])"


def total(expr: str, by: str = "") -> str:
    """Return a sum, by some labels or over all."""
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


def largest(expr: str, by: str = "") -> str:
    """Return the largest, by some labels or over all."""
    return f"max by ({by}) ({expr})" if by else f"max({expr})"


def ratio(part: str, whole: str) -> str:
    """Return a quotient that is absent, not NaN, where its whole is 0."""
    return f"{part} / ({whole} > 0)"


def joined(expr: str, labels: str = "model, release") -> str:
    """Return an expression of servers with labels of who they are; variables choose among them."""
    return f"{expr} * on ({WHO}) group_left ({labels}) {INFO}"


def summed(expr: str, by: str) -> str:
    """Return a sum over the servers chosen, by labels of who they are.

    Each server's series are summed before the join, which costs the more the more it joins.
    """
    return total(f"{total(expr, WHO)} * on ({WHO}) group_left ({by}) {INFO}", by)


def chosen(expr: str) -> str:
    """Return an expression of the servers that the variables choose, its labels unchanged."""
    return f"({expr}) and on ({WHO}) {INFO}"


def mean(histogram: str, by: str = "") -> str:
    """Return a histogram's mean; unlike a quantile it does not depend on the buckets."""
    return ratio(
        total(rate(f"{histogram}_sum"), by),
        total(rate(f"{histogram}_count"), by),
    )


def quantile(q: float, histogram: str) -> str:
    """Return a quantile over all the servers chosen."""
    return f"histogram_quantile({q:g}, {total(rate(f'{histogram}_bucket'), 'le')})"


def quantiles(histogram: str) -> tuple[Query, ...]:
    """Return the mean and the quantiles that people ask for."""
    return (
        Query(mean(histogram), "mean"),
        *(Query(quantile(q, histogram), f"p{q * 100:g}") for q in (0.5, 0.9, 0.99)),
    )


def joules(matchers: str) -> str:
    """Return recorded joules per token of releases whose GPUs work; idle ones make it any size."""
    working = f"release:inferfleet_generation_tokens_per_gpu:rate5m{{{matchers}}} > 10"
    return f"release:inferfleet_joules_per_token:ratio_rate5m{{{matchers}}} and {working}"


def buckets(histogram: str) -> Query:
    """Return a histogram's observations by bucket, for a heatmap."""
    name = series(f"{histogram}_bucket")
    return Query(f"sum by (le) (increase({name}[$__rate_interval]))", "{{le}}")


def lowest_bound(histogram: str) -> str:
    """Return the upper bound of a histogram's first bucket, whatever the engine made it.

    Every bucket is given the same count, so all of it lies in the first one.
    """
    return f"histogram_quantile(1, sum by (le) (0 * {series(f'{histogram}_bucket')} + 1))"


def highest_bound(histogram: str) -> str:
    """Return the largest finite bound of a histogram: all its mass is put above it."""
    below = series(f"{histogram}_bucket", 'le!="+Inf"')
    above = series(f"{histogram}_bucket", 'le="+Inf"')
    return f"histogram_quantile(1, sum by (le) (0 * {below} or 0 * {above} + 1))"


def resolution(q: float, histogram: str) -> str:
    """Return 1 where a quantile lies in the first bucket, 2 in the last one, 0 between."""
    value = quantile(q, histogram)
    first, last = lowest_bound(histogram), highest_bound(histogram)
    return f"({value} <= bool {first}) + 2 * ({value} >= bool {last})"
