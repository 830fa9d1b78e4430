"""The SLO dashboard's queries: which share of first tokens and of gaps was fast enough.

The objectives are bounds of the engine's own buckets, so the shares are counted, not interpolated.
"""

from typing import Final

from .base import Query, joined, rate, ratio, series, total

WINDOWS: Final = ("5m", "1h", "6h", "3d")
_OBJECTIVES: Final = {
    "time_to_first_token_seconds": "$ttft",
    "inter_token_latency_seconds": "$itl",
}
TTFT: Final = "time_to_first_token_seconds"
ITL: Final = "inter_token_latency_seconds"


def _within(histogram: str, window: str, by: str) -> str:
    le = f'le="{_OBJECTIVES[histogram]}"'
    good = f"increase({series(f'{histogram}_bucket', le)}[{window}])"
    every = f"increase({series(f'{histogram}_count')}[{window}])"
    return ratio(total(joined(good), by), total(joined(every), by))


def attained(histogram: str) -> Query:
    """Return the share within the objective, by model."""
    return Query(_within(histogram, "$__rate_interval", "model"), "{{model}}")


def attained_by_release(histogram: str) -> Query:
    """Return the share within the objective, by model and release."""
    return Query(_within(histogram, "$__rate_interval", "model, release"), "{{model}} {{release}}")


def attained_in_range(histogram: str) -> Query:
    """Return the share within the objective over the whole time shown."""
    return Query(_within(histogram, "$__range", "model"), "{{model}}")


def budget(histogram: str) -> Query:
    """Return the share of the error budget left over the time shown; below 0 it is overspent."""
    return Query(
        f"1 - (1 - ({_within(histogram, '$__range', 'model')})) / (1 - $objective / 100)",
        "{{model}}",
    )


def burn(histogram: str, window: str) -> Query:
    """Return how many times as fast as allowed the budget is spent, over a window."""
    return Query(
        f"(1 - ({_within(histogram, window, 'model')})) / (1 - $objective / 100)",
        "{{model}} " + window,
    )


SERVED: Final = Query(
    ratio(
        total(joined(rate("requests_finished_total", 'reason!="error"')), "model"),
        total(joined(rate("requests_finished_total")), "model"),
    ),
    "{{model}}",
)
REFUSED: Final = Query(
    total(joined(rate("requests_rejected_total")), "model"), "{{model}} rejected"
)
SERVER_ERRORS: Final = Query(
    ratio(
        total(joined(rate("http_responses_total", 'status="5xx"')), "model"),
        total(joined(rate("http_responses_total")), "model"),
    ),
    "{{model}} 5xx",
)
WORST: Final = Query(
    "bottomk(10, "
    + ratio(
        total(rate(f"{TTFT}_bucket", 'le="$ttft"'), "target"),
        total(rate(f"{TTFT}_count"), "target"),
    )
    + ")",
    "{{target}}",
)
RECORDED: Final = Query(
    'model:inferfleet_time_to_first_token_slo:ratio_rate5m{model=~"$model"}', "{{model}}"
)
