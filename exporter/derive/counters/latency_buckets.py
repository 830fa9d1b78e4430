"""The buckets of latencies on one page, how they grew since another, and quantiles of that.

A quantile is interpolated within the bucket it lies in, as `histogram_quantile` of PromQL does.
Where that is the first bucket or the one without an end, nothing says where in it, and the
quantile is unknown.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from ...engines.plan import Plan, Sample, Snapshot
from ..plan_cache import cached_by_plan

FAMILIES: Final = ("time_to_first_token_seconds", "inter_token_latency_seconds")
"""The latencies whose buckets are followed."""


@dataclass(frozen=True, slots=True)
class _Buckets:
    """Where one plan has the buckets: positions in a snapshot, and the samples at them."""

    indices: tuple[int, ...]
    samples: tuple[Sample, ...]
    bounds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class BucketCounts:
    """The cumulative counts of all buckets on one page, in the order of its plan."""

    plan: Plan
    counts: "array[float]"

    def growth(self, end: "BucketCounts", family: str) -> Mapping[float, float] | None:
        """Return by upper bound how many latencies were added up to a later page.

        The counts are cumulative and those of all engines together. None where the two pages have
        other buckets, or one fell.
        """
        old, new = _buckets(self.plan), _buckets(end.plan)
        if old is not new and old.samples != new.samples:
            return None
        added: dict[float, float] = {}
        for sample, bound, before, after in zip(
            new.samples, new.bounds, self.counts, end.counts, strict=True
        ):
            if sample.family != family:
                continue
            # also where either is no number
            if not after >= before:
                return None
            added[bound] = added.get(bound, 0.0) + after - before
        return added or None


def bucket_counts(snapshot: Snapshot) -> BucketCounts:
    """Return the counts of a snapshot's buckets."""
    values = snapshot.values
    return BucketCounts(
        snapshot.plan, array("d", [values[i] for i in _buckets(snapshot.plan).indices])
    )


def quantile(added: Mapping[float, float], share: float) -> float | None:
    """Return the quantile at a share from 0 to 1 of cumulative counts by upper bound (seconds).

    None where there are none, or where it lies in the first or in the last bucket.
    """
    bounds = sorted(added)
    total = added[bounds[-1]]
    if bounds[-1] != inf or not total > 0:
        return None
    rank = share * total
    position = next(i for i, bound in enumerate(bounds) if added[bound] >= rank)
    if position in (0, len(bounds) - 1):
        return None
    low, high = bounds[position - 1], bounds[position]
    below = added[low]
    return low + (high - low) * (rank - below) / (added[high] - below)


@cached_by_plan
def _buckets(plan: Plan) -> _Buckets:
    found = [
        (i, sample)
        for i, sample in enumerate(plan.samples)
        if sample.suffix == "_bucket" and sample.family in FAMILIES
    ]
    return _Buckets(
        tuple(i for i, _ in found),
        tuple(sample for _, sample in found),
        tuple(float(sample.label("le")) for _, sample in found),
    )
