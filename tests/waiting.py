"""Waiting for something to come true, with a deadline instead of luck."""

from collections.abc import Callable
from threading import Event
from time import monotonic


def until(true: Callable[[], object], seconds: float = 20.0, every: float = 0.01) -> None:
    """Return when `true()` holds, asked each `every` seconds; fail after `seconds`."""
    deadline, pause = monotonic() + seconds, Event()
    while not true():
        assert monotonic() < deadline, "it did not come true in time"
        pause.wait(every)
