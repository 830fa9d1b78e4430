"""Joules for each token, and watts while there is nothing to do.

Idle energy is told apart: spread over the few tokens of a quiet hour it would make an efficient
server look wasteful.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .interval import Interval
from .window import Window


@dataclass(frozen=True, slots=True)
class Energy:
    """A server's energy over its window, None where unknown or not the server's alone.

    Joules per generated token; joules per token processed, prompt tokens from caches left out;
    mean watts of all its GPUs while no request was there, nor shortly before and after.
    """

    joules_per_token: float | None = None
    joules_per_processed_token: float | None = None
    idle_watts: float | None = None


def energy(window: Window) -> Energy:
    """Return a window's energy figures.

    Work and idleness are told apart by intervals, which takes a counter that is renewed about as
    often. A slower one is a mean over both, and speaks only where there was work all the time.
    """
    told = [interval for interval in window if interval.drawn is not None]
    idle = [interval for interval in told if interval.idle]
    if idle and not all(interval.drawn and interval.drawn.fine for interval in told):
        return Energy()
    busy = [interval for interval in told if not interval.idle]
    joules = _joules(busy)
    return Energy(
        joules_per_token=_over(joules, _made(busy)),
        joules_per_processed_token=_over(joules, _processed(busy)),
        idle_watts=_watts(_inside(window)),
    )


def _inside(window: Window) -> list[Interval]:
    """Return the idle intervals beside no work: at its edges power has yet to settle."""
    intervals = list(window)
    return [
        one
        for i, one in enumerate(intervals)
        if one.drawn and all(near.idle for near in intervals[max(i - 1, 0) : i + 2])
    ]


def _watts(intervals: Iterable[Interval]) -> float | None:
    quiet = list(intervals)
    return _over(_joules(quiet), sum(interval.seconds for interval in quiet))


def _joules(intervals: Iterable[Interval]) -> float:
    return sum(interval.drawn.joules for interval in intervals if interval.drawn)


def _made(intervals: Iterable[Interval]) -> float | None:
    """Tokens generated: counted as they are made, where the engine also counts at the end."""
    decoded = _total(intervals, "decode_tokens")
    if decoded is not None:
        return decoded + (_total(intervals, "first_tokens") or 0.0)
    return _total(intervals, "generation_tokens")


def _processed(intervals: Iterable[Interval]) -> float | None:
    """Tokens the GPUs computed: generated ones, and prompt tokens no cache held."""
    made, computed = _made(intervals), _total(intervals, "prompt_tokens_computed")
    return None if made is None or computed is None else made + computed


def _total(intervals: Iterable[Interval], quantity: str) -> float | None:
    amounts = [interval.increase.get(quantity) for interval in intervals]
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known and len(known) == len(amounts) else None


def _over(part: float, whole: float | None) -> float | None:
    return part / whole if whole else None
