"""One source of GPU telemetry, read by a thread of its own.

Nobody waits for a source: a reading that hangs is reported after the deadline and not joined by
another, and what was read before it grows old and is left out. Faults are logged when they begin,
when they change and when they end, not once a reading.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from threading import Thread

from ..base.errors import InferfleetError
from .reading import GpuReading

log = logging.getLogger(__name__)

Read = Callable[[float], Sequence[GpuReading]]
"""Returns the GPUs at a monotonic time; may block, and raises `InferfleetError`."""
Notes = Callable[[], Sequence[str]]
"""Returns what the last reading leaves out and why, one sentence each."""


@dataclass(frozen=True, slots=True)
class State:
    """What a source said last: its readings, when (monotonic seconds), and what is wrong now.

    `notes` say what the readings leave out, one sentence each.
    """

    readings: tuple[GpuReading, ...] = ()
    time: float | None = None
    error: str = ""
    notes: tuple[str, ...] = ()


class SourcePoller:
    """Reads one source every `interval` seconds, every `retry` seconds while it fails."""

    def __init__(
        self,
        name: str,
        read: Read,
        interval: float,
        deadline: float,
        retry: float,
        notes: Notes = tuple,
    ) -> None:
        self.name = name
        self.state = State()
        self._read, self._notes = read, notes
        self._interval, self._deadline, self._retry = interval, deadline, retry
        self._due = -inf
        self._began: float | None = None
        self._hung = False

    def tick(self, now: float) -> float:
        """Begin a reading where one is due; report one that hangs. Never blocks.

        Returns when the next one is due (monotonic seconds), 0 while one is under way.
        """
        began = self._began
        if began is not None:
            if now - began > self._deadline and not self._hung:
                self._hung = True
                self._failed(f"it has not answered for {now - began:.0f} s and is not asked again")
            return 0.0
        if now >= self._due:
            self._began, self._due = now, now + self._interval
            Thread(target=self._take, args=(now,), name=f"gpu {self.name}", daemon=True).start()
            return 0.0
        return self._due

    def live(self, now: float) -> bool:
        """Whether the source answers: its last reading went well and is not old."""
        state = self.state
        patience = 2 * self._interval + self._deadline
        return not state.error and state.time is not None and now - state.time <= patience

    def _take(self, now: float) -> None:
        try:
            readings = tuple(self._read(now))
        except InferfleetError as error:
            self._due = now + self._retry
            self._failed(str(error))
        except Exception as error:
            log.debug("reading %s failed", self.name, exc_info=True)
            self._due = now + self._retry
            self._failed(f"the exporter failed: {error!r}")
        else:
            if self.state.error:
                log.info("GPU source %s answers again", self.name)
            notes = tuple(self._notes())
            for note in notes:
                if note not in self.state.notes:
                    log.warning("GPU source %s: %s", self.name, note)
            self.state = State(readings, now, notes=notes)
        self._hung, self._began = False, None

    def _failed(self, error: str) -> None:
        if error != self.state.error:
            log.warning("GPU source %s: %s", self.name, error)
        self.state = State((), self.state.time, error)
