"""Whether the prompt tokens that finished requests count as computed were computed here.

A decode server may count what its prefill server computed: vLLM from 0.31 on, whose role few
servers tell, and SGLang. What was computed here stands beside it, in a counter of its own. Every
token of a finished request was computed before it finished: what the first counter lacks of the
second are tokens of requests still running and of requests that were abandoned. It cannot catch up
by more than was running when watching began.
"""

from collections.abc import Mapping
from math import fsum
from typing import Final

from ..engines.plan import Plan, Snapshot
from .plan_cache import cached_by_plan

_FINISHED: Final = "request_prompt_tokens_computed"

# Page values are decimal text, and differences of large ones are not exact to the last digit.
_ROUNDING: Final = 0.5


class FinishedPrefill:
    """Follows how far finished requests' tokens are ahead of those computed, by engine."""

    def __init__(self) -> None:
        self._ahead: dict[str, float] = {}

    def computed_locally(
        self, snapshot: Snapshot, engine: str, alone: bool, restarted: bool
    ) -> bool:
        """Whether the tokens that finished since the snapshot before may be this engine's work.

        They are not where finished tokens gain more on the computed ones than they ever had since
        the engine is watched. Requests that were running when that began do this too, but not for
        long, and theirs were computed at a load that nobody saw; so do requests that fail before
        their first token, which count their whole prompt when they end. `alone` says that the
        engine is the only one of the page, `restarted` that its counters began at 0 since the
        snapshot before.
        """
        finished = _finished(snapshot, None if alone else engine)
        computed = _computed(snapshot, {} if alone else {"engine_index": engine})
        if finished is None or computed is None:
            return True
        ahead = finished - computed
        if restarted:
            self._ahead[engine] = max(ahead, 0.0)
        before = self._ahead.get(engine, ahead)
        self._ahead[engine] = max(before, ahead)
        return ahead <= before + _ROUNDING


def _finished(snapshot: Snapshot, engine: str | None) -> float | None:
    sums = _sums(snapshot.plan)
    indices = [i for own in sums.values() for i in own] if engine is None else sums.get(engine, [])
    return fsum(snapshot.values[i] for i in indices) if indices else None


@cached_by_plan
def _sums(plan: Plan) -> Mapping[str, list[int]]:
    """Return by engine where its sums stand."""
    sums: dict[str, list[int]] = {}
    for i, sample in enumerate(plan.samples):
        if sample.family == _FINISHED and sample.suffix == "_sum":
            sums.setdefault(sample.label("engine_index"), []).append(i)
    return sums


def _computed(snapshot: Snapshot, labels: dict[str, str]) -> float | None:
    computed = snapshot.total("prompt_tokens_computed_total", **labels)
    if computed is None and snapshot.total("decode_tokens_total", **labels) is not None:
        # an engine that counts tokens as it makes them has no series for what it never did
        return 0.0
    return computed
