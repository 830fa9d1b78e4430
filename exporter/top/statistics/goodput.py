"""How much of the work met its objectives."""

from dataclasses import dataclass

from ...derive.counters.histogram import Histogram, Share


@dataclass(frozen=True, slots=True)
class Objective:
    """`share` of the events shall take at most `threshold` seconds."""

    threshold: float
    share: float


@dataclass(frozen=True, slots=True)
class Objectives:
    """The objectives of one model."""

    time_to_first_token: Objective
    inter_token_latency: Objective


@dataclass(frozen=True, slots=True)
class Attainment:
    """An objective beside the share of events that met it; None where there was no event."""

    objective: Objective
    good: Share | None


def attainment(histogram: Histogram | None, objective: Objective) -> Attainment:
    """Return the share of a window's events within an objective's threshold."""
    return Attainment(objective, histogram.within(objective.threshold) if histogram else None)


def goodput(
    first: Histogram | None, per_token: Histogram | None, objectives: Objectives, seconds: float
) -> Share | None:
    """Return the requests per second that met both objectives, between two bounds.

    `first` is the time to the first token and `per_token` the mean time per token of each request
    that finished in so many `seconds`. The two histograms do not say which request is which, so the
    share that met both is only known to lie between the bounds of Fréchet:
    max(0, a + b - 1) <= P(A and B) <= min(a, b). None where either is unknown.
    """
    if not first or not per_token or seconds <= 0:
        return None
    in_time = first.within(objectives.time_to_first_token.threshold)
    steady = per_token.within(objectives.inter_token_latency.threshold)
    if in_time is None or steady is None:
        return None
    rate = per_token.count / seconds
    low = max(0.0, in_time.low + steady.low - 1.0)
    return Share(low * rate, min(in_time.high, steady.high) * rate)
