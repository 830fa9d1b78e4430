"""An event loop whose clock jumps to whatever is due next: hours of schedule in no time."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

EPOCH = 1.7e9


class Clock:
    """Monotonic seconds, and the time of day that belongs to them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def unix(self) -> float:
        return EPOCH + self.now


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._clock.now += timeout or 0.0
        return super().select(0)


@contextmanager
def virtual_time(module: str) -> Iterator[Clock]:
    """Yield a clock that a module's `monotonic` and `time` read."""
    clock = Clock()
    with (
        patch(f"{module}.monotonic", clock.monotonic),
        patch(f"{module}.time", clock.unix, create=True),
    ):
        yield clock


def run_virtually(clock: Clock, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on a loop that never waits."""
    loop = asyncio.SelectorEventLoop(_Selector(clock))
    with patch.object(loop, "time", clock.monotonic):
        try:
            loop.run_until_complete(main())
            # the end of one may begin another
            while tasks := asyncio.all_tasks(loop):
                for task in tasks:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(tasks))
        finally:
            loop.close()


class SleepingClock:
    """The time of day (Unix seconds) of one who only sleeps."""

    def __init__(self, time: float) -> None:
        self.time = time

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.time += seconds
