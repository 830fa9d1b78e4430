"""Quantiles and shares of a histogram, no finer than its buckets are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, isclose


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile, which lies above `lower` and up to `upper`.

    `value` is interpolated between the two. In the first bucket `lower` and in the one without a
    bound `upper` is unknown, and so is the value: it is at most `upper`, or more than `lower`.
    """

    value: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class Share:
    """A share between two bounds, which are equal where it is known."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Events by bucket: `counts[i]` of them are at most `bounds[i]`; the last bound is infinite.

    `total` is the sum of their values, None where unknown.
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    total: float | None = None

    @property
    def count(self) -> float:
        """How many events there are."""
        return self.counts[-1]

    @property
    def mean(self) -> float | None:
        """The mean value, None where there is no event."""
        return self.total / self.count if self.total is not None and self.count else None

    def quantile(self, q: float) -> Quantile | None:
        """Return a quantile (0 < q <= 1), None where there is no event.

        Values are taken to be spread evenly over their bucket, as Prometheus' histogram_quantile
        does; at the two ends, where that function invents a bound, there is no value.
        """
        if not self.count:
            return None
        rank = q * self.count
        i = next(i for i, count in enumerate(self.counts) if count >= rank)
        upper = None if self.bounds[i] == inf else self.bounds[i]
        if i == 0:
            return Quantile(None, None, upper)
        lower, below = self.bounds[i - 1], self.counts[i - 1]
        if upper is None:
            return Quantile(None, lower, None)
        share = (rank - below) / (self.counts[i] - below)
        return Quantile(lower + (upper - lower) * share, lower, upper)

    def within(self, threshold: float) -> Share | None:
        """Return the share of values up to a threshold, None where there is no event.

        Where the threshold is no bucket's bound, the share lies between those of the two around it.
        """
        if not self.count:
            return None
        low = 0.0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            if isclose(bound, threshold, rel_tol=1e-9):
                return Share(count / self.count, count / self.count)
            if bound > threshold:
                return Share(low, count / self.count)
            low = count / self.count
        return Share(low, 1.0)

    @property
    def largest(self) -> Quantile | None:
        """The bucket of the largest value, None where there is no event."""
        return self.quantile(1.0)


def histogram_of(
    bounds: Sequence[float], counts: Sequence[float], total: float | None
) -> Histogram:
    """Return a histogram from counts that need not ascend, as of a page that was being written."""
    return Histogram(tuple(bounds), tuple(accumulate(counts, max)), total)
