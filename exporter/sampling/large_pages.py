"""Pages that take long to read: one at a time, beside the event loop, the smallest first."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from ..base.errors import PageError
from ..base.event_loop import in_thread
from ..fetch.budget import ByteBudget

T = TypeVar("T")


class _Turn:
    """A page that waits for its turn."""

    def __init__(self, size: int, sentence: str) -> None:
        self.size = size
        self.came: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sentence = sentence

    def discard(self) -> None:
        if not self.came.done():
            self.came.set_exception(PageError(0, f"the page {self._sentence}"))


class LargePages:
    """Has large pages read; a page in work needs many times its size in memory.

    Those that wait hold their bytes of a `budget`.
    """

    def __init__(self, budget: ByteBudget) -> None:
        self.budget = budget
        self._waiting: list[_Turn] = []
        self._turn: _Turn | None = None

    async def read(self, size: int, read: Callable[[], T]) -> T:
        """Return what `read` returns or raises, for a page of so many bytes.

        Raises `PageError` where pages that wait are more than the budget and this is the largest.
        """
        turn = _Turn(size, self.budget.sentence)
        self._waiting.append(turn)
        self._begin_next()
        self.budget.hold(turn, size)
        try:
            await turn.came
            return await in_thread(read, "large page")
        finally:
            self.budget.release(turn)
            if self._turn is turn:
                self._turn = None
            else:
                self._waiting.remove(turn)
            self._begin_next()
            # a refusal holds this frame by its traceback
            del turn

    def _begin_next(self) -> None:
        waiting = [turn for turn in self._waiting if not turn.came.done()]
        if self._turn is None and waiting:
            self._turn = min(waiting, key=lambda turn: turn.size)
            self._waiting.remove(self._turn)
            self._turn.came.set_result(None)
