"""When each server is sampled: once an interval, at a phase of its own.

A fleet is not read all at once: a server's phase within the interval follows from its label, so it
is the same after a restart and a reload. Only the first sample may come sooner. Dues are counted
from the one before and never from when a sample ended, so nothing drifts; a sample that has not
ended when the next is due is not joined by another.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from hashlib import blake2b
from math import floor, inf
from time import monotonic, time
from typing import Any, Final

_PHASES: Final = 100
"""Servers of a phase are sampled in one wake-up, which costs less than one wake-up each."""
_START_SECONDS: Final = 1.0
_START_PAUSE: Final = 0.01
log = logging.getLogger(__name__)

Run = Callable[[], Coroutine[Any, Any, None]]
Skip = Callable[[int], None]


def phase(label: str) -> float:
    """Return a label's share of the interval, from 0 up to 1, in steps of a hundredth."""
    digest = blake2b(label.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) % _PHASES / _PHASES


def next_due(now: float, interval: float, share: float) -> float:
    """Return the first time after `now` that lies at a share of an interval; all in seconds."""
    return now + interval - (now - share * interval) % interval


@dataclass(slots=True)
class _Job:
    """`due` is when it begins next, in monotonic seconds; `timer` will begin it then."""

    run: Run
    skip: Skip
    due: float = 0.0
    timer: asyncio.TimerHandle | None = None
    task: asyncio.Task[None] | None = None


class Schedule:
    """Runs jobs on the event loop that adds them, each once an `interval` (s)."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        # fixed here: a step of the system's clock must not move any due
        self._epoch = time() - monotonic()
        self._jobs: dict[str, _Job] = {}
        self._new: dict[str, _Job] = {}
        self._next_start = 0.0
        self._pause = 0.0
        self._starter: asyncio.Handle | None = None

    def add(self, label: str, run: Run, skip: Skip) -> None:
        """Begin to run a job; `skip` is called with the number of times it could not begin.

        It runs first when its turn comes among those that are new, then at its phase.
        """
        self.remove(label)
        self._new[label] = _Job(run, skip)
        if self._starter is None:
            # in the next turn of the loop all that are added together are known
            self._next_start = monotonic()
            self._starter = asyncio.get_running_loop().call_soon(self._start_first)

    def remove(self, label: str) -> None:
        """End a job; one that runs is cancelled."""
        self._new.pop(label, None)
        job = self._jobs.pop(label, None)
        if job is None:
            return
        if job.timer:
            job.timer.cancel()
        if job.task:
            job.task.cancel()

    def overdue(self) -> float:
        """Return for how long, in seconds, something has waited to begin that is due.

        It is near 0 for as long as the loop runs; may be called from any thread.
        """
        dues = [job.due for job in tuple(self._jobs.values())]
        if self._new:
            dues.append(self._next_start)
        return max(monotonic() - min(dues, default=inf), 0.0)

    def _start_first(self) -> None:
        self._pause = max(_START_PAUSE, min(self.interval, _START_SECONDS) / max(len(self._new), 1))
        self._start_next()

    def _start_next(self) -> None:
        """Begin the first run of one new job, and of the next after a pause.

        First pages cost many times as much as later ones. The pause is a timer's and so begins
        when the loop has done what was ready before: a busy loop starts fewer.
        """
        self._starter = None
        if not self._new:
            return
        label = next(iter(self._new))
        job = self._jobs[label] = self._new.pop(label)
        now = monotonic()
        due = next_due(now + self._epoch, self.interval, phase(label)) - self._epoch
        # the second sample needs an interval that figures can be worked out over
        job.due = due if due - now >= self.interval / 2 else due + self.interval
        loop = asyncio.get_running_loop()
        job.timer = loop.call_at(job.due, self._begin, job)
        self._next_start = now + self._pause
        self._starter = loop.call_at(self._next_start, self._start_next)
        self._run(job)

    def _begin(self, job: _Job) -> None:
        missed = max(floor((monotonic() - job.due) / self.interval), 0)
        job.due += (missed + 1) * self.interval
        job.timer = asyncio.get_running_loop().call_at(job.due, self._begin, job)
        if job.task:
            missed += 1
        else:
            self._run(job)
        if missed:
            job.skip(missed)

    def _run(self, job: _Job) -> None:
        job.task = asyncio.get_running_loop().create_task(job.run())
        job.task.add_done_callback(lambda task: self._end(job, task))

    def _end(self, job: _Job, task: asyncio.Task[None]) -> None:
        job.task = None
        if not task.cancelled() and (error := task.exception()):
            log.error("a sample failed", exc_info=error)
