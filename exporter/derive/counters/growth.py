"""How much an engine's counters grew between two pages, and whether it restarted in between."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Final

from ...engines.exact_sum import exact_sum
from ...engines.plan import UNKNOWN, Plan, Sample, Snapshot
from .by_engine import LATENCIES, EngineCounters, counters_by_engine

# Clocks are read around a process start, so the same start may differ by this many seconds.
START_SLACK: Final = 2.0


@dataclass(frozen=True, slots=True)
class Growth:
    """The growth of each quantity, and the quantities that are published and whose growth is not.

    A quantity that has no number on one of the pages is in neither.
    """

    increase: Mapping[str, float]
    unknown: frozenset[str]


def growth_between(
    old: Snapshot, new: Snapshot, old_counters: EngineCounters, counters: EngineCounters
) -> Growth | None:
    """Return the growth of an engine's counters, or None where it restarted in between.

    It did where its start time moved, a counter fell, or a counter's series vanished. A series that
    appears grew from 0, as engines that create series on first use mean it. Neither holds for the
    families that a plan left out or reads from other raw series than before: what they did is
    unknown. A latency's sum that fell is a fault of the engine, and its growth is unknown too.
    """
    pair = _pair(old, new, old_counters, counters)
    if _restarted(old, new, pair):
        return None
    increase, unknown = dict[str, float](), set[str]()
    before, after, indices = pair.before, pair.after, counters.indices
    for quantity, start, stop in counters.spans:
        if stop - start == 1:
            amount = after[start] - before[start]
        else:
            amount = exact_sum((*after[start:stop], *(-value for value in before[start:stop])))
        fallen = quantity in LATENCIES and amount < 0
        if fallen or not new.suspect.isdisjoint(indices[start:stop]):
            unknown.add(quantity)
        elif isfinite(amount):
            increase[quantity] = amount
        elif any(map(isnan, before[start:stop])):
            unknown.add(quantity)
    return Growth(increase, frozenset(unknown))


def restarted_engines(old: Snapshot, new: Snapshot) -> frozenset[str]:
    """Return the engines that are on both pages and restarted in between, by `engine_index`."""
    before, after = counters_by_engine(old.plan), counters_by_engine(new.plan)
    return frozenset(
        name
        for name, counters in after.items()
        if name in before and _restarted(old, new, _pair(old, new, before[name], counters))
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    """An engine's counters on two pages, at the same positions; those without a page before are 0.

    A counter that is read from another raw series than before has no value before: NaN.
    """

    old: EngineCounters
    new: EngineCounters
    before: tuple[float, ...]
    after: tuple[float, ...]
    vanished: bool = False


def _pair(
    old: Snapshot, new: Snapshot, old_counters: EngineCounters, counters: EngineCounters
) -> _Pair:
    after = counters.values(new)
    if old.plan is new.plan:
        return _Pair(old_counters, counters, old_counters.values(old), after)
    switched = _switched_families(old.plan, new.plan)
    values = dict(zip(old_counters.samples, old_counters.values(old), strict=True))

    def value_before(sample: Sample) -> float:
        value = values.get(sample)
        if value is None:
            return UNKNOWN if sample.family in old.plan.left_out else 0.0
        # from 0 the other series counted nothing that this one has not
        return UNKNOWN if value and sample.family in switched else value

    expected = switched | new.plan.left_out
    vanished = values.keys() - set(counters.samples)
    return _Pair(
        old_counters,
        counters,
        tuple(map(value_before, counters.samples)),
        after,
        any(sample.family not in expected for sample in vanished),
    )


def _switched_families(old: Plan, new: Plan) -> frozenset[str]:
    """Return the families that are read from other raw series than before."""
    return frozenset(
        family
        for family in old.origins.keys() & new.origins.keys()
        if old.origins[family] != new.origins[family]
        and not set(old.origins[family].split(" + ")) & set(new.origins[family].split(" + "))
    )


def _restarted(old: Snapshot, new: Snapshot, pair: _Pair) -> bool:
    old_start, new_start = _largest(old, pair.old.start), _largest(new, pair.new.start)
    if old_start is not None and new_start is not None and abs(new_start - old_start) > START_SLACK:
        return True
    return pair.vanished or any(pair.after[i] < pair.before[i] for i in pair.new.falling)


def start_time(snapshot: Snapshot, engine: str) -> float | None:
    """Return the Unix time at which the process of an engine started, None where unknown."""
    counters = counters_by_engine(snapshot.plan).get(engine)
    if counters is None:
        return snapshot.largest("server_start_time_seconds")
    return _largest(snapshot, counters.start)


def _largest(snapshot: Snapshot, indices: Iterable[int]) -> float | None:
    values = [snapshot.values[i] for i in indices if not isnan(snapshot.values[i])]
    return max(values, default=None)
