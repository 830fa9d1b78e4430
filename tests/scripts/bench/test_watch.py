"""Windows begin when a start is over, and last as long as they are to."""

import os
from time import monotonic

import pytest

from scripts.bench.watch import Course, watch


def test_windows_begin_after_a_start_that_takes_longer() -> None:
    answers = iter([False, True])
    begin, course = monotonic(), Course(settle=0.0, window=0.25, windows=2)
    watched = watch((os.getpid(),), begin, course, lambda: next(answers))
    # the second tick is the first at which the start is over
    assert watched.settled == watched.times[1]
    assert watched.times[-1] - watched.settled == pytest.approx(0.5, abs=0.25)
    cpu = list(watched.cpu[os.getpid()])
    assert len(cpu) == len(watched.times)
    assert cpu == sorted(cpu)
    assert {thread.thread for thread in watched.threads[os.getpid()]} >= {os.getpid()}
