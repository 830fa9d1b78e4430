"""One recording over time: which page is served when, and with which counters.

Pure arithmetic. A page is served from its recorded scrape to the next one, never interpolated, so
that its numbers add up as they did on the server. When the recording starts over, its counters go
on from where they ended: every series of a counter, histogram or summary is raised by what it
gained over the recording, gauges stay as recorded.

A restart inside a recording splits it among processes. Only the pages of the first are raised, by
what the last ended with, as if it went on; a restarted process counts from its own start.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from math import inf
from typing import Final

from ..base.errors import RecordingError
from ..base.untrusted import one_line
from .gpu_page import GpuTracks
from .recording import RecordedPage, Recording

_START: Final = re.compile(
    r"^process_start_time_seconds(?:\{[^}]*\})? ([0-9.eE+-]+)$", re.MULTILINE
)
_SUFFIXES: Final = {
    "counter": ("", "_total"),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}
_MAX_EXPONENT: Final = 300
_RENDERED_PAGES: Final = 256
_SINGLE_PAGE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the playback: the page `index` of the timeline in the loop `loop`."""

    index: int
    loop: int


@dataclass(slots=True)
class _Family:
    """A TYPE line and the samples under it, each as its head and the text of its value."""

    declared: str
    growing: frozenset[str]
    lines: list[tuple[str, str]] = field(default_factory=list)

    def counters(self) -> Iterator[tuple[str, Decimal]]:
        """Yield head and value of each series that only grows while its process runs."""
        for head, text in self.lines:
            if head.partition("{")[0] not in self.growing:
                continue
            try:
                value = Decimal(text)
            except InvalidOperation:
                raise RecordingError(_value_fault(head, text)) from None
            if value.is_finite():
                if value.adjusted() > _MAX_EXPONENT:
                    raise RecordingError(_value_fault(head, text))
                yield head, value


class Track:
    """A recording made ready to be played; `duration` is its length in recorded seconds."""

    def __init__(self, recording: Recording) -> None:
        pages = recording.pages
        first, last = pages[0].time, pages[-1].time
        step = (last - first) / (len(pages) - 1) if len(pages) > 1 else _SINGLE_PAGE_SECONDS
        self.recording = recording
        # The last page is served for the mean time between pages.
        self.duration = last - first + step
        self._times = [page.time - first for page in pages]
        try:
            self._processes, last_page = _processes(pages)
            self._process_starts = _process_starts(pages, self._processes)
        except RecordingError as error:
            raise RecordingError(f"{recording.name}: {error}") from error
        first_page = next(page.text for page in pages if page.text is not None)
        self._last_families = _families(last_page)
        begin, end = _counters(_families(first_page)), _counters(self._last_families)
        # A decimal sum is exact, so rounding it once cannot make a counter fall by the last bit.
        self._gains = {head: value - begin.get(head, 0) for head, value in end.items()}
        self.gpus = GpuTracks(recording, self.duration)
        self._cached_parts = lru_cache(_RENDERED_PAGES)(self._render)

    def position_at(self, seconds: float, loops: int | None = None) -> Position:
        """Return the position `seconds` recorded seconds after the first page.

        After `loops` loops, where that is given, the last page is served for ever.
        """
        loop, inside = divmod(max(seconds, 0.0), self.duration)
        if loops is not None and loop >= loops:
            return Position(len(self._times) - 1, loops - 1)
        return Position(bisect_right(self._times, inside) - 1, int(loop))

    def process_start(self, position: Position) -> float | None:
        """Return when the answering process was started, in recorded seconds from loop 0.

        Negative before the first page; None where the server does not expose its start.
        """
        process, loop = self._processes[position.index], position.loop
        last = len(self._process_starts) - 1
        if last == 0:
            loop = 0
        elif process == 0 and loop > 0:
            process, loop = last, loop - 1
        start = self._process_starts[process]
        return None if start is None else start + loop * self.duration

    def body(self, position: Position, start: float | None = None) -> bytes | None:
        """Return the page's bytes, or None where the server does not answer.

        `start` replaces the page's process start, in Unix seconds, with two decimals always, so
        that the page's length does not depend on the clock. All else is byte for byte as recorded
        in loop 0.
        """
        if self.recording.pages[position.index].text is None:
            return None
        head, recorded, tail = self._cached_parts(position.index, self._times_raised(position))
        served = recorded if start is None or not recorded else f"{start:.2f}".encode()
        return b"".join((head, served, tail))

    def _times_raised(self, position: Position) -> int:
        """Return how many times the counters have gained what the recording gains."""
        if self._processes[position.index] > 0:
            return 0
        return position.loop if len(self._process_starts) == 1 else min(position.loop, 1)

    def _render(self, index: int, times: int) -> tuple[bytes, bytes, bytes]:
        """Return a page in three parts, the middle one being the process start time."""
        text = self.recording.pages[index].text or ""
        if times:
            text = self._raise(text, times)
        match = _START.search(text)
        begin, end = match.span(1) if match else (len(text), len(text))
        return text[:begin].encode(), text[begin:end].encode(), text[end:].encode()

    def _raise(self, text: str, times: int) -> str:
        """Return the page with its counters raised, those it had not yet shown among them."""
        families = _families(text)
        lines: list[str] = []
        for name in families | self._last_families:
            family = families.get(name) or _Family(self._last_families[name].declared, frozenset())
            shown = {head for head, _ in family.lines}
            raised = {head: value for head, value in family.counters() if self._gains.get(head)}
            missing = [
                f"{head} {float(times * self._gains[head])!r}"
                for head, _ in (
                    self._last_families[name].counters() if name in self._last_families else ()
                )
                if head not in shown
            ]
            if not (shown or missing or name in families):
                continue
            lines.append(family.declared)
            for head, value in family.lines:
                if head in raised:
                    value = repr(float(raised[head] + times * self._gains[head]))
                lines.append(f"{head} {value}")
            lines.extend(missing)
        return "\n".join(lines).lstrip("\n") + "\n"


def _families(text: str) -> dict[str, _Family]:
    """Split a page at its TYPE lines; samples before the first are a family without a name."""
    current = _Family("", frozenset())
    families, help_line = {"": current}, ""
    for line in text.split("\n"):
        if line.startswith("# HELP "):
            help_line = f"{line}\n"
        elif line.startswith("# TYPE "):
            name, _, kind = line.removeprefix("# TYPE ").strip().partition(" ")
            ends = _SUFFIXES.get(kind, ())
            current = _Family(help_line + line, frozenset(name + end for end in ends))
            families[name], help_line = current, ""
        elif line and not line.startswith("#"):
            # No engine writes timestamps on its page, so the last word is the value.
            head, _, value = line.rpartition(" ")
            current.lines.append((head, value))
    return families


def _counters(families: Mapping[str, _Family]) -> dict[str, Decimal]:
    return {head: value for family in families.values() for head, value in family.counters()}


def _processes(pages: tuple[RecordedPage, ...]) -> tuple[list[int], str]:
    """Return the number of the process each page comes from, and the last answered page.

    A counter that fell or vanished marks a new process: nothing else shows it on every server,
    since one with several API processes exposes no start time.
    """
    processes: list[int] = []
    process, text, previous = 0, "", dict[str, Decimal]()
    for page in pages:
        if page.text is not None:
            try:
                current = _counters(_families(page.text))
            except RecordingError as error:
                raise RecordingError(f"{page.member or 'a page'}: {error}") from error
            if any(
                head not in current or current[head] < value for head, value in previous.items()
            ):
                process += 1
            text, previous = page.text, current
        processes.append(process)
    return processes, text


def _process_starts(pages: tuple[RecordedPage, ...], processes: list[int]) -> list[float | None]:
    """Return each process's start in seconds from the first page."""
    starts: list[float | None] = [None] * (processes[-1] + 1)
    for page, process in zip(pages, processes, strict=True):
        if starts[process] is None and (match := _START.search(page.text or "")):
            starts[process] = _start_time(page, match[1]) - pages[0].time
    return starts


def _value_fault(head: str, text: str) -> str:
    return f"{one_line(head)} has the value {one_line(text)!r}, which no counter has"


def _start_time(page: RecordedPage, text: str) -> float:
    try:
        start = float(text)
    except ValueError:
        start = inf
    if start == inf:
        raise RecordingError(
            f"{page.member or 'a page'}: its process started at {one_line(text)}, no time"
        )
    return start
