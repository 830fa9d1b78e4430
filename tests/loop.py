"""One event loop for all tests: coroutines run on it as they do in the exporter."""

from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

from exporter.base.event_loop import EventLoopThread

T = TypeVar("T")


@cache
def _loop() -> EventLoopThread:
    loop = EventLoopThread("tests")
    loop.start()
    return loop


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns; from any thread."""
    return _loop().run(coroutine, 60.0)
