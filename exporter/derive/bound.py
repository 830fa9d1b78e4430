"""What keeps a server from doing more."""

from collections.abc import Iterable
from typing import Final

from ..vocabulary.states import Bound
from .window import Window

QUEUED_SHARE: Final = 0.5
FULL_BATCH: Final = 0.95
FULL_CACHE: Final = 0.9
FULL_BUDGET: Final = 0.8


def bound_by(
    window: Window, sequences: float | None, budget: float | None, preemptions: float | None
) -> Bound | None:
    """Return the resource that bounds a server, None where a queue stands and no limit explains it.

    Without a queue in at least half of the samples, demand does. With one: sequences where the
    batch was full in half of the samples with a queue (`sequences` is how many may run); the KV
    cache where it was full as often, or requests were thrown out of it; the token budget where
    steps were nearly as large as allowed.
    """
    known = [interval for interval in window if interval.queue is not None]
    if not known:
        return None
    busy = [interval for interval in known if interval.queue]
    if len(busy) < QUEUED_SHARE * len(known):
        return "demand"
    if sequences and _mostly((interval.running for interval in busy), FULL_BATCH * sequences):
        return "sequences"
    if preemptions or _mostly((interval.kv_usage for interval in busy), FULL_CACHE):
        return "kv_cache"
    if budget is not None and budget >= FULL_BUDGET:
        return "token_budget"
    return None


def _mostly(values: Iterable[float | None], least: float) -> bool:
    """Whether at least half of the known values reach `least`."""
    reached = [value >= least for value in values if value is not None]
    return bool(reached) and 2 * sum(reached) >= len(reached)
