"""What follows from a plan alone: worked out once, kept for as long as the plan is in use."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from ..engines.plan import Plan

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def cached_by_plan(
    function: Callable[Concatenate[Plan, _Arguments], _Result],
) -> Callable[Concatenate[Plan, _Arguments], _Result]:
    """Keep what a function returns for a plan and its other arguments (positional, hashable).

    Plans are large and every new series on a page makes another: a cache of a fixed size would hold
    hundreds of MB of those that no server has any more. The result must not hold the plan itself.
    """
    results: WeakKeyDictionary[Plan, dict[object, _Result]] = WeakKeyDictionary()

    @wraps(function)
    def cached(plan: Plan, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        by_arguments = results.setdefault(plan, {})
        if args not in by_arguments:
            by_arguments[args] = function(plan, *args, **kwargs)
        return by_arguments[args]

    return cached
