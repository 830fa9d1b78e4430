"""The figures people ask for first, from one server's window.

Rates are increases over whole intervals divided by their time, so they integrate to the engine's
own counters. A figure whose parts are unknown, and a ratio 0/0, is None.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from .bound import Bound, bound_by
from .energy import Energy, energy
from .window import Window

_UNKNOWN: Final = Energy()


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server may do at most: sequences and tokens per step of one engine, and its GPUs."""

    max_num_seqs: float | None = None
    max_num_batched_tokens: float | None = None
    gpus: float | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A ratio kept as its parts, so that several servers' ratios add up right."""

    part: float
    whole: float

    @property
    def ratio(self) -> float:
        """Part over whole, from 0 to 1."""
        return self.part / self.whole


def together(shares: Iterable[Share | None]) -> Share | None:
    """Return the share of several servers taken together, None where none is known."""
    known = [share for share in shares if share is not None]
    return share_of(sum(s.part for s in known), sum(s.whole for s in known)) if known else None


def share_of(part: float | None, whole: float | None) -> Share | None:
    """Return a share, None where a part is unknown or the whole is 0."""
    return None if part is None or not whole else Share(part, whole)


def ratio(share: Share | None) -> float | None:
    """Return a share's ratio, None where the share is unknown."""
    return share.ratio if share else None


@dataclass(frozen=True, slots=True)
class Figures:
    """One server over its window: rates per second, shares, None where unknown.

    `batch_occupancy` is mean requests running among those that may run, `tokens_per_step` tokens
    over steps, `prefix_cache_hits` hits among lookups by cache, `prompt_cached` cached among
    prompt tokens, `energy` joules for the tokens made.
    """

    window_seconds: float
    generation_tokens_rate: float | None
    prompt_tokens_rate: float | None
    prompt_tokens_computed_rate: float | None
    gpus: float | None
    decode_batch: float | None
    batch_occupancy: Share | None
    tokens_per_step: Share | None
    token_budget_ratio: float | None
    prefix_cache_hits: Mapping[str, Share]
    prompt_cached: Share | None
    preemptions_rate: float | None
    bound: Bound | None
    energy: Energy = _UNKNOWN

    def per_gpu(self, rate: float | None) -> float | None:
        """Return a rate of this server for each of its GPUs."""
        return None if rate is None or not self.gpus else rate / self.gpus


def figures(window: Window, limits: Limits) -> Figures | None:
    """Return the figures of a window, None where it holds no interval yet."""
    if not len(window) or window.last is None:
        return None
    engines = window.last.plan.engines()
    seats = None if limits.max_num_seqs is None else limits.max_num_seqs * engines
    occupancy = share_of(_mean_running(window), seats)
    per_step = share_of(_step_tokens(window), window.increase("steps"))
    largest = limits.max_num_batched_tokens
    budget = per_step.ratio / largest if per_step and largest else None
    preemptions = window.rate("preemptions")
    return Figures(
        window_seconds=window.seconds,
        generation_tokens_rate=_generation_rate(window),
        prompt_tokens_rate=window.rate("prompt_tokens"),
        prompt_tokens_computed_rate=_computed_rate(window),
        gpus=limits.gpus,
        decode_batch=window.rate("decode_sequence_seconds"),
        batch_occupancy=occupancy,
        tokens_per_step=per_step,
        token_budget_ratio=budget,
        prefix_cache_hits=_hits(window),
        prompt_cached=_cached(window),
        preemptions_rate=preemptions,
        bound=bound_by(window, seats, budget, preemptions),
        energy=energy(window),
    )


def _generation_rate(window: Window) -> float | None:
    """Tokens made per second: counted as they are made, where the engine also counts at the end."""
    decoded, first = window.rate("decode_tokens"), window.rate("first_tokens")
    if decoded is not None:
        return decoded + (first or 0.0)
    return window.rate("generation_tokens")


def _computed_rate(window: Window) -> float | None:
    """Prompt tokens computed per second; before engines counted them, prompt less cache hits.

    The difference is a rate over the window only: as a counter it could fall, since hits are
    counted when a request is looked up and its prompt when the first token appears.
    """
    computed = window.rate("prompt_tokens_computed")
    if computed is not None:
        return computed
    prompt, hit = window.rate("prompt_tokens"), window.rate("hit_local")
    if prompt is None or hit is None:
        return None
    return max(prompt - hit - (window.rate("hit_external") or 0.0), 0.0)


def _mean_running(window: Window) -> float | None:
    known = [interval.running for interval in window if interval.running is not None]
    return sum(known) / len(known) if known else None


def _step_tokens(window: Window) -> float | None:
    """Tokens processed in the window's steps.

    Computed prompt tokens plus generated ones mean the same in every release; the engine's own
    sum held whole prompts, cached tokens included, before vLLM 0.23.
    """
    computed = window.increase("prompt_tokens_computed")
    made = window.increase("generation_tokens")
    if computed is not None and made is not None:
        return computed + made
    return window.increase("step_tokens")


def _hits(window: Window) -> dict[str, Share]:
    """Token-weighted hits among lookups, by cache; multimodal counts items."""
    shares = {
        cache: share_of(window.increase(f"hit_{cache}"), window.increase(f"queried_{cache}"))
        for cache in ("local", "external", "multimodal")
    }
    return {cache: share for cache, share in shares.items() if share}


def _cached(window: Window) -> Share | None:
    """Share of prompt tokens no GPU had to compute; not biased by repeated lookups."""
    cached = window.increase("prompt_tokens_cached")
    computed = window.increase("prompt_tokens_computed")
    if cached is None:
        return None
    whole = cached + computed if computed is not None else window.increase("prompt_tokens")
    return share_of(cached, whole)
