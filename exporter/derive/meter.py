"""One server's load cells over its life: what is counted, what is left out and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Final

from ..engines.plan import Labels, Plan, Snapshot
from ..vocabulary.states import Exclusion
from .counters.growth import start_time
from .counters.limits import ServerLimits
from .counters.plausibility import SEQUENCES_SLACK
from .finished_prefill import FinishedPrefill
from .interval import Interval, between, queue_length
from .load_cell import IDLE, PREFILL, TIMED, End, Work, batch_of, decodes, work_of
from .window import longest_hold

# Differences of two counters. Engines increment the two at different moments, so that an interval
# may hold a first token and not yet the generated token it is: the difference is then negative,
# and the next interval's is too large by as much. A counter must not fall, so what is below 0 is
# carried over and taken off the next intervals; the sum over both is exact.
_DIFFERENCES: Final = ("decode_tokens", "metered_decode_tokens", "prefill_tokens")

# Without one of these a cell would hold the time of an interval and only some of its work.
_TOKENS_AND_TIME: Final = (
    "decode_sequence_seconds",
    "decode_tokens",
    "generation_tokens",
    "first_tokens",
    "prompt_tokens_computed",
    "prompt_tokens",
    "hit_local",
)

_METERED: Final = ("joules", "metered_decode_tokens")

# Seconds: whoever has a part in a GPU is seen on it within these.
_YOUNG: Final = 300.0

# A preempted request is computed again: its tokens are paid for twice and would make the release
# look slow at a load that no other server had. Preemptions per second from here on are left out.
PREEMPTING: Final = 0.05

_UNLIMITED: Final = ServerLimits()

Key = tuple[str, str]
"""A cell of a server: the data-parallel rank (empty where it has no name) and the batch."""


@dataclass(frozen=True, slots=True)
class LoadCells:
    """What one server did since it was first seen; replaced whole, never changed.

    `labels` are those of the release that `cells` belong to. `excluded` holds the seconds left
    out by reason, each rank's counted apart. `without_finished_prefill` are seconds in cells whose
    finished requests' prefill is not.
    """

    labels: Labels = ()
    cells: Mapping[Key, Work] = field(default_factory=dict)
    excluded: Mapping[Exclusion, float] = field(default_factory=dict)
    without_finished_prefill: float = 0.0


class Meter:
    """Counts one server's work into cells, a snapshot at a time; `load` is the count so far.

    `warm_up` and `longest` are seconds: how long after its start a server's work is left out, and
    the longest interval whose mean still says its batch. A server has at most `max_cells` cells.
    """

    def __init__(self, warm_up: float, longest: float, max_cells: int) -> None:
        self.load = LoadCells()
        self._warm_up = warm_up
        self._longest = longest
        self._max_cells = max_cells
        self._last: Snapshot | None = None
        self._ends: Mapping[str, End] = {}
        self._restarts: dict[str, float] = {}
        self._carry: dict[tuple[str, str], float] = {}
        self._finished = FinishedPrefill()
        self._metered_since: float | None = None

    def add(
        self,
        snapshot: Snapshot,
        unix: float,
        labels: Labels | None,
        gpus: float | None = None,
        joules: float | None = None,
        limits: ServerLimits = _UNLIMITED,
        interval: Interval | None = None,
    ) -> None:
        """Count the work since the snapshot before, taken at Unix time `unix` in seconds.

        `labels` are those of the server's release, None while unknown; `gpus` are all GPUs of the
        server and `joules` what they used since then, shared alike among its ranks. Other `labels`
        than before begin new cells and end the old ones, so that no rate straddles two releases.
        `limits` bound what one rank can have done. `interval` is that since the snapshot before,
        where it has been worked out already.
        """
        ranks, alone = snapshot.plan.counting, _alone(snapshot.plan)
        last, self._last = self._last, snapshot
        old_ends = self._ends
        self._ends = {rank: _end(snapshot, rank, alone) for rank in ranks}
        old_labels = self.load.labels
        if labels is not None and labels != old_labels:
            self.load, self._carry = LoadCells(labels, {}, self.load.excluded), {}
        whole = interval or (between(last, snapshot, limits) if last else None)
        parts = {rank: _part(whole, rank, alone) for rank in ranks}
        finished_locally = {
            rank: self._finished.computed_locally(
                snapshot, rank, alone, restarted=last is not None and parts[rank] == "restart"
            )
            for rank in ranks
        }
        if last is None:
            return
        restarted = {rank for rank in ranks if parts[rank] == "restart"}
        self._restarts |= dict.fromkeys(restarted, snapshot.time)
        self._restarts = {rank: self._restarts[rank] for rank in ranks if rank in self._restarts}
        went_on = set(ranks) - restarted
        self._carry = {key: owed for key, owed in self._carry.items() if key[0] in went_on}
        if whole is None or not whole.complete:
            joules = None
        new_release = old_labels and labels and old_labels != labels
        if snapshot.plan.engines is None:
            known = self._exclusion("", last, snapshot, unix, labels) if whole else "restart"
            self._exclude(known or "unknown", snapshot.time - last.time)
            return
        if joules is not None and self._metered_since is None:
            self._metered_since = last.time
        engines = len(snapshot.plan.engines)
        share = 1.0 if alone else 1.0 / engines
        for rank in ranks:
            part, end = parts[rank], self._ends[rank]
            if isinstance(part, str):
                exclusion: Exclusion | None = part
            elif new_release:
                exclusion = "restart"
            else:
                exclusion = self._exclusion(rank, last, snapshot, unix, labels) or self._count(
                    rank,
                    part,
                    snapshot.plan,
                    (old_ends.get(rank, end), end),
                    finished_locally[rank],
                    gpus and gpus * share,
                    None if joules is None else joules * share,
                    limits.max_num_seqs and limits.max_num_seqs * (engines if alone else 1),
                )
            if exclusion:
                self._exclude(exclusion, snapshot.time - last.time)

    def forget_young_energy(self, time: float) -> None:
        """Take that the energy of all cells was not the server's alone, if all of it is young.

        `time` is monotonic seconds.
        """
        if self._metered_since is None or time - self._metered_since > _YOUNG:
            return
        cells = {
            key: {name: amount for name, amount in work.items() if name not in _METERED}
            for key, work in self.load.cells.items()
        }
        self.load, self._metered_since = replace(self.load, cells=cells), None

    def _cells_with_room(self, key: Key) -> Mapping[Key, Work] | None:
        """Return the cells that another may join, None where they are too many.

        The cells of engines that have left the page then end: new ones come with every rollout.
        """
        cells = self.load.cells
        if key in cells or len(cells) < self._max_cells:
            return cells
        present = {old: work for old, work in cells.items() if old[0] in self._ends}
        return present if len(present) < self._max_cells else None

    def _exclude(self, reason: Exclusion, seconds: float) -> None:
        excluded = {**self.load.excluded, reason: self.load.excluded.get(reason, 0.0) + seconds}
        self.load = replace(self.load, excluded=excluded)

    def _exclusion(
        self, rank: str, last: Snapshot, snapshot: Snapshot, unix: float, labels: Labels | None
    ) -> Exclusion | None:
        """Return why an interval of a rank without a restart is left out, None if it is not."""
        seconds = snapshot.time - last.time
        if last.plan.version != snapshot.plan.version:
            known = last.plan.version and snapshot.plan.version
            return "restart" if known else "unknown"
        if labels is None:
            return "unknown"
        if not 0 < seconds <= self._longest + longest_hold(snapshot.plan):
            return "gap"
        start = start_time(snapshot, rank)
        if start is not None:
            age = unix - seconds - start
        else:
            restart = self._restarts.get(rank)
            age = self._warm_up if restart is None else last.time - restart
        return "warm_up" if age < self._warm_up else None

    def _count(
        self,
        rank: str,
        interval: Interval,
        plan: Plan,
        ends: tuple[End, End],
        finished_locally: bool,
        gpus: float | None,
        joules: float | None,
        most_sequences: float | None,
    ) -> Exclusion | None:
        """Add a rank's work to its cell; return why not where it is left out."""
        if not interval.unknown.isdisjoint(_TOKENS_AND_TIME):
            return "implausible"
        work = work_of(interval, plan.engine, ends, gpus, joules, decodes=decodes(plan, rank))
        if work is None:
            return "unknown"
        if exclusion := _of_no_batch(interval, work, most_sequences):
            return exclusion
        if not finished_locally:
            for quantity in ("finished_prefill_tokens", "finished_prefill_seconds"):
                work.pop(quantity, None)
            seconds = self.load.without_finished_prefill + interval.seconds
            self.load = replace(self.load, without_finished_prefill=seconds)
        carry = dict(self._carry)
        for quantity in _DIFFERENCES:
            if quantity in work:
                amount = work[quantity] + carry.get((rank, quantity), 0.0)
                work[quantity], carry[rank, quantity] = max(amount, 0.0), min(amount, 0.0)
        key = rank, batch_of(work)
        cells = self._cells_with_room(key)
        if cells is None:
            return "cap"
        if key[1] in (IDLE, PREFILL):
            for quantity in ("decode_sequence_seconds", "decode_tokens", "metered_decode_tokens"):
                work.pop(quantity, None)
        sums = _added(cells.get(key, {}), work)
        if sums is None:
            return "implausible"
        # only now: an interval that no cell takes must not be settled with what is carried over
        self._carry = carry
        self.load = replace(self.load, cells={**cells, key: sums})
        return "implausible_latency" if interval.unknown & TIMED.keys() else None


def _part(whole: Interval | None, rank: str, alone: bool) -> Interval | Exclusion:
    """Return the work of a rank; one alone has also done what is counted without a rank."""
    if whole is None:
        return "restart"
    part = whole.engines.get(rank, whole)
    if isinstance(part, str) or not alone:
        return part
    server = whole.engines.get("")
    return server if isinstance(server, str) else whole


def _added(sums: Work, work: Work) -> Work | None:
    """Return the sums of a cell with more work in them, None where they would be infinite."""
    added = {**sums, **{name: sums.get(name, 0.0) + amount for name, amount in work.items()}}
    return added if all(map(isfinite, added.values())) else None


def _of_no_batch(interval: Interval, work: Work, most_sequences: float | None) -> Exclusion | None:
    """Return why work is not that of the batch it would be counted under, None where it is."""
    if not all(map(isfinite, work.values())):
        return "implausible"
    if most_sequences:
        most = SEQUENCES_SLACK * most_sequences * interval.seconds
        if work["decode_sequence_seconds"] > most:
            # the time of a long step, or of a stall: no batch that ran
            return "implausible"
    if interval.increase.get("preemptions", 0.0) > PREEMPTING * interval.seconds:
        return "preempting"
    return None


def _alone(plan: Plan) -> bool:
    """Whether one engine does all work of the page, or counts it for all of its ranks."""
    return len(plan.counting) == 1 and not (plan.key and plan.engines != plan.counting)


def _end(snapshot: Snapshot, rank: str, alone: bool) -> End:
    labels = {} if alone else {"engine_index": rank}
    usage = snapshot.largest("kv_cache_usage_ratio", **labels)
    capacity = snapshot.largest("kv_cache_capacity_tokens", **labels)
    return End(
        snapshot.total("requests_running", **labels),
        queue_length(snapshot, **labels),
        None if usage is None or capacity is None else usage * capacity,
    )
