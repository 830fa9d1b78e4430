"""One recording over time: which page is served at which moment, and with which counters.

Pure arithmetic. A page stands from its recorded scrape to the next one, never interpolated, so
that its numbers add up as they did on the server. When the recording begins anew, its counters go
on from where they ended: every series of a counter, histogram or summary is raised by what it
gained over the recording, gauges stay as recorded.

A restart inside a recording splits it into lives. Only the first life is raised, by what the last
one ended with, because it continues that process; a restarted process counts from its own start.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from ..errors import RecordingError
from .gpu_page import GpuTrack
from .recording import RecordedPage, Recording

_START: Final = re.compile(
    r"^process_start_time_seconds(?:\{[^}]*\})? ([0-9.eE+-]+)$", re.MULTILINE
)
_SUFFIXES: Final = {
    "counter": ("", "_total"),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}
_RENDERED_PAGES: Final = 256
_SINGLE_PAGE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What is served at one moment: the page `index` of the timeline in the loop `loop`."""

    index: int
    loop: int


@dataclass(slots=True)
class _Family:
    """A TYPE line and what stands under it; each sample as its head and the text of its value."""

    declared: str
    growing: frozenset[str]
    lines: list[tuple[str, str]] = field(default_factory=list)

    def counters(self) -> Iterator[tuple[str, Decimal]]:
        """Yield head and value of each series that only grows while its process lives."""
        for head, text in self.lines:
            if head.partition("{")[0] not in self.growing:
                continue
            try:
                value = Decimal(text)
            except InvalidOperation:
                raise RecordingError(f"a recorded page says {text!r} for {head}") from None
            if value.is_finite():
                yield head, value


class Track:
    """A recording made ready to be played; `duration` is its length in recorded seconds."""

    def __init__(self, recording: Recording) -> None:
        pages = recording.pages
        first, last = pages[0].time, pages[-1].time
        step = (last - first) / (len(pages) - 1) if len(pages) > 1 else _SINGLE_PAGE_SECONDS
        self.recording = recording
        # The last page stands as long as a page does on average.
        self.duration = last - first + step
        self._times = [page.time - first for page in pages]
        self._lives, ends = _lives(pages)
        self._births = _births(pages, self._lives)
        begin = next(page.text for page in pages if page.text is not None)
        self._end = _families(ends)
        origin, end = _counters(_families(begin)), _counters(self._end)
        # A decimal sum is exact, so rounding it once cannot make a counter fall by the last bit.
        self._gains = {head: value - origin.get(head, 0) for head, value in end.items()}
        self.gpu = GpuTrack(recording, self.duration)
        self._halves = lru_cache(_RENDERED_PAGES)(self._render)

    def at(self, position: float, loops: int | None = None) -> Moment:
        """Return what stands `position` recorded seconds after the first page.

        After `loops` loops, where that is given, the last page stands for ever.
        """
        loop, inside = divmod(max(position, 0.0), self.duration)
        if loops is not None and loop >= loops:
            return Moment(len(self._times) - 1, loops - 1)
        return Moment(bisect_right(self._times, inside) - 1, int(loop))

    def born(self, moment: Moment) -> float | None:
        """Return when the process that answers was started, in recorded seconds from loop 0.

        Negative before the first page; None where the server does not tell its start.
        """
        life, loop = self._lives[moment.index], moment.loop
        last = len(self._births) - 1
        if last == 0:
            loop = 0
        elif life == 0 and loop > 0:
            life, loop = last, loop - 1
        birth = self._births[life]
        return None if birth is None else birth + loop * self.duration

    def body(self, moment: Moment, start: float | None = None) -> bytes | None:
        """Return the page's bytes, or None where the server does not answer.

        `start` replaces the page's process start, in Unix seconds, with two decimals always, so
        that the page's length does not depend on the clock. All else is byte for byte as recorded
        in loop 0.
        """
        if self.recording.pages[moment.index].text is None:
            return None
        before, recorded, after = self._halves(moment.index, self._raised(moment))
        shown = recorded if start is None or not recorded else f"{start:.2f}".encode()
        return b"".join((before, shown, after))

    def _raised(self, moment: Moment) -> int:
        """Return how many times the counters have gained what the recording gains."""
        if self._lives[moment.index] > 0:
            return 0
        return moment.loop if len(self._births) == 1 else min(moment.loop, 1)

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
        for name in families | self._end:
            family = families.get(name) or _Family(self._end[name].declared, frozenset())
            shown = {head for head, _ in family.lines}
            raised = {head: value for head, value in family.counters() if self._gains.get(head)}
            missing = [
                f"{head} {float(times * self._gains[head])!r}"
                for head, _ in (self._end[name].counters() if name in self._end else ())
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
    """Split a page at its TYPE lines; what stands before the first is a family without a name."""
    current = _Family("", frozenset())
    families, above = {"": current}, ""
    for line in text.split("\n"):
        if line.startswith("# HELP "):
            above = f"{line}\n"
        elif line.startswith("# TYPE "):
            name, _, kind = line.removeprefix("# TYPE ").strip().partition(" ")
            ends = _SUFFIXES.get(kind, ())
            current = _Family(above + line, frozenset(name + end for end in ends))
            families[name], above = current, ""
        elif line and not line.startswith("#"):
            # No engine writes timestamps on its page, so the last word is the value.
            head, _, value = line.rpartition(" ")
            current.lines.append((head, value))
    return families


def _counters(families: Mapping[str, _Family]) -> dict[str, Decimal]:
    return {head: value for family in families.values() for head, value in family.counters()}


def _lives(pages: tuple[RecordedPage, ...]) -> tuple[list[int], str]:
    """Return the life each page belongs to, and the last page that was answered.

    A counter that fell or vanished marks a new process: nothing else tells it on every server,
    since one with several API processes shows no start time.
    """
    lives: list[int] = []
    life, text, before = 0, "", dict[str, Decimal]()
    for page in pages:
        if page.text is not None:
            now = _counters(_families(page.text))
            if any(head not in now or now[head] < value for head, value in before.items()):
                life += 1
            text, before = page.text, now
        lives.append(life)
    return lives, text


def _births(pages: tuple[RecordedPage, ...], lives: list[int]) -> list[float | None]:
    """Return each life's process start in seconds from the first page."""
    births: list[float | None] = [None] * (lives[-1] + 1)
    for page, life in zip(pages, lives, strict=True):
        if births[life] is None and (match := _START.search(page.text or "")):
            births[life] = float(match[1]) - pages[0].time
    return births
