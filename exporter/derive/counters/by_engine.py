"""Which counters of a page make up each quantity of work, engine by engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from ...engines.plan import Plan, Sample, Snapshot
from ..plan_cache import cached_by_plan

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

LATENCIES: Final = ("first_token_seconds", "decode_sequence_seconds", "finished_prefill_seconds")
"""Sums of latencies. One that falls is a fault of the engine, not a restart."""

_START: Final = "server_start_time_seconds"


@dataclass(frozen=True, slots=True)
class EngineCounters:
    """Where one plan has an engine's counters, and how many belong to each quantity.

    `indices` are positions in a snapshot, `samples` those at them; quantity q is at
    `indices[start:stop]`. `falling` are the positions in `indices` whose fall is a restart, `start`
    those in a snapshot of the process's start time.
    """

    indices: tuple[int, ...]
    spans: tuple[tuple[str, int, int], ...]
    samples: tuple[Sample, ...]
    falling: tuple[int, ...]
    start: tuple[int, ...]

    def values(self, snapshot: Snapshot) -> tuple[float, ...]:
        """Return the counters' values in a snapshot of this plan."""
        if len(self.indices) > 1:
            values: tuple[float, ...] = itemgetter(*self.indices)(snapshot.values)
            return values
        return tuple(snapshot.values[i] for i in self.indices)


_FAMILIES: Final = frozenset(family for family, _, _ in COUNTERS.values())


@cached_by_plan
def counters_by_engine(plan: Plan) -> Mapping[str, EngineCounters]:
    """Return the counters of every engine on a page, by `engine_index`.

    An engine is there once any of its series is. The empty name holds the counters that carry no
    `engine_index`; it is missing where all counters carry one.
    """
    positions: dict[str, dict[tuple[str, str], list[int]]] = {}
    starts: dict[str, list[int]] = {}
    for i, sample in enumerate(plan.samples):
        engine = sample.label("engine_index")
        if engine:
            positions.setdefault(engine, {})
        if sample.family in _FAMILIES:
            counters = positions.setdefault(engine, {})
            counters.setdefault((sample.family, sample.suffix), []).append(i)
        elif sample.family == _START:
            starts.setdefault(engine, []).append(i)
    return {
        engine: _counters(plan, positions[engine], starts.get(engine) or starts.get("", []))
        for engine in sorted(positions)
    } or {"": _counters(plan, {}, starts.get("", []))}


def _counters(
    plan: Plan, positions: Mapping[tuple[str, str], list[int]], start: list[int]
) -> EngineCounters:
    indices, spans, falling = list[int](), list[tuple[str, int, int]](), list[int]()
    for quantity, (family, suffix, label) in COUNTERS.items():
        counters = positions.get((family, suffix), [])
        if label:
            counters = [i for i in counters if plan.samples[i].label(label[0]) == label[1]]
        if counters:
            end = len(indices) + len(counters)
            spans.append((quantity, len(indices), end))
            if quantity not in LATENCIES:
                falling += range(len(indices), end)
            indices += counters
    return EngineCounters(
        tuple(indices),
        tuple(spans),
        tuple(plan.samples[i] for i in indices),
        tuple(falling),
        tuple(start),
    )
