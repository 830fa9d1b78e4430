"""Energy between two moments, from counters that are read at moments of their own.

A GPU's energy counter is read when its source is read and moves when the source renews it (NVML
every 0.1 s, DCGM every 30 s by default), a server's page at other times. So a counter is kept as
the points at which it was seen to have moved, and is a straight line between them; past the last
one it goes on as steeply, for a while.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

Point = tuple[float, float]
"""Time (monotonic seconds) and joules."""

_MAX_POINTS: Final = 4
_FINE: Final = 2.5
_REACH: Final = 2.5


@dataclass(frozen=True, slots=True)
class EnergyUse:
    """Energy used over an interval of `seconds`, and how coarsely it was measured.

    `step` is the longest time, in seconds, between two moves of a counter that went into it.
    """

    joules: float
    seconds: float
    step: float

    @property
    def fine(self) -> bool:
        """Whether it belongs to this interval, and is no mean over one much longer."""
        return self.step <= _FINE * self.seconds

    @property
    def watts(self) -> float:
        """Mean power."""
        return self.joules / self.seconds


class EnergyCounters:
    """GPUs' energy counters, `seconds` back from the newest reading of each."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._points: dict[str, tuple[Point, ...]] = {}

    def add(self, time: float, counters: Mapping[str, float]) -> None:
        """Take the counters read at one time: joules by GPU. One that fell began anew."""
        for gpu, joules in counters.items():
            points = self._points.get(gpu, ())
            if points and joules < points[-1][1]:
                points = ()
            if not points or (joules > points[-1][1] and time > points[-1][0]):
                old = time - self._seconds
                first = next((i for i, point in enumerate(points) if point[0] >= old), len(points))
                # a slow counter keeps a few points however old they are
                first = min(first, max(len(points) - _MAX_POINTS, 0))
                self._points[gpu] = (*points[first:], (time, joules))

    def forget(self, known: Iterable[str]) -> None:
        """Keep only these GPUs."""
        uuids = set(known)
        self._points = {gpu: points for gpu, points in self._points.items() if gpu in uuids}

    def energy_use(self, gpus: Iterable[str], start: float, end: float) -> EnergyUse | None:
        """Return what these GPUs used together from `start` to `end` (monotonic seconds).

        None where a counter of them is unknown, began anew in between or is too old, and where
        there are no GPUs.
        """
        total, longest, any_gpu = 0.0, 0.0, False
        for gpu in gpus:
            use = between(self._points.get(gpu, ()), start, end)
            if use is None:
                return None
            total, longest, any_gpu = total + use.joules, max(longest, use.step), True
        return EnergyUse(total, end - start, longest) if any_gpu and end > start else None


def between(points: tuple[Point, ...], start: float, end: float) -> EnergyUse | None:
    """Return what one counter gained from `start` to `end`, None where its points do not reach."""
    if len(points) < 2 or end <= start or start < points[0][0]:
        return None
    (last, _), (before, _) = points[-1], points[-2]
    if end > last + _REACH * (last - before):
        return None
    first, stop = (_segment(points, time) for time in (start, end))
    step = max(points[i + 1][0] - points[i][0] for i in range(first, stop + 1))
    return EnergyUse(_at(points, stop, end) - _at(points, first, start), end - start, step)


def _segment(points: tuple[Point, ...], time: float) -> int:
    """Return the index of the point before a time, the last but one at most."""
    return min(max(bisect_right(points, time, key=lambda point: point[0]) - 1, 0), len(points) - 2)


def _at(points: tuple[Point, ...], i: int, time: float) -> float:
    (t0, e0), (t1, e1) = points[i], points[i + 1]
    return e0 + (e1 - e0) * (time - t0) / (t1 - t0)
