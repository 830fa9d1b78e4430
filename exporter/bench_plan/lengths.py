"""Lengths of requests from a histogram: mean, spread and quantiles. Pure arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, sqrt
from typing import Final

MAX_TOKENS: Final = 1e9
"""Tokens that no request has: a longer one is no measurement."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths of requests in tokens; what is unknown is None.

    `beyond_share` is the share of requests longer than the last bound, whose length is unknown:
    they are taken to be as long as that bound, and the spread is a lower limit where there are any.
    """

    requests: float
    mean: float
    stddev: float | None = None
    median: float | None = None
    p90: float | None = None
    beyond_share: float = 0.0


def lengths_of(cumulative: Mapping[float, float], total: float, count: float) -> Lengths | None:
    """Return the lengths in a histogram, None where it holds no request that can be true.

    `cumulative` has the requests up to each upper bound in tokens, infinity among them, `total` the
    sum of all lengths, `count` the requests. Inside a bucket lengths are taken to be uniform, as
    PromQL's `histogram_quantile` does, and the spread is scaled to the exact mean; one narrower
    than a bucket does not show.
    """
    if count <= 0 or not 0 <= total / count < MAX_TOKENS:
        return None
    mean = total / count
    buckets = _buckets(cumulative)
    counted = sum(requests for _, _, requests in buckets)
    if counted <= 0:
        return Lengths(count, mean)
    bounds = [upper for _, upper, _ in buckets if upper < inf]
    last = max(bounds, default=0.0)
    beyond = sum(requests for _, upper, requests in buckets if upper == inf) / counted
    first = second = 0.0
    for lower, upper, requests in buckets:
        upper = last if upper == inf else upper
        share = requests / counted
        first += share * (lower + upper) / 2.0
        second += share * (lower**2 + lower * upper + upper**2) / 3.0
    if first <= 0:
        # every request is longer than the last bound, or as long as none
        return Lengths(count, mean, beyond_share=beyond)
    # in a falling tail the middle of a bucket is too far out, by as much as their mean is
    stddev = sqrt(max(second - first**2, 0.0)) * mean / first
    median, p90 = (_quantile(buckets, counted, share) for share in (0.5, 0.9))
    return Lengths(count, mean, stddev, median, p90, beyond)


def _buckets(cumulative: Mapping[float, float]) -> list[tuple[float, float, float]]:
    """Return lower bound, upper bound and requests of each bucket that holds any."""
    buckets, lower, reached = [], 0.0, 0.0
    for upper in sorted(cumulative):
        # servers with other bounds lack some: what is counted below is counted here as well
        requests = max(cumulative[upper], reached) - reached
        if requests > 0:
            buckets.append((lower, upper, requests))
        reached += requests
        lower = upper
    return buckets


def _quantile(
    buckets: list[tuple[float, float, float]], counted: float, share: float
) -> float | None:
    """Return the length that a share of the requests do not exceed, None beyond the last bound."""
    rank = share * counted
    for lower, upper, requests in buckets:
        if rank <= requests:
            return None if upper == inf else lower + (upper - lower) * rank / requests
        rank -= requests
    return None
