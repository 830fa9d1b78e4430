"""Sums of latencies as published: never falling, without what no request can have waited.

An engine may add to a latency's sum what is none. vLLM through 0.33 does so for a request that it
ends before it was scheduled: its prefill time is then the host's uptime, its queueing time minus
that (`v1/metrics/stats.py`, IterationStats.update_from_finished_request, where the time of
scheduling is 0). Latencies measured by the wall clock move with it. Such a sum goes on from where
it was: what was added is taken off again for as long as the process lives.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import Final

from ...engines.plan import Plan, Sample, Snapshot
from ...vocabulary.engine import BY_NAME
from ..plan_cache import cached_by_plan
from .by_engine import counters_by_engine
from .growth import restarted_engines, start_time

# Nothing waits longer: clients, proxies and engines give up before.
LONGEST: Final = 86_400.0

# Clocks of two hosts agree to this many seconds.
CLOCK_SLACK: Final = 300.0

# Sum and buckets are read while requests are added, so that one request may be in the sum alone.
SLACK: Final = 600.0

# Corrections of series that are not on the page are kept, for an engine may come back.
MOST_CORRECTIONS: Final = 1024


@dataclass(frozen=True, slots=True)
class _Histogram:
    """Positions of one latency's sum, count and finite buckets (cumulative), and their bounds."""

    sample: Sample
    engine: str
    sum: int
    count: int
    buckets: tuple[int, ...]
    bounds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A histogram's raw numbers on one page."""

    sum: float = 0.0
    count: float = 0.0
    buckets: tuple[float, ...] = ()


_NOTHING: Final = _Reading()


@dataclass(frozen=True, slots=True)
class _Correction:
    """What is taken off a sum, the sum as it was last published, and the page that was on."""

    offset: float
    published: float
    reading: _Reading


class LatencySums:
    """Corrects one server's snapshots, a page at a time.

    `faults` counts by family how often a sum moved as no sum of latencies can.
    """

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self._last: Snapshot | None = None
        self._corrections: dict[Sample, _Correction] = {}

    def corrected(self, snapshot: Snapshot, unix: float) -> Snapshot:
        """Return a snapshot, taken at Unix time `unix` in seconds, with its latency sums corrected.

        `suspect` are then the samples whose growth since the snapshot before is not known.
        """
        last, self._last = self._last, snapshot
        if last and not self._corrections and _plain_growth(last, snapshot):
            return snapshot
        restarted = restarted_engines(last, snapshot) if last else frozenset[str]()
        before = _by_sample(last.plan) if last else {}
        watched = counters_by_engine(last.plan).keys() if last else ()
        published, suspect = dict[int, float](), set[int]()
        for histogram in _histograms(snapshot.plan):
            correction = self._corrections.pop(histogram.sample, None)
            previous = correction.reading if correction else _NOTHING
            if last and histogram.sample in before:
                previous = _reading(before[histogram.sample], last)
            reading = _reading(histogram, snapshot)
            if histogram.engine in restarted or reading.count < previous.count:
                correction, previous = None, _NOTHING
            growth = reading.sum - previous.sum
            # what an engine added before it was watched is not added again
            known = correction or histogram.engine in watched
            longest = _age(histogram.engine, snapshot, unix) if known else inf
            if not 0.0 <= growth <= SLACK and not _plausible(
                growth, histogram, reading, previous, longest
            ):
                value = correction.published if correction else previous.sum
                correction = _Correction(reading.sum - value, value, reading)
                suspect.add(histogram.sum)
                self.faults[histogram.sample.family] += 1
            elif correction:
                # rounding must not let a counter fall
                value = max(reading.sum - correction.offset, correction.published)
                correction = _Correction(correction.offset, value, reading)
            if correction:
                self._corrections[histogram.sample] = correction
                published[histogram.sum] = correction.published
        while len(self._corrections) > MOST_CORRECTIONS:
            del self._corrections[next(iter(self._corrections))]
        if not published:
            return snapshot
        values = list(snapshot.values)
        for i, value in published.items():
            values[i] = value
        return replace(snapshot, values=tuple(values), suspect=frozenset(suspect))


def _plain_growth(last: Snapshot, snapshot: Snapshot) -> bool:
    """Whether no sum needs a further look: the rule, and cheap."""
    if last.plan is not snapshot.plan:
        return False
    before, after = last.values, snapshot.values
    return all(
        [
            0.0 <= after[histogram.sum] - before[histogram.sum] <= SLACK
            and after[histogram.count] >= before[histogram.count]
            for histogram in _histograms(snapshot.plan)
        ]
    )


def _plausible(
    growth: float, histogram: _Histogram, reading: _Reading, previous: _Reading, age: float
) -> bool:
    """Whether the latencies added since a page before can have this sum.

    A latency in a bucket is at most the bucket's bound, and none is longer than the process lives.
    Where buckets are not told, or fell, every latency may be that long.
    """
    if not isfinite(growth) or age == inf:
        return not growth < 0
    if growth < 0:
        return False
    counts = [0.0, *_growths(reading.buckets, previous.buckets), reading.count - previous.count]
    parts = [after - before for before, after in itertools.pairwise(counts)]
    if not all(part >= 0 for part in parts):
        return growth <= counts[-1] * age + SLACK
    longest = [*(min(bound, age) for bound in histogram.bounds), age]
    return growth <= SLACK + sum(n * most for n, most in zip(parts, longest, strict=True))


def _growths(after: Sequence[float], before: Sequence[float]) -> list[float]:
    if len(before) != len(after):
        return list(after)
    return [new - old for new, old in zip(after, before, strict=True)]


def _reading(histogram: _Histogram, snapshot: Snapshot) -> _Reading:
    values = snapshot.values
    return _Reading(
        values[histogram.sum],
        values[histogram.count],
        tuple(values[i] for i in histogram.buckets),
    )


def _age(engine: str, snapshot: Snapshot, unix: float) -> float:
    """Return the longest that a request of an engine can have taken, in seconds."""
    start = start_time(snapshot, engine)
    if start is None:
        return LONGEST
    return min(max(unix - start, 0.0) + CLOCK_SLACK, LONGEST)


@cached_by_plan
def _by_sample(plan: Plan) -> Mapping[Sample, _Histogram]:
    return {histogram.sample: histogram for histogram in _histograms(plan)}


@cached_by_plan
def _histograms(plan: Plan) -> tuple[_Histogram, ...]:
    """Return the latencies of a page, each with the buckets that carry its labels."""
    sums, counts = dict[Sample, int](), dict[Sample, int]()
    buckets: dict[Sample, list[tuple[float, int]]] = {}
    for i, sample in enumerate(plan.samples):
        family = BY_NAME.get(sample.family)
        if family is None or family.kind != "histogram" or not sample.family.endswith("_seconds"):
            continue
        labels = tuple(label for label in sample.labels if label[0] != "le")
        key = Sample(sample.family, "_sum", labels)
        match sample.suffix:
            case "_sum":
                sums[key] = i
            case "_count":
                counts[key] = i
            case "_bucket":
                buckets.setdefault(key, []).append((float(sample.label("le")), i))
    return tuple(
        _Histogram(
            key,
            key.label("engine_index"),
            sums[key],
            counts[key],
            tuple(i for bound, i in finite),
            tuple(bound for bound, i in finite),
        )
        for key in sums
        if key in counts
        for finite in [sorted(pair for pair in buckets.get(key, ()) if isfinite(pair[0]))]
    )
