"""What one server's window gives, from which its figures are read.

Rates are increases over whole intervals divided by their time, so they integrate to the engine's
own counters. A quantity whose parts are unknown is None.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Final

from ..base.exact_sum import exact_sum
from ..engines.engine import DecodeTime
from ..engines.plan import Snapshot
from ..engines.registry import ENGINES
from ..vocabulary.states import Bound
from .bound import bound_by
from .counters.limits import ServerLimits as ServerLimits
from .counters.plausibility import SEQUENCES_SLACK
from .energy import WindowEnergy, window_energy
from .interval import Interval
from .ratio import Ratio, ratio_of
from .window import Window

OVERFULL: Final = 1.1
"""Requests running, as a share of the limit of sequences: above it the limit is not that of the
page's engines, or not all of these can be told apart. Time decoding has more slack."""

_CACHES = ("local", "external", "multimodal")


class WindowSummary:
    """One server's window beside its limits, with what several figures share worked out once.

    The window may be that of one engine of the server. `snapshot` is the newest in the window. A
    summary is valid until the window gets another one.
    """

    def __init__(self, window: Window, snapshot: Snapshot, limits: ServerLimits) -> None:
        self.window = window
        self.snapshot = snapshot
        self.limits = limits

    @cached_property
    def generation_rate(self) -> float | None:
        """Tokens generated per second."""
        return _generation_rate(self.window)

    @cached_property
    def tokens_per_step(self) -> Ratio | None:
        """Tokens processed over the engine's steps, where its engines are known."""
        known = self.snapshot.plan.engines is not None
        return _tokens_per_step(self.window) if known else None

    @cached_property
    def energy(self) -> WindowEnergy:
        """The energy of the window's intervals."""
        return window_energy(self.window)

    @cached_property
    def _running(self) -> float | None:
        return self.mean(lambda interval: interval.running)

    @cached_property
    def _decoding(self) -> float | None:
        if ENGINES[self.snapshot.plan.engine].decode_time is DecodeTime.SUM:
            return self.window.rate("decode_sequence_seconds")
        tokens = self.window.rate("decode_tokens")
        latency = self.window.increase("decode_sequence_seconds")
        outputs = self.window.increase("decode_outputs")
        if tokens is None or latency is None:
            return None
        if outputs:
            return latency / outputs * tokens
        # tokens without an output: they have no mean latency yet
        return self._running if tokens else 0.0

    @cached_property
    def _seats(self) -> float | None:
        return _sequences(self.limits, self.window, self.snapshot)

    @cached_property
    def _overfull(self) -> bool:
        return self._seats is not None and (
            (self._running or 0.0) > OVERFULL * self._seats
            or (self._decoding or 0.0) > SEQUENCES_SLACK * self._seats
        )

    def per_gpu(self, rate: float | None) -> Ratio | None:
        """Return a rate of the server over its GPUs."""
        return ratio_of(rate, self.limits.gpus)

    @property
    def prompt_computed_rate(self) -> float | None:
        """Prompt tokens computed per second; before engines counted them, prompt less cache hits.

        The difference is a rate over the window only: as a counter it could fall, since hits are
        counted when a request is looked up and its prompt when the first token appears.
        """
        computed = self.window.rate("prompt_tokens_computed")
        if computed is not None:
            return computed
        prompt, hits = self.window.rate("prompt_tokens"), self.window.rate("hit_local")
        if prompt is None or hits is None:
            return None
        return max(prompt - hits - (self.window.rate("hit_external") or 0.0), 0.0)

    def mean(self, gauge: Callable[[Interval], float | None]) -> float | None:
        """Return the mean of a gauge over the window's samples, None where it is unknown."""
        values = [value for interval in self.window if (value := gauge(interval)) is not None]
        return sum(values) / len(values) if values else None

    @property
    def batch_occupancy(self) -> Ratio | None:
        """Requests running over the most that may run, both means of the window's samples."""
        limit, engines = self.limits.max_num_seqs, self.mean(lambda interval: interval.engine_count)
        if limit is None or engines is None or self._overfull:
            return None
        return ratio_of(self._running, limit * engines)

    @property
    def decode_batch(self) -> float | None:
        """Sequences decoding at once, by Little's law.

        L = lambda x W: a decoding sequence adds one second per second to the latency's sum, so the
        sum's growth per second is how many were decoding, on average. An engine that times some
        of its outputs alone has their mean latency times its tokens per second. Where whoever
        collects the page makes up sums of its own, it is the mean of the requests running, prefill
        included.
        """
        plan = self.snapshot.plan
        if plan.engines is None:
            return None
        if plan.pushed and self.window.increase("decode_outputs") is not None:
            return self._running
        return None if self._overfull else self._decoding

    @property
    def token_budget(self) -> float | None:
        """Tokens per step over the most that a step may hold."""
        largest = self.limits.max_num_batched_tokens
        return self.tokens_per_step.value / largest if self.tokens_per_step and largest else None

    @property
    def prefix_cache_hits(self) -> dict[str, Ratio]:
        """Hits over lookups by cache: of tokens; multimodal counts items."""
        if self.snapshot.plan.engines is None:
            return {}
        ratios = {
            cache: ratio_of(
                self.window.increase(f"hit_{cache}"), self.window.increase(f"queried_{cache}")
            )
            for cache in _CACHES
        }
        return {cache: ratio for cache, ratio in ratios.items() if ratio}

    @property
    def prompt_cached(self) -> Ratio | None:
        """Prompt tokens no GPU had to compute over all; not biased by repeated lookups."""
        cached = self.window.increase("prompt_tokens_cached")
        computed = self.window.increase("prompt_tokens_computed")
        if cached is None:
            return None
        if computed is None:
            return ratio_of(cached, self.window.increase("prompt_tokens"))
        return ratio_of(cached, cached + computed)

    @property
    def mean_time_to_first_token(self) -> Ratio | None:
        """Seconds from arrival to the first token over the requests that got it."""
        return self._mean_latency("first_token_seconds", "first_tokens")

    @property
    def mean_inter_token_latency(self) -> Ratio | None:
        """Seconds between two outputs of a request over the outputs but the first."""
        return self._mean_latency("decode_sequence_seconds", "decode_outputs")

    def _mean_latency(self, seconds: str, count: str) -> Ratio | None:
        # an interval in which the sum is not known must not count the latencies either
        known = [
            interval.increase
            for interval in self.window
            if seconds in interval.increase and count in interval.increase
        ]
        totals = (exact_sum([grown[name] for grown in known]) for name in (seconds, count))
        return ratio_of(*totals) if known else None

    @property
    def bound(self) -> Bound | None:
        """What keeps the server from doing more."""
        if self.snapshot.plan.engines is None:
            return None
        preemptions = self.window.rate("preemptions")
        return bound_by(
            self.window, None if self._overfull else self._seats, self.token_budget, preemptions
        )


def _sequences(limits: ServerLimits, window: Window, snapshot: Snapshot) -> float | None:
    """Sequences that may run at once; a limit holds for each engine of a page."""
    engines = snapshot.plan.engines if window.engine is None else (window.engine,)
    if limits.max_num_seqs is None or engines is None:
        return None
    return limits.max_num_seqs * len(engines)


def _generation_rate(window: Window) -> float | None:
    """Tokens generated per second.

    SGLang adds a request's tokens to its own counter when the request ends, in one jump. It counts
    decode tokens as they are made, but these leave out each request's first token, which its
    prefill makes; both together are the tokens in their time.
    """
    decoded, first = window.rate("decode_tokens"), window.rate("first_tokens")
    if decoded is not None:
        return decoded + (first or 0.0)
    return window.rate("generation_tokens")


def _tokens_per_step(window: Window) -> Ratio | None:
    """Tokens processed over the engine's steps.

    Computed prompt tokens plus generated ones mean the same in every release; the engine's own sum
    held whole prompts, cached tokens included, before vLLM 0.23.
    """
    computed = window.increase("prompt_tokens_computed")
    generated = window.increase("generation_tokens")
    if computed is not None and generated is not None:
        return ratio_of(computed + generated, window.increase("steps"))
    return ratio_of(window.increase("step_tokens"), window.increase("steps"))
