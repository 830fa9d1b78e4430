"""What generated tokens cost, where the values give prices of GPUs; nothing where they do not.

Every GPU under a model's servers is paid for, those of servers that only prefill too, and so the
sums are over all GPU types and classes. One server without a price leaves its model without a cost.
"""

import json
from collections.abc import Iterator
from typing import Final

from .model import Group, Record
from .promql import union
from .values import Values

_INFO: Final = "target:inferfleet_server:info"
_PER_HOUR: Final = "target:inferfleet_gpu_cost:per_hour"
_LEVELS: Final = {"release": ("engine", "release", "model"), "model": ("model",)}
# from tokens per second and cost per hour to cost per million tokens
_FACTOR: Final = "1e6 / 3600"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the rules, which stand on those of the levels."""
    if not values.cost_per_gpu_hour:
        return ()
    rules = [
        Record(record=_PER_HOUR, expr=union(_prices(values))),
        *(
            Record(
                record=f"{level}:inferfleet_cost_per_million_generated_tokens:rate5m",
                expr=_cost(values, *labels),
            )
            for level, labels in _LEVELS.items()
        ),
    ]
    return (Group(name="inferfleet-cost", interval=values.interval, rules=tuple(rules)),)


def _prices(values: Values) -> Iterator[str]:
    """Yield what servers cost an hour, by price; the first pattern that matches a GPU counts."""
    before = list[str]()
    on = values.labels("target")
    for price in values.cost_per_gpu_hour:
        matchers = ", ".join([f"gpu_model=~{json.dumps(price.gpu_model)}", *before])
        yield (
            f"{price.cost:g} * target:inferfleet_gpus:max"
            f" * on {on} group_left () {_INFO}{{{matchers}}}"
        )
        before.append(f"gpu_model!~{json.dumps(price.gpu_model)}")


def _cost(values: Values, *labels: str) -> str:
    on, by = values.labels("target"), values.labels(*labels)
    join = f"* on {on} group_left ({', '.join(labels)}) {_INFO}"
    spent = f"sum by {by} ({_PER_HOUR} {join})"
    tokens = f"sum by {by} (target:inferfleet_generation_tokens:rate5m {join})"
    unpriced = f"group by {by} ({_INFO} unless on {on} {_PER_HOUR})"
    return f"{_FACTOR} * {spent} / ({tokens} > 0) unless on {by} {unpriced}"
