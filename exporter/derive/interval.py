"""What happened between two snapshots of one server, engine by engine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Final

from ..base.exact_sum import exact_sum
from ..engines.plan import Plan, Snapshot
from ..gpu.energy import EnergyUse
from ..vocabulary.states import Exclusion
from .counters.by_engine import EngineCounters, counters_by_engine
from .counters.growth import growth_between
from .counters.limits import ServerLimits
from .counters.plausibility import EngineState, impossible_counts, most_sequence_seconds
from .plan_cache import cached_by_plan

_WORK: Final = ("generation_tokens", "decode_tokens", "prompt_tokens", "prompt_tokens_computed")
_UNLIMITED: Final = ServerLimits()


@dataclass(frozen=True, slots=True)
class Interval:
    """The work between two snapshots: `increase` by quantity in `seconds`.

    Of one engine, or summed over all of a server. A quantity the server does not publish is
    missing; one that is published but not known for this interval is also in `unknown`. The gauges
    are those of the later snapshot, None where unknown; `queue` counts requests that wait for room
    in the batch, `kv_usage` is the fullest engine's, `engine_count` is how many engines may run
    requests. `energy` is that of all the server's GPUs,
    None where unknown or not the server's alone.

    `engines` holds a server's engines by `engine_index`, those that left the page included: the
    work of each, or why it is not in the sums; those are `complete` where none is missing. It is
    empty for one engine's interval.
    """

    seconds: float
    increase: Mapping[str, float]
    running: float | None
    queue: float | None
    kv_usage: float | None
    energy: EnergyUse | None = None
    engine_count: int | None = None
    unknown: frozenset[str] = frozenset()
    engines: Mapping[str, "Interval | Exclusion"] = field(default_factory=dict)
    complete: bool = True

    @property
    def idle(self) -> bool:
        """Whether no token went in or out and no request is there; unknown is not idle."""
        amounts = [self.increase.get(name) for name in _WORK]
        known = [amount for amount in amounts if amount is not None]
        return self.complete and bool(known) and not any(known) and self.running == 0


def between(old: Snapshot, new: Snapshot, limits: ServerLimits = _UNLIMITED) -> Interval | None:
    """Return the work done from `old` to `new`, or None where the server restarted in between.

    An engine restarted where its start time moved, a counter of it fell, or a counter's series
    vanished while the engine stayed. The server restarted where all its engines did, or the process
    that counts for them all. An engine that joins a page that is watched, or comes back, has no
    interval: its counters hold a lifetime. A series that appears within an engine counts from 0, as
    engines that create series on first use mean it. More than the engine can have done is left out.
    Both snapshots must come from plans of one version. `limits` are those of one engine.
    """
    seconds = new.time - old.time
    before, after = counters_by_engine(old.plan), counters_by_engine(new.plan)
    engines: dict[str, Interval | Exclusion] = {
        name: _engine_interval(name, before, counters, old, new, limits)
        for name, counters in after.items()
    }
    stayed = [engine for name, engine in engines.items() if name in before]
    if engines.get("") == "restart" or (stayed and all(engine == "restart" for engine in stayed)):
        return None
    if len(engines) == 1 and len(before) == 1:
        (engine,) = engines.values()
        if isinstance(engine, Interval):
            return _page_interval(engine.increase, engine.unknown, engines, new, seconds)
    engines |= {name: "gap" for name in before if name not in engines}
    parts = [engine for engine in engines.values() if isinstance(engine, Interval)]
    amounts: dict[str, list[float]] = {}
    for part in parts:
        for quantity, amount in part.increase.items():
            amounts.setdefault(quantity, []).append(amount)
    increase = {quantity: exact_sum(terms) for quantity, terms in amounts.items()}
    unknown = frozenset[str]().union(*(part.unknown for part in parts))
    return _page_interval(increase, unknown, engines, new, seconds)


def _page_interval(
    increase: Mapping[str, float],
    unknown: frozenset[str],
    engines: Mapping[str, Interval | Exclusion],
    new: Snapshot,
    seconds: float,
) -> Interval:
    return Interval(
        seconds,
        increase,
        running=new.total("requests_running"),
        queue=queue_length(new),
        kv_usage=new.largest("kv_cache_usage_ratio"),
        engine_count=len(new.plan.engines) if new.plan.engines is not None else None,
        unknown=unknown,
        engines=engines,
        complete=not any(isinstance(engine, str) for engine in engines.values()),
    )


def _engine_interval(
    name: str,
    engines_before: Mapping[str, EngineCounters],
    counters: EngineCounters,
    old: Snapshot,
    new: Snapshot,
    limits: ServerLimits,
) -> Interval | Exclusion:
    old_counters = engines_before.get(name)
    if old_counters is None:
        if name or _named_before(engines_before, counters):
            return "gap"
        old_counters = EngineCounters((), (), (), (), ())
    growth = growth_between(old, new, old_counters, counters)
    if growth is None:
        return "restart"
    seconds, kind = new.time - old.time, new.plan.engine
    increase, unknown = dict(growth.increase), growth.unknown
    gauges, gauges_before = _gauges(new, name), _gauges(old, name)
    state = EngineState(gauges_before.running, gauges.running, gauges_before.waiting)
    if impossible_counts(increase, seconds, kind, state, limits):
        return "implausible"
    first = increase.get("first_tokens", 0.0)
    most = most_sequence_seconds(first, seconds, kind, state, limits)
    if increase.get("decode_sequence_seconds", 0.0) > most:
        del increase["decode_sequence_seconds"]
        unknown |= {"decode_sequence_seconds"}
    return Interval(
        seconds, increase, gauges.running, gauges.queue, gauges.kv_usage, unknown=unknown
    )


def _named_before(engines: Mapping[str, EngineCounters], counters: EngineCounters) -> bool:
    """Whether counters without an `engine_index` had one on the page before."""
    families = {sample.family for engine in engines.values() for sample in engine.samples}
    return any(sample.family in families for sample in counters.samples)


@dataclass(frozen=True, slots=True)
class _Gauges:
    running: float | None
    waiting: float | None
    queue: float | None
    kv_usage: float | None


_NO_GAUGES: Final = _Gauges(None, None, None, None)


def _gauges(snapshot: Snapshot, engine: str) -> _Gauges:
    """Return the gauges of one engine; the empty name's are those that carry no `engine_index`."""
    running, waiting, capacity, unspecified, usage = _gauge_indices(snapshot.plan, engine)
    if not (running or waiting or usage):
        return _NO_GAUGES
    queue = _total(snapshot, capacity)
    return _Gauges(
        _total(snapshot, running),
        _total(snapshot, waiting),
        queue if queue is not None else _total(snapshot, unspecified),
        _largest(snapshot, usage),
    )


@cached_by_plan
def _gauge_indices(plan: Plan, engine: str) -> tuple[tuple[int, ...], ...]:
    waiting = plan.indices("requests_waiting", engine_index=engine)
    return (
        tuple(plan.indices("requests_running", engine_index=engine)),
        tuple(waiting),
        tuple(i for i in waiting if plan.samples[i].label("reason") == "capacity"),
        tuple(i for i in waiting if not plan.samples[i].label("reason")),
        tuple(plan.indices("kv_cache_usage_ratio", engine_index=engine)),
    )


def _total(snapshot: Snapshot, indices: Iterable[int]) -> float | None:
    values = [snapshot.values[i] for i in indices]
    total = exact_sum(values)
    return total if values and not isnan(total) else None


def _largest(snapshot: Snapshot, indices: Iterable[int]) -> float | None:
    values = [value for i in indices if not isnan(value := snapshot.values[i])]
    return max(values, default=None)


def queue_length(snapshot: Snapshot, **labels: str) -> float | None:
    """Return how many requests wait for room in the batch, of those series with these labels.

    Requests that wait for something else (a KV transfer, a grammar) are not in the queue.
    """
    capacity = snapshot.total("requests_waiting", reason="capacity", **labels)
    if capacity is not None:
        return capacity
    return snapshot.total("requests_waiting", reason="", **labels)
