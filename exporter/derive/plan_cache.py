"""What follows from a plan alone: worked out once, kept by the plan."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from ..engines.plan import Plan

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def cached_by_plan(
    function: Callable[Concatenate[Plan, _Arguments], _Result],
) -> Callable[Concatenate[Plan, _Arguments], _Result]:
    """Keep what a function returns for a plan and its other arguments (positional, hashable).

    Plans are large and every new series on a page makes another: a cache of a fixed size would hold
    hundreds of MB of those that no server has any more.
    """

    @wraps(function)
    def cached(plan: Plan, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        key = cached, args
        if key not in plan.results:
            plan.results[key] = function(plan, *args, **kwargs)
        return cast(_Result, plan.results[key])

    return cached
