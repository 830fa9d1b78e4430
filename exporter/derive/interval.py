"""What happened between two snapshots of one server."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from operator import gt, itemgetter
from typing import Final

from ..engines.plan import UNKNOWN, Plan, Sample, Snapshot
from ..gpu.energy import EnergyUse
from .plan_cache import cached_by_plan

# Clocks are read around a process start, so the same start may differ by this many seconds.
START_SLACK: Final = 2.0

# quantity -> family, suffix and the label that picks it
COUNTERS: Final[Mapping[str, tuple[str, str, tuple[str, str] | None]]] = {
    "generation_tokens": ("generation_tokens_total", "", None),
    "decode_tokens": ("decode_tokens_total", "", None),
    "first_tokens": ("time_to_first_token_seconds", "_count", None),
    "prompt_tokens": ("prompt_tokens_total", "", None),
    "prompt_tokens_computed": ("prompt_tokens_computed_total", "", None),
    "prompt_tokens_cached": ("prompt_tokens_cached_total", "", None),
    "first_token_seconds": ("time_to_first_token_seconds", "_sum", None),
    "decode_sequence_seconds": ("inter_token_latency_seconds", "_sum", None),
    "decode_outputs": ("inter_token_latency_seconds", "_count", None),
    "finished_prefill_tokens": ("request_prompt_tokens_computed", "_sum", None),
    "finished_prefill_seconds": ("prefill_seconds", "_sum", None),
    "steps": ("steps_total", "", None),
    "step_tokens": ("step_tokens_total", "", None),
    "queried_local": ("prefix_cache_queried_tokens_total", "", ("cache", "local")),
    "hit_local": ("prefix_cache_hit_tokens_total", "", ("cache", "local")),
    "queried_external": ("prefix_cache_queried_tokens_total", "", ("cache", "external")),
    "hit_external": ("prefix_cache_hit_tokens_total", "", ("cache", "external")),
    "queried_multimodal": ("multimodal_cache_queried_items_total", "", None),
    "hit_multimodal": ("multimodal_cache_hit_items_total", "", None),
    "preemptions": ("preemptions_total", "", None),
    "spec_draft_tokens": ("spec_decode_draft_tokens_total", "", None),
    "spec_accepted_tokens": ("spec_decode_accepted_tokens_total", "", None),
}

_WORK: Final = ("generation_tokens", "decode_tokens", "prompt_tokens", "prompt_tokens_computed")


@dataclass(frozen=True, slots=True)
class Interval:
    """The work between two snapshots: `increase` by quantity in `seconds`.

    Of one data-parallel rank, or summed over all. A quantity the server does not publish is
    missing. The gauges are those of the later snapshot, None where unknown; `queue` counts requests
    that wait for room in the batch, `kv_usage` is the fullest rank's. `energy` is that of all the
    server's GPUs, None where unknown or not the server's alone.
    """

    seconds: float
    increase: Mapping[str, float]
    running: float | None
    queue: float | None
    kv_usage: float | None
    energy: EnergyUse | None = None

    @property
    def idle(self) -> bool:
        """Whether no token went in or out and no request is there; unknown is not idle."""
        amounts = [self.increase.get(name) for name in _WORK]
        known = [amount for amount in amounts if amount is not None]
        return bool(known) and not any(known) and self.running == 0


@dataclass(frozen=True, slots=True)
class _CounterIndex:
    """Where one plan has the counters: flat indices, and how many belong to each quantity."""

    indices: tuple[int, ...]
    spans: tuple[tuple[str, int, int], ...]
    samples: tuple[Sample, ...]


@cached_by_plan
def _counter_index(plan: Plan, rank: str | None) -> _CounterIndex:
    positions: dict[tuple[str, str], list[int]] = {}
    for i, sample in enumerate(plan.samples):
        if rank is not None and sample.label("engine_index") != rank:
            continue
        positions.setdefault((sample.family, sample.suffix), []).append(i)
    indices, spans = list[int](), list[tuple[str, int, int]]()
    for quantity, (family, suffix, label) in COUNTERS.items():
        counters = positions.get((family, suffix), [])
        if label:
            counters = [i for i in counters if plan.samples[i].label(label[0]) == label[1]]
        if counters:
            spans.append((quantity, len(indices), len(indices) + len(counters)))
            indices += counters
    return _CounterIndex(tuple(indices), tuple(spans), tuple(plan.samples[i] for i in indices))


def _values(snapshot: Snapshot, indices: tuple[int, ...]) -> tuple[float, ...]:
    if len(indices) > 1:
        values: tuple[float, ...] = itemgetter(*indices)(snapshot.values)
        return values
    return tuple(snapshot.values[i] for i in indices)


def between(old: Snapshot, new: Snapshot, rank: str | None = None) -> Interval | None:
    """Return the work done from `old` to `new`, or None where the server restarted in between.

    It did where the start time moved, a counter fell, or a counter's series vanished: the process,
    or one of its data-parallel ranks, is another one. A series that appears counts from 0, as
    engines that create series on first use mean it. Neither holds for the families that a plan left
    out: what they did is unknown. Both snapshots must come from plans of one version. With `rank`
    (an `engine_index`), the work is that of one data-parallel rank alone.
    """
    old_start, new_start = (s.largest("server_start_time_seconds") for s in (old, new))
    if old_start is not None and new_start is not None and abs(new_start - old_start) > START_SLACK:
        return None
    counters = _counter_index(new.plan, rank)
    after = _values(new, counters.indices)
    if old.plan is new.plan:
        before = _values(old, counters.indices)
    else:
        old_counters = _counter_index(old.plan, rank)
        old_values = dict(
            zip(old_counters.samples, _values(old, old_counters.indices), strict=True)
        )
        before = tuple(
            old_values.pop(sample, UNKNOWN if sample.family in old.plan.left_out else 0.0)
            for sample in counters.samples
        )
        if any(sample.family not in new.plan.left_out for sample in old_values):
            return None
    if any(map(gt, before, after)):
        return None
    increase = {}
    for quantity, start, stop in counters.spans:
        amount = sum(after[start:stop]) - sum(before[start:stop])
        if isfinite(amount):
            increase[quantity] = amount
    labels = {} if rank is None else {"engine_index": rank}
    return Interval(
        new.time - old.time,
        increase,
        running=new.total("requests_running", **labels),
        queue=queue_length(new, **labels),
        kv_usage=new.largest("kv_cache_usage_ratio", **labels),
    )


def queue_length(snapshot: Snapshot, **labels: str) -> float | None:
    """Return how many requests wait for room in the batch, of those series with these labels.

    Requests that wait for something else (a KV transfer, a grammar) are not in the queue.
    """
    capacity = snapshot.total("requests_waiting", reason="capacity", **labels)
    if capacity is not None:
        return capacity
    return snapshot.total("requests_waiting", reason="", **labels)
