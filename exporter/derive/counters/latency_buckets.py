"""The buckets of latencies on one page, and how they grew since another."""

from array import array
from dataclasses import dataclass
from math import inf
from typing import Final

from ...engines.plan import Plan, Sample, Snapshot
from ..plan_cache import cached_by_plan
from .histogram import Histogram, histogram_of

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

    def growth(self, end: "BucketCounts", family: str) -> Histogram | None:
        """Return the latencies that were added up to a later page, of all engines together.

        None where the two pages have other buckets, or one fell, or there is none without a bound.
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
        if inf not in added:
            return None
        bounds = sorted(added)
        return histogram_of(bounds, [added[bound] for bound in bounds], None)


def bucket_counts(snapshot: Snapshot) -> BucketCounts:
    """Return the counts of a snapshot's buckets."""
    values = snapshot.values
    return BucketCounts(
        snapshot.plan, array("d", [values[i] for i in _buckets(snapshot.plan).indices])
    )


@cached_by_plan
def _buckets(plan: Plan) -> _Buckets:
    sums = [
        (i, sample)
        for i, sample in enumerate(plan.samples)
        if sample.suffix == "_bucket" and sample.family in FAMILIES
    ]
    return _Buckets(
        tuple(i for i, _ in sums),
        tuple(sample for _, sample in sums),
        tuple(float(sample.label("le")) for _, sample in sums),
    )
