"""A source read when it is due, in a thread of its own: one that hangs costs the others nothing."""

import logging
from collections.abc import Mapping
from math import inf
from threading import Event, Lock, Thread
from typing import Final, Protocol

from ..base.untrusted import one_line
from ..config import Target

_ANSWER_SECONDS: Final = 10.0
log = logging.getLogger(__name__)


class Source(Protocol):
    """A kind of discovery. `refresh` renews both properties and may block, even for ever."""

    @property
    def targets(self) -> Mapping[str, tuple[Target, ...]]: ...

    @property
    def problems(self) -> tuple[str, ...]: ...

    def refresh(self) -> None: ...


class SourceReader:
    """Reads the source of one `section`, that at `place` in the configuration, at intervals (s).

    Times are those of a monotonic clock, in seconds.
    """

    def __init__(self, source: Source, section: object, place: str, interval: float) -> None:
        self.source, self.section = source, section
        self._place, self._interval = place, interval
        self._lock = Lock()
        self._due = self._started = -inf
        self._idle = Event()
        self._idle.set()
        self._answered = False
        self._fault = ""

    def begin(self, now: float) -> None:
        """Begin to read where that is due and no reading is under way."""
        with self._lock:
            if now < self._due or not self._idle.is_set():
                return
            self._due, self._started = now + self._interval, now
            self._idle.clear()
        try:
            Thread(target=self._read, name=self._place, daemon=True).start()
        except RuntimeError as error:
            self._end(error)

    def wait(self, seconds: float) -> None:
        """Wait until no reading is under way, for some seconds at most."""
        self._idle.wait(seconds)

    def renew(self, place: str) -> None:
        """Go on for a new configuration, in which the section may stand elsewhere: read it soon."""
        self._place, self._due = place, -inf

    @property
    def due(self) -> float:
        """When the source is to be looked after: at once where a reading is under way."""
        return self._due if self._idle.is_set() else -inf

    def answered(self, now: float) -> bool:
        """Whether the source has answered or failed once; silence for ten seconds is a failure."""
        return self._answered or self._is_late(now)

    def problems(self, now: float) -> tuple[str, ...]:
        """Return what is wrong with the source now."""
        if self._is_late(now):
            fault = f"{self._place} has not answered within {_ANSWER_SECONDS:g} s"
        elif self._fault:
            fault = f"{self._place} cannot be read: {self._fault}"
        else:
            return self.source.problems
        return (*self.source.problems, f"{fault}; the servers known from it stay in force")

    def _is_late(self, now: float) -> bool:
        return not self._idle.is_set() and now - self._started > _ANSWER_SECONDS

    def _read(self) -> None:
        try:
            self.source.refresh()
        except Exception as error:
            log.exception("reading %s failed", self._place)
            self._end(error)
        else:
            self._end()

    def _end(self, error: Exception | None = None) -> None:
        self._fault = one_line(f"{type(error).__name__}: {error}") if error else ""
        self._answered = True
        self._idle.set()
