"""Which series of a page count events: buckets, how requests ended, draft tokens."""

from collections.abc import Mapping
from math import inf
from typing import Final

from ...derive.counters.by_engine import EngineCounters, counters_by_engine
from ...derive.plan_cache import cached_by_plan
from ...engines.plan import Plan, Sample

LATENCIES: Final = (
    "time_to_first_token_seconds",
    "inter_token_latency_seconds",
    "queue_seconds",
    "request_latency_seconds",
)
"""Histograms of latency, in the order in which they are shown."""

TOKENS_PER_REQUEST: Final = ("request_prompt_tokens", "request_completion_tokens")
"""Histograms of the length of requests."""

TIME_PER_TOKEN: Final = "time_per_output_token_seconds"
"""The histogram of the mean time per token of a finished request."""

HISTOGRAMS: Final = (*LATENCIES, TIME_PER_TOKEN, *TOKENS_PER_REQUEST)

EVENTS: Final[Mapping[str, str]] = {
    "requests_finished_total": "reason",
    "requests_aborted_total": "",
    "requests_rejected_total": "reason",
    "http_responses_total": "status",
    "spec_decode_draft_tokens_total": "",
    "spec_decode_accepted_tokens_total": "",
}
"""Counters of events, each with the label that divides it."""

_NONE: Final = EngineCounters((), (), (), (), ())
_SUFFIXES: Final = ("_bucket", "_sum", "_count")


def quantity_of(sample: Sample) -> str:
    """Return what a series counts as one word or two, empty where it is no counter of events.

    Behind the family and its suffix stands the bucket's bound, or the value of the label.
    """
    if sample.family in EVENTS:
        return f"{sample.family} {sample.label(EVENTS[sample.family])}"
    if sample.family in HISTOGRAMS and sample.suffix in _SUFFIXES:
        return f"{sample.family}{sample.suffix} {sample.label('le')}"
    return ""


@cached_by_plan
def event_counters(plan: Plan) -> Mapping[str, EngineCounters]:
    """Return the counters of work and of events of every engine on a page, by `engine_index`.

    The empty name holds those of whoever serves the page. Sums of histograms may fall without a
    restart: where values are negative, or corrected.
    """
    positions: dict[str, dict[str, list[int]]] = {}
    for i, sample in enumerate(plan.samples):
        if quantity := quantity_of(sample):
            engine = positions.setdefault(sample.label("engine_index"), {})
            engine.setdefault(quantity, []).append(i)
    engines = counters_by_engine(plan)
    return {
        engine: _extended(plan, engines.get(engine, _NONE), positions.get(engine, {}))
        for engine in engines.keys() | positions.keys()
    }


def _extended(
    plan: Plan, counters: EngineCounters, positions: Mapping[str, list[int]]
) -> EngineCounters:
    indices, spans, falling = list(counters.indices), list(counters.spans), list(counters.falling)
    for quantity, places in positions.items():
        end = len(indices) + len(places)
        spans.append((quantity, len(indices), end))
        if "_sum " not in quantity:
            falling += range(len(indices), end)
        indices += places
    return EngineCounters(
        tuple(indices),
        tuple(spans),
        tuple(plan.samples[i] for i in indices),
        tuple(falling),
        counters.start,
    )


@cached_by_plan
def bucket_quantities(plan: Plan, family: str) -> tuple[tuple[float, str], ...]:
    """Return the upper bounds of a histogram's buckets, ascending, each with its quantity.

    Empty where the page has none, or none without a bound: the buckets then do not hold all events.
    """
    bounds = {
        float(sample.label("le")): quantity_of(sample)
        for sample in plan.samples
        if sample.family == family and sample.suffix == "_bucket"
    }
    return tuple(sorted(bounds.items())) if inf in bounds else ()


@cached_by_plan
def label_values(plan: Plan, family: str) -> tuple[str, ...]:
    """Return the values of the label that divides a counter of events, sorted."""
    label = EVENTS[family]
    return tuple(sorted({s.label(label) for s in plan.samples if s.family == family}))
