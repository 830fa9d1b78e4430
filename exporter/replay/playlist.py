"""Recordings played one after another as one server: an upgrade as it is seen from outside.

Pure arithmetic on the seconds since the server was switched on. Between two recordings the server
is down for the gap; the next one comes up with its own counters, answers and process start.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from typing import Literal

from ..base.errors import ConfigError
from .playback import Position, Track
from .recording import Recording

LoopMode = Literal["loop-last", "loop-all", "hold"]


@dataclass(frozen=True, slots=True, eq=False)
class Playlist:
    """One server address and the recordings it plays, each of them `plays` times.

    `gap` is how long the server is down between two recordings, in seconds as the clock counts
    them. `loop_mode` says what follows the last one: it loops, the whole list does, or its last
    page is served for ever.
    """

    recordings: tuple[Recording, ...]
    loop_mode: LoopMode = "loop-last"
    plays: int = 1
    gap: float = 3.0

    def __post_init__(self) -> None:
        if not self.recordings:
            raise ConfigError("a playlist needs at least one recording")
        if self.plays < 1 or self.gap < 0:
            raise ConfigError("a playlist needs plays of 1 or more and a gap of 0 s or more")


@dataclass(frozen=True, slots=True)
class PlaybackState:
    """What a server that is up serves; `start` is its process start in seconds of the clock.

    `energy_offsets` are the GPUs' energy counters when the track began, in joules.
    """

    track: Track
    position: Position
    start: float | None
    energy_offsets: tuple[float, ...] = ()

    @property
    def content_type(self) -> str:
        """The recorded content type of the metrics page."""
        return self.track.recording.pages[self.position.index].content_type

    def gpu_metrics(self, uuid: str) -> bytes | None:
        """Return the GPUs' page, None where none was recorded; the first is called `uuid` there."""
        return self.track.gpus.page(
            self.position.index, self.position.loop, uuid, self.energy_offsets
        )

    def metrics(self, epoch: float) -> bytes:
        """Return the metrics page; `epoch` is the Unix time of the clock's zero."""
        start = None if self.start is None else epoch + self.start
        return self.track.body(self.position, start) or b""


class Player:
    """Plays a playlist at `speed` recorded seconds a second.

    `uptime` is how many seconds the first server has been up when playing begins; without it, as
    many as on the recording.
    """

    def __init__(self, playlist: Playlist, speed: float = 1.0, uptime: float | None = None) -> None:
        if not speed > 0:
            raise ConfigError(f"a replay cannot run at speed {speed:g}: give a number above 0")
        self._playlist = playlist
        self._speed, self._uptime = speed, uptime
        self._tracks = [Track(recording) for recording in playlist.recordings]
        self._lengths = [playlist.plays * track.duration / speed for track in self._tracks]
        begins = accumulate((length + playlist.gap for length in self._lengths), initial=0.0)
        *self._begins, self._cycle = begins
        used = ([playlist.plays * each for each in t.gpus.energy_per_loop] for t in self._tracks)
        totals = list(accumulate(used, _added, initial=list[float]()))
        self._energy_offsets, self._energy_per_cycle = totals[:-1], totals[-1]

    def state_at(self, elapsed: float) -> PlaybackState | None:
        """Return what is served after `elapsed` seconds, or None while the server is down."""
        playlist, base, cycles = self._playlist, 0.0, 0.0
        if playlist.loop_mode == "loop-all":
            cycles = elapsed // self._cycle
            base = cycles * self._cycle
        index = bisect_right(self._begins, elapsed - base) - 1
        begin, track = base + self._begins[index], self._tracks[index]
        endless = index == len(self._tracks) - 1 and playlist.loop_mode != "loop-all"
        if not endless and elapsed - begin >= self._lengths[index]:
            return None
        loops = None if endless and playlist.loop_mode == "loop-last" else playlist.plays
        position = track.position_at((elapsed - begin) * self._speed, loops)
        if track.recording.pages[position.index].text is None:
            return None
        cycled = [cycles * joules for joules in self._energy_per_cycle]
        energy_offsets = tuple(_added(cycled, self._energy_offsets[index]))
        start = self._start(track, position, begin)
        return PlaybackState(track, position, start, energy_offsets)

    def _start(self, track: Track, position: Position, begin: float) -> float | None:
        """Return when the serving process was started, in seconds of the clock."""
        start = track.process_start(position)
        if start is None:
            return None
        if start >= 0:
            return begin + start / self._speed
        if begin == 0:
            return start if self._uptime is None else -self._uptime
        # A later server was spawned when its predecessor went down.
        return begin - self._playlist.gap


def _added(a: list[float], b: list[float]) -> list[float]:
    return [x + y for x, y in zip_longest(a, b, fillvalue=0.0)]
