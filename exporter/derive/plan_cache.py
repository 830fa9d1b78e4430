"""What follows from a plan alone: worked out once, kept for as long as the plan is in use."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from ..engines.plan import Plan

_More = ParamSpec("_More")
_Found = TypeVar("_Found")


def once(
    work_out: Callable[Concatenate[Plan, _More], _Found],
) -> Callable[Concatenate[Plan, _More], _Found]:
    """Keep what a function returns for a plan and what else it takes (positional, hashable).

    Plans are large and every new series on a page makes another: a cache of a fixed size would hold
    hundreds of MB of those that no server has any more. The result must not hold the plan itself.
    """
    held: WeakKeyDictionary[Plan, dict[object, _Found]] = WeakKeyDictionary()

    @wraps(work_out)
    def kept(plan: Plan, /, *more: _More.args, **named: _More.kwargs) -> _Found:
        known = held.setdefault(plan, {})
        if more not in known:
            known[more] = work_out(plan, *more, **named)
        return known[more]

    return kept
