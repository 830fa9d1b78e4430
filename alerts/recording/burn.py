"""Share of bad events by model and window, for error budgets.

A long window's share is the sum of its five-minute rates of bad events over that of all events, so
that it costs the same however long it is, and a restart costs one sample instead of the window.
"""

from typing import Final

from ..model import Group, Record
from ..values import Values

# what an objective is called, and its parts by server: good or bad events, and all of them
OBJECTIVES: Final = ("time_to_first_token", "inter_token_latency", "errors")
_GOOD: Final = {
    "time_to_first_token": (
        "target:inferfleet_time_to_first_token_within_slo:rate5m",
        "target:inferfleet_time_to_first_token_seconds_count:rate5m",
    ),
    "inter_token_latency": (
        "target:inferfleet_inter_token_latency_within_slo:rate5m",
        "target:inferfleet_inter_token_latency_seconds_count:rate5m",
    ),
}
_FAILED: Final = (
    "target:inferfleet_http_responses_failed:rate5m",
    "target:inferfleet_http_responses:rate5m",
)


def events(objective: str) -> str:
    """Return the record of an objective's events per second."""
    return f"model:inferfleet_{objective}_slo_events:rate5m"


def bad(objective: str) -> str:
    """Return the record of an objective's bad events per second."""
    return f"model:inferfleet_{objective}_slo_bad_events:rate5m"


def share(objective: str, window: str) -> str:
    """Return the record of an objective's bad share over a window."""
    return f"model:inferfleet_{objective}_slo_bad:ratio_rate{window}"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the rules of every objective."""
    burns = (*values.slo.fast, *values.slo.slow)
    windows = dict.fromkeys(window for burn in burns for window in (burn.short, burn.long))
    rules: list[Record] = []
    for objective in OBJECTIVES:
        rules += _events(values, objective)
        rules += [_share(objective, window) for window in windows]
    return (Group(name="inferfleet-slo-burn", interval=values.interval, rules=tuple(rules)),)


def _events(values: Values, objective: str) -> tuple[Record, Record]:
    if objective in _GOOD:
        good, every = _GOOD[objective]
        parts = f"{every} and {good}", f"{every} - {good}"
    else:
        failed, every = _FAILED
        parts = f"{every} and {failed}", f"{failed} and {every}"
    join = f"* on {values.labels('target')} group_left (model) target:inferfleet_server:info"
    level = f"sum by {values.labels('model')}"
    return (
        Record(record=events(objective), expr=f"{level} (({parts[0]}) {join})"),
        Record(record=bad(objective), expr=f"{level} (({parts[1]}) {join})"),
    )


def _share(objective: str, window: str) -> Record:
    if window == "5m":  # the rates are five minutes wide already
        expr = f"{bad(objective)} / ({events(objective)} > 0)"
    else:
        expr = (
            f"sum_over_time({bad(objective)}[{window}])"
            f" / (sum_over_time({events(objective)}[{window}]) > 0)"
        )
    return Record(record=share(objective, window), expr=expr)
