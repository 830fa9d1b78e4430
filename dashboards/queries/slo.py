"""The SLO dashboard's queries: the error budgets that the alerts watch, and who spends them.

All shares are recorded by the rules, so that alerts and dashboard tell the same; what counts as
good is set in the rules' values.
"""

from typing import Final

from .base import (
    CLUSTER_MATCHER,
    MODEL_OF_CLUSTER,
    RELEASE_OF_CLUSTER,
    Query,
    rate,
    ratio,
    sum_over_servers,
)

WINDOWS: Final = ("1h", "3d")
OBJECTIVES: Final = ("time_to_first_token", "inter_token_latency", "errors")


def _bad(objective: str, window: str) -> str:
    return f"model:inferfleet_{objective}_slo_bad:ratio_rate{window}{{{MODEL_OF_CLUSTER}}}"


def _sum_over_range(name: str) -> str:
    return f"sum_over_time({name}:rate5m{{{MODEL_OF_CLUSTER}}}[$__range])"


def _bad_in_range(objective: str) -> str:
    events = f"model:inferfleet_{objective}_slo"
    return ratio(_sum_over_range(f"{events}_bad_events"), _sum_over_range(f"{events}_events"))


def attained(objective: str) -> Query:
    """Return the share of good events, by model."""
    return Query(f"1 - {_bad(objective, '5m')}", "{{model}} {{cluster}}")


def attained_in_range(objective: str) -> Query:
    """Return the share of good events over the whole time shown."""
    return Query(f"1 - {_bad_in_range(objective)}", "{{model}} {{cluster}}")


def budget(objective: str, promise: str) -> Query:
    """Return the share of the error budget left over the time shown; below 0 it is overspent."""
    return Query(
        f"1 - ({_bad_in_range(objective)}) / (1 - ${promise} / 100)", "{{model}} {{cluster}}"
    )


def burn(objective: str, promise: str, window: str) -> Query:
    """Return how many times as fast as allowed the budget is spent, over a window."""
    return Query(
        f"{_bad(objective, window)} / (1 - ${promise} / 100)", "{{model}} {{cluster}} " + window
    )


def by_release(record: str) -> Query:
    """Return a recorded share by release."""
    return Query(
        f"release:inferfleet_{record}{{{RELEASE_OF_CLUSTER}}}", "{{model}} {{release}} {{cluster}}"
    )


def lowest_servers(record: str) -> Query:
    """Return the ten servers with the smallest recorded share."""
    return Query(
        f"bottomk(10, target:inferfleet_{record}{{{CLUSTER_MATCHER},target=~`${{target:regex}}`}})",
        "{{target}} {{cluster}}",
    )


ERRORS_OF_RELEASE: Final = by_release("http_errors:ratio_rate5m")
REFUSED: Final = Query(
    sum_over_servers(rate("requests_rejected_total"), "model"), "{{model}} {{cluster}} rejected"
)
FAILED: Final = Query(
    ratio(
        sum_over_servers(rate("requests_finished_total", 'reason="error"'), "model"),
        sum_over_servers(rate("requests_finished_total"), "model"),
    ),
    "{{model}} {{cluster}} failed by the engine",
)
ABORTED: Final = Query(
    ratio(
        sum_over_servers(rate("requests_finished_total", 'reason="abort"'), "model"),
        sum_over_servers(rate("requests_finished_total"), "model"),
    ),
    "{{model}} {{cluster}} given up by clients",
)
