"""The last minute or so of one server's events."""

from collections import deque
from collections.abc import Mapping
from math import isfinite

from ...base.untrusted import finite
from ...derive.counters.growth import growth_between
from ...derive.counters.histogram import Histogram, histogram_of
from ...derive.counters.limits import ServerLimits
from ...derive.interval import Interval, between
from ...engines.plan import Snapshot
from .event_counters import bucket_quantities, event_counters, label_values


class RollingWindow:
    """Adds up the growth of event counters over the last `seconds`; never over a restart.

    What an engine did between two pages counts where it counts for the figures too: an engine that
    restarted, joined, or grew by more than it can have done is left out.
    """

    def __init__(self, seconds: float) -> None:
        self._length = seconds
        self._intervals: deque[tuple[float, Mapping[str, float]]] = deque()
        self._sums: dict[str, float] = {}
        self.seconds = 0.0
        self.last: Snapshot | None = None

    def add(self, snapshot: Snapshot, limits: ServerLimits) -> None:
        """Add the next snapshot; one of another process or release begins anew."""
        last, self.last = self.last, snapshot
        if last is None:
            return
        old, new = last.plan, snapshot.plan
        same = old.version == new.version and old.key == new.key
        interval = between(last, snapshot, limits) if same else None
        if interval is None or interval.seconds > self._length:
            self._clear()
        else:
            self._append(interval.seconds, _growth(interval, last, snapshot))

    def _append(self, seconds: float, growth: Mapping[str, float]) -> None:
        self._intervals.append((seconds, growth))
        self.seconds += seconds
        for quantity, amount in growth.items():
            self._sums[quantity] = self._sums.get(quantity, 0.0) + amount
        while self.seconds - self._intervals[0][0] >= self._length:
            seconds, growth = self._intervals.popleft()
            self.seconds -= seconds
            for quantity, amount in growth.items():
                self._sums[quantity] -= amount

    def _clear(self) -> None:
        self._intervals.clear()
        self._sums.clear()
        self.seconds = 0.0

    def histogram(self, family: str) -> Histogram | None:
        """Return the events of the window, None where the page has no buckets or nothing before."""
        if self.last is None or not self._intervals:
            return None
        buckets = bucket_quantities(self.last.plan, family)
        if not buckets:
            return None
        counts = [self._sums.get(quantity, 0.0) for _, quantity in buckets]
        if not all(map(isfinite, counts)):
            return None
        total = finite(self._sums.get(f"{family}_sum "))
        return histogram_of([bound for bound, _ in buckets], counts, total)

    def events(self, family: str) -> Mapping[str, float] | None:
        """Return a counter's growth by its label's value, None where the page does not have it."""
        if self.last is None or not self._intervals:
            return None
        values = label_values(self.last.plan, family)
        if not values:
            return None
        counts = {value: self._sums.get(f"{family} {value}", 0.0) for value in values}
        return counts if all(map(isfinite, counts.values())) else None


def _growth(interval: Interval, last: Snapshot, snapshot: Snapshot) -> Mapping[str, float]:
    """Return the growth of every event counter that grew, summed over the engines that count."""
    before, after = event_counters(last.plan), event_counters(snapshot.plan)
    sums = dict[str, float]()
    for engine, counters in after.items():
        # whoever serves the page goes on where all of its engines do
        part = interval.engines.get(engine, interval if interval.complete else "gap")
        if engine not in before or not isinstance(part, Interval):
            continue
        growth = growth_between(last, snapshot, before[engine], counters)
        if growth is None:
            continue
        # a histogram with a bucket missing would say too little of its others
        unknown = {_family(quantity) for quantity in growth.unknown if " " in quantity}
        for quantity, amount in growth.increase.items():
            if amount and " " in quantity and _family(quantity) not in unknown:
                sums[quantity] = sums.get(quantity, 0.0) + amount
    return sums


def _family(quantity: str) -> str:
    return quantity.partition(" ")[0].removesuffix("_bucket")


def lifetime(snapshot: Snapshot, family: str) -> Histogram | None:
    """Return all events since the engines started, None where the page has no buckets."""
    plan = snapshot.plan
    buckets = bucket_quantities(plan, family)
    if not buckets:
        return None
    counts = dict.fromkeys((bound for bound, _ in buckets), 0.0)
    for i, sample in enumerate(plan.samples):
        if sample.family == family and sample.suffix == "_bucket":
            counts[float(sample.label("le"))] += snapshot.values[i]
    if not all(map(isfinite, counts.values())):
        return None
    return histogram_of(list(counts), list(counts.values()), None)
