"""Windows begin when a start is over, and last as long as they are to."""

import os

import pytest

from scripts.bench import watch
from scripts.bench.watch import Course

PID = os.getpid()


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(watch, "monotonic", clock.monotonic)
    monkeypatch.setattr(watch, "sleep", clock.sleep)
    return clock


@pytest.mark.parametrize(("start", "settled"), [(0, 140), (40, 140), (70.5, 170.5)])
def test_windows_begin_when_time_and_start_are_over(
    clock: Clock, start: float, settled: float
) -> None:
    course = Course(settle=40, window=20, windows=5)
    watched = watch.watch((PID,), clock.now, course, lambda: clock.now >= 100 + start)
    assert watched.settled == settled
    assert watched.times == [100 + i * 0.25 for i in range(int((settled - 100) * 4) + 401)]
    cpu = list(watched.cpu[PID])
    assert len(cpu) == len(watched.times)
    assert cpu == sorted(cpu)
    assert PID in {thread.thread for thread in watched.threads[PID]}


def test_a_start_that_does_not_end_is_given_up(clock: Clock) -> None:
    with pytest.raises(SystemExit, match="over 600 s"):
        watch.watch((PID,), clock.now, Course(settle=40, window=20), lambda: False)
