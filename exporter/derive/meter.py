"""One server's load cells over its life: what is counted, what is left out and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ..engines.plan import Labels, Plan, Snapshot
from ..vocabulary.states import Exclusion
from .interval import Interval, between, queue
from .load_cell import IDLE, PREFILL, End, Work, batch_of, work
from .plan_cache import once

# these may be negative for once, and are then owed by the intervals to come
_DIFFERENCES: Final = ("decode_tokens", "metered_decode_tokens", "prefill_tokens")

# a request thrown out is computed anew: its tokens are paid for twice
PREEMPTING: Final = 0.05

Key = tuple[str, str]
"""A cell of a server: the data-parallel engine (empty where it has no name) and the batch."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one server did since it was first seen; replaced whole, never changed.

    `who` are the labels of the release that `cells` belong to. `excluded` holds the seconds left
    out by reason, each engine's counted apart.
    """

    who: Labels = ()
    cells: Mapping[Key, Work] = field(default_factory=dict)
    excluded: Mapping[Exclusion, float] = field(default_factory=dict)


class Meter:
    """Counts one server's work into cells, a snapshot at a time; `load` is the count so far.

    `warm_up` and `longest` are seconds: how long after its start a server's work is left out, and
    the longest interval whose mean still tells its batch. A server has at most `max_cells` cells.
    """

    def __init__(self, warm_up: float, longest: float, max_cells: int) -> None:
        self.load = Load()
        self._warm_up = warm_up
        self._longest = longest
        self._max_cells = max_cells
        self._last: Snapshot | None = None
        self._ends: Mapping[str, End] = {}
        self._began: float | None = None
        self._owed: dict[tuple[str, str], float] = {}

    def add(
        self,
        snapshot: Snapshot,
        unix: float,
        who: Labels | None,
        gpus: float | None = None,
        joules: float | None = None,
    ) -> None:
        """Count the work since the snapshot before, taken at Unix time `unix` in seconds.

        `who` are the labels of the server's release, None while unknown; `gpus` are all GPUs of
        the server and `joules` what they used since then, shared alike among its engines. Another
        `who` than before begins new cells and ends the old ones, so that no rate straddles two
        releases.
        """
        engines = _engines(snapshot.plan)
        last, self._last = self._last, snapshot
        ends, self._ends = self._ends, {one: _end(snapshot, one, len(engines)) for one in engines}
        before = self.load.who
        if who is not None and who != before:
            self.load, self._owed = Load(who, {}, self.load.excluded), {}
        if last is None:
            return
        whole = between(last, snapshot)
        if whole is None:
            self._began, self._owed = snapshot.time, {}
        spans = whole is None or (before and who and before != who)
        reason: Exclusion | None = "restart" if spans else self._barred(last, snapshot, unix, who)
        share = 1.0 / len(engines)
        for engine in engines:
            after = self._ends[engine]
            left_out = reason or self._count(
                engine,
                whole if len(engines) == 1 else between(last, snapshot, engine),
                snapshot.plan.engine,
                (ends.get(engine, after), after),
                gpus and gpus * share,
                None if joules is None else joules * share,
            )
            if left_out:
                seconds = self.load.excluded.get(left_out, 0.0) + snapshot.time - last.time
                excluded = {**self.load.excluded, left_out: seconds}
                self.load = replace(self.load, excluded=excluded)

    def _barred(
        self, last: Snapshot, snapshot: Snapshot, unix: float, who: Labels | None
    ) -> Exclusion | None:
        """Return why an interval of one life is left out for all engines, None where it is not."""
        seconds = snapshot.time - last.time
        if last.plan.version != snapshot.plan.version:
            known = last.plan.version and snapshot.plan.version
            return "restart" if known else "unknown"
        if who is None:
            return "unknown"
        if not 0 < seconds <= self._longest:
            return "gap"
        start = snapshot.largest("server_start_time_seconds")
        if start is not None:
            age = unix - seconds - start
        else:
            age = self._warm_up if self._began is None else last.time - self._began
        return "warm_up" if age < self._warm_up else None

    def _count(
        self,
        engine: str,
        interval: Interval | None,
        kind: str,
        ends: tuple[End, End],
        gpus: float | None,
        joules: float | None,
    ) -> Exclusion | None:
        """Add an engine's work to its cell; return why not where it is left out."""
        if interval is None:
            return "restart"
        done = work(interval, kind, ends, gpus, joules)
        if done is None:
            return "unknown"
        if interval.increase.get("preemptions", 0.0) > PREEMPTING * interval.seconds:
            return "preempting"
        owed = dict(self._owed)
        for quantity in _DIFFERENCES:
            if quantity in done:
                due = done[quantity] + owed.get((engine, quantity), 0.0)
                done[quantity], owed[engine, quantity] = max(due, 0.0), min(due, 0.0)
        key, cells = (engine, batch_of(done)), self.load.cells
        if key not in cells and len(cells) >= self._max_cells:
            return "cap"
        if key[1] in (IDLE, PREFILL):
            for quantity in ("decode_sequence_seconds", "decode_tokens", "metered_decode_tokens"):
                done.pop(quantity, None)
        summed = dict(cells.get(key, {}))
        for quantity, amount in done.items():
            summed[quantity] = summed.get(quantity, 0.0) + amount
        self._owed = owed
        self.load = replace(self.load, cells={**cells, key: summed})
        return None


@once
def _engines(plan: Plan) -> tuple[str, ...]:
    """Return the data-parallel engines that count tokens of their own; if none, one unnamed."""
    names = {
        sample.label("engine_index")
        for sample in plan.samples
        if sample.family in ("generation_tokens_total", "decode_tokens_total")
    }
    return tuple(sorted(names - {""})) or ("",)


def _end(snapshot: Snapshot, engine: str, engines: int) -> End:
    only = {"engine_index": engine} if engines > 1 else {}
    usage = snapshot.largest("kv_cache_usage_ratio", **only)
    capacity = snapshot.largest("kv_cache_capacity_tokens", **only)
    return End(
        snapshot.total("requests_running", **only),
        queue(snapshot, **only),
        None if usage is None or capacity is None else usage * capacity,
    )
