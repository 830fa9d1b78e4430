"""Load cells: what one data-parallel rank did in an interval, and the decode batch it ran under.

Below saturation tokens per second measure demand. What an engine can do shows in the time a
sequence takes for a token at a given batch, so each interval's work is added to the cell of its
batch B, and a cell's sums give the exact means inside it.

B is the sequences decoding at a time, by Little's law. vLLM, V0 included, adds the whole time since
a sequence's last output to the inter-token latency's sum at each output, however many tokens it
holds (speculation): a decoding sequence accrues one second per second, so B is that sum's increase
over the interval. SGLang does the same, but the first tokens of a request that is not streamed are
left out of sum and count; there B is the mean latency times the tokens generated. SGLang on Ray
adds an output's time once for each token in it, which is not corrected. Where the latency is not
published, by the server or by one of its data-parallel ranks, B is the mean of the requests running
at both ends, those in prefill included. SGLang before 0.5.7 counts tokens when a request ends: no
law holds, and its time is left out.

Latencies are added at the end of an output, prompts at their first token: work may fall into the
interval after the one it was done in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import frexp
from typing import Final

from ..engines.engine import DecodeTime
from ..engines.plan import Plan
from ..engines.registry import ENGINES
from ..vocabulary.exporter import LOAD
from .interval import Interval
from .plan_cache import cached_by_plan

QUANTITIES: Final = tuple(LOAD)

IDLE: Final = "idle"
PREFILL: Final = "0"

_COPIED: Final = (
    "first_tokens",
    "first_token_seconds",
    "finished_prefill_tokens",
    "finished_prefill_seconds",
    "spec_draft_tokens",
    "spec_accepted_tokens",
)

TIMED: Final[Mapping[str, str]] = {
    "first_token_seconds": "first_tokens",
    "finished_prefill_seconds": "finished_prefill_tokens",
}
"""Times that are divided by a count: where the time is not known, the count is left out too."""

Work = Mapping[str, float]
"""Amounts by quantity (`QUANTITIES`); what is unknown is missing."""


@dataclass(frozen=True, slots=True)
class End:
    """The gauges of one rank at one end of an interval, None where unknown."""

    running: float | None
    queue: float | None
    context: float | None


def batch_label(batch: float) -> str:
    """Return the upper edge of the half-octave (lower, upper] that holds a batch above 0.

    Edges are 1 and then 2^k and 1.5 x 2^k.
    """
    if batch <= 1:
        return "1"
    mantissa, exponent = frexp(batch)
    edge = 0.5 if mantissa == 0.5 else 0.75 if mantissa <= 0.75 else 1.0
    return f"{edge * 2.0**exponent:.15g}"


def sequence_seconds(interval: Interval, engine: str, running: float | None) -> float | None:
    """Return the time sequences spent decoding, summed over them; None where no law holds.

    `engine` is the kind of engine, `running` the mean of the requests running.
    """
    increase = interval.increase
    latency = increase.get("decode_sequence_seconds")
    if ENGINES[engine].decode_time is DecodeTime.MEAN_TIMES_TOKENS:
        tokens, outputs = increase.get("decode_tokens"), increase.get("decode_outputs")
        if tokens is None:
            return None
        if latency is not None and outputs:
            return latency / outputs * tokens
        if tokens == 0 and latency is not None:
            return latency
        # tokens without an output in the interval: it has no mean latency
        latency = None
    if latency is None and running is None and _decode_tokens(increase) == 0:
        # on a page to which engines report, the gauges of an idle one go away
        return 0.0
    if latency is None and running is not None:
        return running * interval.seconds
    return latency


def work_of(
    interval: Interval,
    engine: str,
    ends: tuple[End, End],
    gpus: float | None,
    joules: float | None,
    decodes: bool = True,
) -> dict[str, float] | None:
    """Return what one rank did in an interval, None where no law gives its batch.

    `engine` is the kind of engine, `gpus` and `joules` are the rank's own, `decodes` says whether
    it has ever decoded. The differences of two
    counters (decode tokens; prefill tokens where the engine does not count computed ones) may be
    negative: the two are not always incremented, nor always read, at the same moment.
    """
    seconds, increase = interval.seconds, interval.increase
    sequence: float | None = 0.0
    decoded: float | None = 0.0
    if decodes:
        sequence = sequence_seconds(interval, engine, _mean(end.running for end in ends))
        decoded = _decode_tokens(increase)
    if sequence is None or decoded is None:
        return None
    amounts: dict[str, float | None] = {
        "seconds": seconds,
        "gpu_seconds": gpus * seconds if gpus else None,
        "decode_sequence_seconds": sequence,
        "decode_tokens": decoded,
        "prefill_tokens": _prefill_tokens(increase),
        "joules": joules,
        "metered_decode_tokens": None if joules is None else decoded,
        **{quantity: increase.get(quantity) for quantity in _COPIED},
        **{count: None for time, count in TIMED.items() if time in interval.unknown},
    }
    context = _mean(end.context for end in ends)
    if context is not None:
        amounts["context_token_seconds"] = context * seconds
    queues = [end.queue for end in ends if end.queue is not None]
    if queues:
        amounts["saturated_seconds"] = seconds if all(queues) else 0.0
    return {quantity: amount for quantity, amount in amounts.items() if amount is not None}


@cached_by_plan
def decodes(plan: Plan, rank: str) -> bool:
    """Whether a rank has decoded; the prefill server of a pair never does.

    SGLang counts tokens as it makes them, prompt and decode under one name each; the count of
    decoded ones appears with the first (`increment_realtime_tokens` adds no zero). What it says of
    inter-token latency on such a server is the time of prefills, before 0.5.22. vLLM's counters are
    there from the start, and do not move on such a server.
    """
    if ENGINES[plan.engine].decode_time is not DecodeTime.MEAN_TIMES_TOKENS:
        return True
    labels = {"engine_index": rank} if rank else {}
    computed = plan.indices("prompt_tokens_computed_total", **labels)
    return not computed or bool(plan.indices("decode_tokens_total", **labels))


def batch_of(work: Work) -> str:
    """Return the cell of an interval's work: that of its batch, or one of two beside them.

    `idle` is where nothing was decoded and no prompt computed. Prompts alone go to a cell of their
    own, called 0: in the smallest they would make it look like decoding under heavy prefill.
    """
    if work["decode_sequence_seconds"] > 0 or work["decode_tokens"] > 0:
        return batch_label(work["decode_sequence_seconds"] / work["seconds"])
    if work.get("prefill_tokens", 0.0) > 0 or work.get("first_tokens", 0.0) > 0:
        return PREFILL
    return IDLE


def _decode_tokens(increase: Work) -> float | None:
    """Tokens after each request's first."""
    if "decode_tokens" in increase:
        return increase["decode_tokens"]
    generated = increase.get("generation_tokens")
    return None if generated is None else generated - increase.get("first_tokens", 0.0)


def _prefill_tokens(increase: Work) -> float | None:
    """Prompt tokens computed; before engines counted them, prompt tokens less cache hits."""
    if "prompt_tokens_computed" in increase:
        return increase["prompt_tokens_computed"]
    prompt, hits = increase.get("prompt_tokens"), increase.get("hit_local")
    if prompt is None or hits is None:
        return None
    return prompt - hits - increase.get("hit_external", 0.0)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
