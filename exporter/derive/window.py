"""The last minute or so of one server, as whole intervals."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from ..base.exact_sum import exact_sum
from ..engines.plan import Plan, Snapshot
from ..gpu.energy import EnergyUse
from .counters.latency_buckets import BucketCounts, bucket_counts
from .counters.limits import ServerLimits
from .interval import Interval, between

_UNLIMITED: Final = ServerLimits()

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
        # the counts at the start of each interval
        self._buckets: deque[BucketCounts] = deque()
        self._last: Snapshot | None = None
        self._complete: bool | None = None

    def add(
        self,
        snapshot: Snapshot,
        energy: EnergyUse | None = None,
        limits: ServerLimits = _UNLIMITED,
        server_interval: Interval | None = None,
    ) -> bool:
        """Add the next snapshot; return True where it shows that the server restarted.

        `energy` is what the server's GPUs used since the snapshot before, `limits` are the
        server's. `server_interval` is the one since then, where it is worked out already.
        """
        last, self._last = self._last, snapshot
        self._complete = None
        if last is None:
            return False
        old, new = last.plan, snapshot.plan
        if old.version != new.version or old.key != new.key:
            # another meaning, or other names of the same engines
            self._reset()
            return False
        since_last = server_interval or between(last, snapshot, limits)
        interval = since_last and self._own(since_last)
        if interval is None:
            self._reset()
            return True
        if interval.seconds > self._seconds:
            self._reset()
            return False
        if energy is not None and interval.complete:
            interval = replace(interval, energy=energy)
        self._intervals.append(interval)
        if self.engine is None:
            self._buckets.append(bucket_counts(last))
        # the fewest whole intervals that cover the window: counters cannot be read at its edge
        while self.seconds - self._intervals[0].seconds >= self._seconds:
            self._intervals.popleft()
            if self._buckets:
                self._buckets.popleft()
        return False

    def _own(self, server_interval: Interval) -> Interval | None:
        """Return the interval of what the window is of, None where that restarted."""
        if self.engine is None:
            return server_interval
        part = server_interval.engines.get(self.engine, "gap")
        if isinstance(part, Interval):
            return replace(part, engine_count=1, engines={self.engine: part})
        if part == "restart":
            return None
        engines = {self.engine: part}
        return Interval(
            server_interval.seconds, {}, None, None, None, engines=engines, complete=False
        )

    def copy(self) -> "Window":
        """Return this window as it is now: what is added to either does not reach the other."""
        copy = Window(self._seconds, self.engine)
        copy._intervals, copy._last = self._intervals.copy(), self._last
        copy._buckets = self._buckets.copy()
        return copy

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
        self._buckets.clear()

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
        return sum([interval.seconds for interval in self._intervals])

    def increase(self, quantity: str) -> float | None:
        """Return how much a quantity grew over the window, None where no interval has it."""
        amounts = [
            interval.increase[quantity]
            for interval in self._intervals
            if quantity in interval.increase
        ]
        return sum(amounts) if amounts else None

    @property
    def newest(self) -> Interval | None:
        """The newest interval."""
        return self._intervals[-1] if self._intervals else None

    def rate(self, quantity: str) -> float | None:
        """Return a quantity's growth per second over the window, None where unknown.

        Where the work of an engine is not known for all of the window, its rate is that over the
        rest. An engine that has left the page has none.
        """
        increase, seconds = self.increase(quantity), self.seconds
        if increase is None or seconds <= 0:
            return None
        if self.complete:
            return increase / seconds
        rates = list[float]()
        for engine in self._intervals[-1].engines:
            amounts, known = self._of_engine(engine, quantity)
            if known <= 0:
                return None
            rates.append(exact_sum(amounts) / known)
        return exact_sum(rates)

    def latency_quantile(self, family: str, share: float) -> float | None:
        """Return a latency's quantile over the window, in seconds; None where it is unknown."""
        if not self._buckets or self._last is None or not self.complete:
            return None
        added = self._buckets[0].growth(bucket_counts(self._last), family)
        quantile = added.quantile(share) if added else None
        return quantile.value if quantile else None

    @property
    def complete(self) -> bool:
        """Whether the work of the same engines is known all the time."""
        if self._complete is None:
            self._complete = self._is_complete()
        return self._complete

    def _is_complete(self) -> bool:
        engines = self._intervals[-1].engines.keys()
        return all(
            interval.complete and not interval.unknown and interval.engines.keys() == engines
            for interval in self._intervals
        )

    def _of_engine(self, engine: str, quantity: str) -> tuple[list[float], float]:
        """Return an engine's growth by interval, and the seconds for which it is known."""
        parts = [interval.engines.get(engine) for interval in self._intervals]
        known_parts = [part for part in parts if isinstance(part, Interval)]
        # engines that create series on first use did nothing before; where a lifetime came with the
        # series, what was done before is unknown
        absent_is_none = not any(quantity in part.unknown for part in known_parts)
        amounts, known = list[float](), 0.0
        for part in known_parts:
            if quantity in part.increase:
                amounts.append(part.increase[quantity])
                known += part.seconds
            elif absent_is_none:
                known += part.seconds
        return amounts, known
