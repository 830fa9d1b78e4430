"""The last minute or so of one server, as whole intervals."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ..engines.plan import Plan, Snapshot
from ..gpu.energy import EnergyUse
from .interval import Interval, between

LONGEST_HOLD: Final = 30.0
"""Seconds; two reports of Ray's workers may be 20 s apart. What stands longer is idle."""


def longest_hold(plan: Plan) -> float:
    """Return for how long an interval may stay open beyond the time between two samples."""
    return LONGEST_HOLD if plan.relayed else 0.0


def on_hold(last: Snapshot, snapshot: Snapshot) -> bool:
    """Whether an interval stays open, the page being as it was at its start.

    Where engines report to whoever serves the page, it stands still between two reports, however
    often it is read. Counted as they come, such intervals would be idle ones with bursts in
    between, each under the batch of the wrong moment; joined up to the next report they are what
    happened.
    """
    return (
        last.plan is snapshot.plan
        and snapshot.time - last.time < longest_hold(snapshot.plan)
        and last.values == snapshot.values
    )


class Window:
    """Keeps the intervals of the last `seconds`; never one that straddles a restart.

    They are the whole server's, or those of one `engine` of it.

    An interval longer than the window (samples were missed) is dropped with all before it: its
    mean says nothing about now, and what stands before it is older still.
    """

    def __init__(self, seconds: float, engine: str | None = None) -> None:
        self.engine = engine
        self._seconds = seconds
        self._intervals: deque[Interval] = deque()
        self._last: Snapshot | None = None
        self._total = 0.0
        self._increase: dict[str, float] = {}

    def add(self, snapshot: Snapshot, energy: EnergyUse | None = None) -> bool:
        """Add the next snapshot; return True where it shows that the server restarted.

        `energy` is what the server's GPUs used since the snapshot before.
        """
        last, self._last = self._last, snapshot
        if last is None:
            return False
        old, new = last.plan, snapshot.plan
        if old.version != new.version or old.key != new.key:
            # another meaning, or other names of the same engines
            self._reset()
            return False
        interval = between(last, snapshot, self.engine)
        if interval is None:
            self._reset()
            return True
        if interval.seconds > self._seconds:
            self._reset()
            return False
        self._intervals.append(interval if energy is None else replace(interval, energy=energy))
        self._total = sum(interval.seconds for interval in self._intervals)
        # the fewest whole intervals that cover the window: counters cannot be read at its edge
        while self._total - self._intervals[0].seconds >= self._seconds:
            self._intervals.popleft()
            self._total = sum(interval.seconds for interval in self._intervals)
        # added up once for each snapshot: every figure asks for its sums, some more than once
        self._increase = {}
        for interval in self._intervals:
            for quantity, amount in interval.increase.items():
                self._increase[quantity] = self._increase.get(quantity, 0.0) + amount
        return False

    def forget_energy(self) -> None:
        """Take that the energy of the intervals was not the server's alone."""
        if any(interval.energy for interval in self._intervals):
            self._intervals = deque(replace(old, energy=None) for old in self._intervals)

    def clear(self) -> None:
        """Forget everything: the next snapshot is that of a restarted server."""
        self._reset()
        self._last = None

    def _reset(self) -> None:
        self._intervals.clear()
        self._total, self._increase = 0.0, {}

    def __iter__(self) -> Iterator[Interval]:
        """Yield the intervals, oldest first."""
        return iter(self._intervals)

    def __len__(self) -> int:
        """Return how many intervals there are."""
        return len(self._intervals)

    @property
    def last(self) -> Snapshot | None:
        """The newest snapshot."""
        return self._last

    @property
    def seconds(self) -> float:
        """The time the intervals cover together, in seconds."""
        return self._total

    def increase(self, quantity: str) -> float | None:
        """Return how much a quantity grew over the window, None where no interval has it."""
        return self._increase.get(quantity)

    def rate(self, quantity: str) -> float | None:
        """Return a quantity's growth per second over the window, None where unknown."""
        increase, seconds = self.increase(quantity), self.seconds
        return None if increase is None or seconds <= 0 else increase / seconds
