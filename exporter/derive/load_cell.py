"""Load cells: what one engine did in an interval, and the decode batch it did it under.

Below saturation tokens per second measure demand. What an engine can do is told by the time a
sequence takes for a token at a given batch, so each interval's work is added to the cell of its
batch B, and a cell's sums give the exact means inside it.

B is the sequences decoding at a time, by Little's law. vLLM, V0 included, adds the whole time since
a sequence's last output to the inter-token latency's sum at each output, however many tokens it
holds (speculation): a decoding sequence accrues one second per second, so B is that sum's increase
over the interval. SGLang does the same, but the first tokens of a request that is not streamed are
left out of sum and count; there B is the mean latency times the tokens made. SGLang on Ray adds an
output's time once for each token in it, which is not made good. Where the latency is not told, by
the server or by one of its data-parallel engines, B is the mean of the requests running at both
ends, those in prefill included. SGLang before 0.5.7 counts tokens when a request ends: no law
holds, and its time is left out.

Latencies are added at the end of an output, prompts at their first token: work may fall into the
interval after the one it was done in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import frexp
from typing import Final

from ..engines.engine import DecodeTime
from ..engines.registry import ENGINES
from ..vocabulary.exporter import LOAD
from .interval import Interval

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

Work = Mapping[str, float]
"""Amounts by quantity (`QUANTITIES`); what is unknown is missing."""


@dataclass(frozen=True, slots=True)
class End:
    """The gauges of one engine at one end of an interval, None where unknown."""

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

    `engine` is the engine's kind, `running` the mean of the requests running.
    """
    grown = interval.increase
    total = grown.get("decode_sequence_seconds")
    if ENGINES[engine].decode_time is DecodeTime.MEAN_TIMES_TOKENS:
        tokens, seen = grown.get("decode_tokens"), grown.get("decode_outputs")
        if tokens is None:
            return None
        if total is not None and seen:
            return total / seen * tokens
        if tokens == 0 and total is not None:
            return total
        total = None
    if total is None and running is not None:
        return running * interval.seconds
    return total


def work(
    interval: Interval, engine: str, ends: tuple[End, End], gpus: float | None, joules: float | None
) -> dict[str, float] | None:
    """Return what one engine did in an interval, None where no law tells its batch.

    `engine` is the engine's kind, `gpus` and `joules` are its own. The differences of two counters
    (decode tokens; prefill tokens where the engine does not count computed ones) may be negative:
    the two are not always moved, nor always read, at the same moment.
    """
    seconds, grown = interval.seconds, interval.increase
    sequence = sequence_seconds(interval, engine, _mean(end.running for end in ends))
    decoded = _decode_tokens(grown)
    if sequence is None or decoded is None:
        return None
    found: dict[str, float | None] = {
        "seconds": seconds,
        "gpu_seconds": gpus * seconds if gpus else None,
        "decode_sequence_seconds": sequence,
        "decode_tokens": decoded,
        "prefill_tokens": _prefill_tokens(grown),
        "joules": joules,
        "metered_decode_tokens": None if joules is None else decoded,
        **{quantity: grown.get(quantity) for quantity in _COPIED},
    }
    context = _mean(end.context for end in ends)
    if context is not None:
        found["context_token_seconds"] = context * seconds
    queued = [end.queue for end in ends if end.queue is not None]
    if queued:
        found["saturated_seconds"] = seconds if all(queued) else 0.0
    return {quantity: value for quantity, value in found.items() if value is not None}


def batch_of(done: Work) -> str:
    """Return the cell of an interval's work: that of its batch, or one of two beside them.

    `idle` is where nothing was decoded and no prompt computed. Prompts alone go to a cell of their
    own, called 0: in the smallest they would make it look like decoding under heavy prefill.
    """
    if done["decode_sequence_seconds"] > 0 or done["decode_tokens"] > 0:
        return batch_label(done["decode_sequence_seconds"] / done["seconds"])
    if done.get("prefill_tokens", 0.0) > 0 or done.get("first_tokens", 0.0) > 0:
        return PREFILL
    return IDLE


def _decode_tokens(grown: Work) -> float | None:
    """Tokens after each request's first."""
    if "decode_tokens" in grown:
        return grown["decode_tokens"]
    made = grown.get("generation_tokens")
    return None if made is None else made - grown.get("first_tokens", 0.0)


def _prefill_tokens(grown: Work) -> float | None:
    """Prompt tokens computed; before engines counted them, prompt tokens less cache hits."""
    if "prompt_tokens_computed" in grown:
        return grown["prompt_tokens_computed"]
    prompt, hit = grown.get("prompt_tokens"), grown.get("hit_local")
    if prompt is None or hit is None:
        return None
    return prompt - hit - grown.get("hit_external", 0.0)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
