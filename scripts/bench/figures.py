"""What follows from the counters: CPU of a page in each window, and how evenly work is spread.

Pure arithmetic. Times are monotonic seconds, CPU is in seconds.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from statistics import mean, median


@dataclass(frozen=True, slots=True)
class Counted:
    """A process over time: its CPU counter at each of `times`, and when it asked for pages."""

    times: Sequence[float]
    cpu: Sequence[float]
    arrivals: Sequence[float]

    def cpu_between(self, begin: float, end: float) -> float:
        """Return the CPU spent between the first readings at or after two times."""
        first, last = (min(bisect_left(self.times, t), len(self.times) - 1) for t in (begin, end))
        return self.cpu[last] - self.cpu[first]

    def pages_between(self, begin: float, end: float) -> int:
        """Return how many pages were asked for from `begin` up to `end`."""
        return bisect_left(self.arrivals, end) - bisect_left(self.arrivals, begin)

    def ms_a_page(self, begin: float, end: float) -> float:
        """Return the milliseconds of CPU for each page asked for."""
        return 1000 * self.cpu_between(begin, end) / self.pages_between(begin, end)

    def share_of_a_core(self, begin: float, end: float) -> float:
        """Return CPU per second of wall time."""
        return self.cpu_between(begin, end) / (end - begin)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several values and their range."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Return the spread of at least one value."""
        ordered = sorted(values)
        return cls(median(ordered), ordered[0], ordered[-1])


def windows(begin: float, length: float, count: int) -> list[tuple[float, float]]:
    """Return begin and end of windows that follow one another."""
    edges = [begin + i * length for i in range(count + 1)]
    return list(pairwise(edges))


def work_by_phase(
    counted: Counted, begin: float, end: float, interval: float, bins: int
) -> list[float]:
    """Return the CPU spent in each part of the interval, as a share of all of it.

    What was spent between two readings goes to the part in which the middle between them lies.
    """
    sums = [0.0] * bins
    first, last = bisect_left(counted.times, begin), bisect_left(counted.times, end)
    for i in range(first, min(last, len(counted.times) - 1)):
        middle = (counted.times[i] + counted.times[i + 1]) / 2
        sums[int(middle % interval / interval * bins) % bins] += counted.cpu[i + 1] - counted.cpu[i]
    return [value / sum(sums) for value in sums]


def requests_by_phase(
    arrivals: Sequence[float], begin: float, end: float, interval: float, bins: int
) -> list[float]:
    """Return the requests in each part of the interval, as a share of all of them."""
    inside = arrivals[bisect_left(arrivals, begin) : bisect_left(arrivals, end)]
    sums = [0] * bins
    for time in inside:
        sums[int(time % interval / interval * bins) % bins] += 1
    return [value / len(inside) for value in sums]


def peak(shares: Sequence[float]) -> float:
    """Return the largest part over the mean one: 1 where all are alike."""
    return max(shares) / mean(shares)


def bars(shares: Sequence[float]) -> str:
    """Return a bar of one character for each part, the largest of full height."""
    highest = max(shares)
    return "".join(" ▁▂▃▄▅▆▇█"[ceil(8 * share / highest)] for share in shares)
