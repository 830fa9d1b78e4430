"""Recordings played one after another as one server: the way an upgrade looks from outside.

Pure arithmetic on the seconds since the server was switched on. Between two recordings the server
is down for the gap; the next one comes up with its own counters, answers and process start.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from ..errors import ConfigError
from .playback import Moment, Track
from .recording import Recording

After = Literal["loop-last", "loop-all", "hold"]


@dataclass(frozen=True, slots=True, eq=False)
class Playlist:
    """One server address and the recordings it plays, each of them `plays` times.

    `gap` is how long the server is down between two recordings, in seconds as the clock counts
    them. `after` says what follows the last one: it loops, the whole list does, or its last page
    stands for ever.
    """

    recordings: tuple[Recording, ...]
    after: After = "loop-last"
    plays: int = 1
    gap: float = 3.0

    def __post_init__(self) -> None:
        if not self.recordings:
            raise ConfigError("a playlist needs at least one recording")
        if self.plays < 1 or self.gap < 0:
            raise ConfigError("a playlist needs plays of 1 or more and a gap of 0 s or more")


@dataclass(frozen=True, slots=True)
class Scene:
    """What a server that is up serves; `start` is its process start in seconds of the clock.

    `drawn` is what its GPU had drawn when the track began, in joules.
    """

    track: Track
    moment: Moment
    start: float | None
    drawn: float = 0.0

    @property
    def content_type(self) -> str:
        """The recorded content type of the metrics page."""
        return self.track.recording.pages[self.moment.index].content_type

    def gpu_metrics(self, uuid: str) -> bytes | None:
        """Return the GPU's page, None where the recording has no GPU; `uuid` is its name there."""
        return self.track.gpu.page(self.moment.index, self.moment.loop, uuid, self.drawn)

    def metrics(self, epoch: float) -> bytes:
        """Return the metrics page; `epoch` is the Unix time at which the clock stood at zero."""
        start = None if self.start is None else epoch + self.start
        return self.track.body(self.moment, start) or b""


class Player:
    """Plays a playlist at `speed` recorded seconds a second.

    `age` is how many seconds the first server says it has been up when playing begins; without
    it, as many as on the recording.
    """

    def __init__(self, playlist: Playlist, speed: float = 1.0, age: float | None = None) -> None:
        if not speed > 0:
            raise ConfigError(f"a replay cannot run at speed {speed:g}: give a number above 0")
        self._playlist = playlist
        self._speed, self._age = speed, age
        self._tracks = [Track(recording) for recording in playlist.recordings]
        self._lengths = [playlist.plays * track.duration / speed for track in self._tracks]
        begins = accumulate((length + playlist.gap for length in self._lengths), initial=0.0)
        *self._begins, self._cycle = begins
        drawn = accumulate((playlist.plays * track.gpu.gain for track in self._tracks), initial=0.0)
        *self._drawn, self._drawn_by_all = drawn

    def at(self, elapsed: float) -> Scene | None:
        """Return what is served after `elapsed` seconds, or None while the server is down."""
        playlist, base, cycles = self._playlist, 0.0, 0.0
        if playlist.after == "loop-all":
            cycles = elapsed // self._cycle
            base = cycles * self._cycle
        turn = bisect_right(self._begins, elapsed - base) - 1
        begin, track = base + self._begins[turn], self._tracks[turn]
        unending = turn == len(self._tracks) - 1 and playlist.after != "loop-all"
        if not unending and elapsed - begin >= self._lengths[turn]:
            return None
        loops = None if unending and playlist.after == "loop-last" else playlist.plays
        moment = track.at((elapsed - begin) * self._speed, loops)
        if track.recording.pages[moment.index].text is None:
            return None
        drawn = cycles * self._drawn_by_all + self._drawn[turn]
        return Scene(track, moment, self._start(track, moment, begin), drawn)

    def _start(self, track: Track, moment: Moment, begin: float) -> float | None:
        """Return when the serving process was started, in seconds of the clock."""
        born = track.born(moment)
        if born is None:
            return None
        if born >= 0:
            return begin + born / self._speed
        if begin == 0:
            return born if self._age is None else -self._age
        # A later server was spawned when its predecessor went down.
        return begin - self._playlist.gap
