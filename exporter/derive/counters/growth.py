"""How much an engine's counters grew between two pages, and whether it restarted in between."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from math import isfinite, isnan
from typing import Final

from ...base.exact_sum import exact_sum
from ...engines.plan import UNKNOWN, Plan, Sample, Snapshot
from .by_engine import LATENCIES, EngineCounters, counters_by_engine

# Clocks are read around a process start, so the same start may differ by this many seconds.
START_SLACK: Final = 2.0

_TOKENS: Final = ("generation_tokens", "decode_tokens", "prompt_tokens", "prompt_tokens_computed")

NEGLIGIBLE: Final = 0.05
"""Tokens of a warm-up request beside those of the first interval with load."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The growth of each quantity, and the published quantities whose growth is unknown."""

    increase: Mapping[str, float]
    unknown: frozenset[str]


def growth_between(
    old: Snapshot, new: Snapshot, old_counters: EngineCounters, counters: EngineCounters
) -> Growth | None:
    """Return the growth of an engine's counters, or None where it restarted in between.

    It did where its start time moved, a counter fell, or a counter's series vanished. A series that
    joins others of its quantity grew from 0, as engines that create series on first use mean it.
    Where it is the first of its quantity, that holds only where its raw family was on the page, or
    the engine had done next to nothing: otherwise whoever serves the page shows it late,
    with a lifetime in it.
    Families that a plan left out or reads from other raw series than before are unknown too, and so
    is a latency's sum that fell, a fault of the engine.
    """
    pair = _pair(old, new, old_counters, counters)
    if _restarted(old, new, pair):
        return None
    late = frozenset[str]() if old.plan is new.plan else _late(old, new, pair)
    increase, unknown = dict[str, float](), set[str]()
    before, after, indices = pair.before, pair.after, counters.indices
    for quantity, start, stop in counters.spans:
        if stop - start == 1:
            amount = after[start] - before[start]
        else:
            amount = exact_sum((*after[start:stop], *(-value for value in before[start:stop])))
        fallen = quantity in LATENCIES and amount < 0
        if fallen or (new.suspect and not new.suspect.isdisjoint(indices[start:stop])):
            unknown.add(quantity)
        elif isfinite(amount) and quantity not in late:
            increase[quantity] = amount
        else:
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


def _late(old: Snapshot, new: Snapshot, pair: _Pair) -> frozenset[str]:
    """Return the quantities that the page shows first although the engine counted them before."""
    before = {quantity for quantity, _, _ in pair.old.spans}
    first = {q: start for q, start, _ in pair.new.spans if q not in before}
    if not first or not _worked(old, pair, before):
        return frozenset()
    known = _raw_names(old.plan, old.plan.origins)
    return frozenset(
        quantity
        for quantity, start in first.items()
        if known.isdisjoint(_raw_names(new.plan, [pair.new.samples[start].family]))
    )


def _raw_names(plan: Plan, families: Iterable[str]) -> frozenset[str]:
    """Return the names of a page's own series that canonical families are read from."""
    origins = (plan.origins.get(family, "") for family in families)
    return frozenset(name for origin in origins for name in origin.split(" + ") if name)


def _worked(old: Snapshot, pair: _Pair, counted: Set[str]) -> bool:
    """Whether an engine had done more before this interval than can be neglected beside it.

    `counted` are the quantities that both pages show.
    """
    before = after = 0.0
    for quantity, start, stop in pair.new.spans:
        if quantity in _TOKENS and quantity in counted:
            before += sum(pair.before[start:stop])
            after += sum(pair.after[start:stop])
    if before or after:
        return not before <= NEGLIGIBLE * (after - before)
    engines = {sample.label("engine_index") for sample in pair.new.samples}
    running = [old.total("requests_running", engine_index=engine) for engine in engines]
    return any(number is not None and number > 0 for number in running)


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
