"""Servers whose identity is to be read: so many at once, newest first, so many a second.

Identities are several requests each and may wait; samples may not. So they begin one after another
with a pause between, which spreads those of a whole fleet at its start, and a server that hangs
holds one place and no more.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

_PLACES: Final = 16
_PAUSE_SECONDS: Final = 0.02
log = logging.getLogger(__name__)

Read = Callable[[], Coroutine[Any, Any, None]]


class IdentityQueue:
    """Reads identities on the event loop that adds them."""

    def __init__(self, places: int = _PLACES, pause: float = _PAUSE_SECONDS) -> None:
        self._free = places
        self._pause = pause
        self._first: dict[str, Read] = {}
        self._again: dict[str, Read] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, label: str, read: Read, first: bool) -> None:
        """Read a server's identity when its turn comes; of those that wait the last comes first.

        `first` says that it was never read, which goes before reading one again.
        """
        if label in self._running:
            return
        self.remove(label)
        (self._first if first else self._again)[label] = read
        self._begin_next()

    def remove(self, label: str) -> None:
        """Forget a server that waits; cancel one whose identity is being read."""
        self._first.pop(label, None)
        self._again.pop(label, None)
        if task := self._running.get(label):
            task.cancel()

    def _begin_next(self) -> None:
        waiting = self._first or self._again
        if self._timer or not waiting or not self._free:
            return
        label, read = waiting.popitem()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._pause, self._resume)
        self._free -= 1
        task = self._running[label] = loop.create_task(read())
        task.add_done_callback(lambda task: self._end(label, task))

    def _resume(self) -> None:
        self._timer = None
        self._begin_next()

    def _end(self, label: str, task: asyncio.Task[None]) -> None:
        self._free += 1
        if self._running.get(label) is task:
            del self._running[label]
        if not task.cancelled() and (error := task.exception()):
            log.error("identifying %s failed", label, exc_info=error)
        self._begin_next()
