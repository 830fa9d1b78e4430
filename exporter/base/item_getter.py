"""Several items of a sequence at once."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TypeVar

T = TypeVar("T")


def item_getter(indices: Sequence[int]) -> Callable[[Sequence[T]], tuple[T, ...]]:
    """Return what picks the items at these places, in their order."""
    if len(indices) > 1:
        return itemgetter(*indices)
    return lambda items: tuple(items[i] for i in indices)
