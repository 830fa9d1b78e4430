"""Joules for each token, and watts while there is nothing to do.

Idle energy is kept apart: spread over the few tokens of a quiet hour it would make an efficient
server look wasteful.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .interval import Interval
from .window import Window


@dataclass(frozen=True, slots=True)
class WindowEnergy:
    """A server's energy over its window, None where unknown or not the server's alone.

    Joules per generated token; joules per token processed, prompt tokens from caches left out;
    mean watts of all its GPUs while no request was there, nor shortly before and after.
    """

    joules_per_token: float | None = None
    joules_per_processed_token: float | None = None
    idle_watts: float | None = None


_UNKNOWN: Final = WindowEnergy()


def window_energy(window: Window) -> WindowEnergy:
    """Return a window's energy figures.

    Work and idleness are separated by intervals, which takes a counter that is renewed about as
    often. A slower one is a mean over both, and is used only where there was work all the time.
    """
    # while an engine is not on the page its GPUs go on, and what they do is not known
    most = max((len(interval.engines) for interval in window), default=0)
    metered = [i for i in window if i.energy is not None and len(i.engines) == most]
    if not metered:
        return _UNKNOWN
    busy = [interval for interval in metered if not interval.idle]
    if len(busy) < len(metered) and not all(
        interval.energy and interval.energy.fine for interval in metered
    ):
        return _UNKNOWN
    joules = _joules(busy)
    return WindowEnergy(
        joules_per_token=_quotient(joules, _generated(busy)),
        joules_per_processed_token=_quotient(joules, _processed(busy)),
        idle_watts=_watts(_settled_idle(window)),
    )


def _settled_idle(window: Window) -> list[Interval]:
    """Return the idle intervals with no work in the one before or after.

    Beside work the power is not yet that of idleness: clocks stay up for seconds after the last
    token, and an energy counter that is renewed at moments of its own smears the energy of the work
    over the edge.
    """
    intervals = list(window)
    return [
        interval
        for i, interval in enumerate(intervals)
        if interval.energy and all(near.idle for near in intervals[max(i - 1, 0) : i + 2])
    ]


def _watts(intervals: list[Interval]) -> float | None:
    return _quotient(_joules(intervals), sum(interval.seconds for interval in intervals))


def _joules(intervals: Iterable[Interval]) -> float:
    return sum(interval.energy.joules for interval in intervals if interval.energy)


def _generated(intervals: Iterable[Interval]) -> float | None:
    """Tokens generated: counted as they are made, where the engine also counts at the end."""
    decoded = _total(intervals, "decode_tokens")
    if decoded is not None:
        return decoded + (_total(intervals, "first_tokens") or 0.0)
    return _total(intervals, "generation_tokens")


def _processed(intervals: Iterable[Interval]) -> float | None:
    """Tokens the GPUs computed: generated ones, and prompt tokens no cache held."""
    generated, computed = _generated(intervals), _total(intervals, "prompt_tokens_computed")
    return None if generated is None or computed is None else generated + computed


def _total(intervals: Iterable[Interval], quantity: str) -> float | None:
    """Return a quantity's sum, None where one interval lacks it: its joules are in the sum too."""
    amounts = [interval.increase.get(quantity) for interval in intervals]
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known and len(known) == len(amounts) else None


def _quotient(numerator: float, denominator: float | None) -> float | None:
    return numerator / denominator if denominator else None
