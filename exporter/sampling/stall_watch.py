"""Watches one server for engines that hold requests and make no progress."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ..base.errors import FetchError
from ..config import Config
from ..derive.stall import Standstill, lasting, standstills
from ..engines.plan import Snapshot
from ..engines.registry import ENGINES

_COMPLETIONS: Final = "/v1/completions"

Get = Callable[[str], Awaitable[bytes]]
"""Returns the body of a path of the server, or raises `FetchError`."""

Post = Callable[[str, Mapping[str, object]], Awaitable[bytes]]
"""The same after a JSON document was sent to the path."""


@dataclass(frozen=True, slots=True)
class Stalls:
    """Engines by `engine_index`, while the server says that it is healthy.

    `no_progress` are those that show requests and make none; in `stalled` are those of them that
    have work for certain.
    """

    no_progress: frozenset[str] = frozenset()
    stalled: frozenset[str] = frozenset()


class StallWatch:
    """Follows one server's pages; asks its health, and its engine where that is configured."""

    def __init__(self, get: Get, post: Post, config: Config) -> None:
        self._get = get
        self._post = post
        self._config = config
        self._standstills: Mapping[str, Standstill] = {}
        self._probe_time = float("-inf")
        self._unanswered = frozenset[str]()

    def reset(self) -> None:
        """Forget the process that was followed."""
        self._standstills = {}
        self._unanswered = frozenset()

    async def update(self, old: Snapshot | None, new: Snapshot) -> Stalls:
        """Return the state after a page; `old` is the one before, None after a restart."""
        self._standstills = standstills(self._standstills, old, new)
        lasted = lasting(self._standstills, new.time, self._config.stall_after)
        self._unanswered &= lasted.keys()
        if not lasted or not await self._healthy(new.plan.engine):
            return Stalls()
        certain = {engine for engine, standstill in lasted.items() if standstill.arrived}
        if self._config.stall_probe and self._probe_due(lasted.keys() - certain, new.time):
            self._probe_time = new.time
            answered = await self._probe(new.plan.model)
            self._unanswered = frozenset() if answered else frozenset(lasted)
        return Stalls(frozenset(lasted), frozenset(certain | self._unanswered))

    def _probe_due(self, uncertain: set[str], now: float) -> bool:
        return bool(uncertain) and now - self._probe_time >= self._config.stall_after

    async def _healthy(self, engine: str) -> bool:
        try:
            await self._get(ENGINES[engine].health_path)
        except FetchError:
            return False
        return True

    async def _probe(self, model: str) -> bool:
        """Ask for one token; whether the engine gave it, or refused to.

        An engine whose gauges are stale answers, and renews them by that.
        """
        request = {"model": model, "prompt": "1", "max_tokens": 1}
        try:
            await self._post(_COMPLETIONS, request)
        except FetchError as error:
            return error.reason != "timeout"
        return True
