"""The fleet of the demonstration: recorded runs of two model runners, half of it upgraded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from ...replay.playlist import Playlist
from ...replay.recording import Recording, bundled_replicates, load_recording

_BASELINE: Final = "vllm-dense-0.26.0-v1-"
_CANDIDATE: Final = "vllm-dense-0.26.0-v2-"
RUNNER: Final = "v2"
"""The model runner of the candidate."""

_PHASES: Final = ("medium", "full", "prefix-heavy", "overload")
_FIRST_UPGRADE: Final = 20.0
_BETWEEN: Final = 5.0


@dataclass(frozen=True, slots=True)
class RecordedFleet:
    """Servers by name with what each plays, and the names of the runs of both sides.

    `upgraded` are the servers that change their release while they are watched.
    """

    playlists: Mapping[str, Playlist]
    upgraded: tuple[str, ...]
    baseline: tuple[str, ...]
    candidate: tuple[str, ...]


def recorded_fleet() -> RecordedFleet:
    """Return the fleet: a server for each run, half of them upgraded one after another."""
    runs = {name: load_recording(path) for name, path in bundled_replicates().items()}
    baseline = tuple(name for name in runs if name.startswith(_BASELINE))
    candidate = tuple(name for name in runs if name.startswith(_CANDIDATE))
    playlists = {
        f"dense-{chr(ord('a') + i)}": Playlist((_from(runs[name], _PHASES[i % len(_PHASES)]),))
        for i, name in enumerate(baseline)
    }
    upgraded = {}
    for i, name in enumerate(candidate):
        before = _last(runs[baseline[i % len(baseline)]], _FIRST_UPGRADE + i * _BETWEEN)
        after = _from(runs[name], _PHASES[i % len(_PHASES)])
        upgraded[f"dense-{chr(ord('a') + len(baseline) + i)}"] = Playlist((before, after))
    return RecordedFleet(playlists | upgraded, tuple(upgraded), baseline, candidate)


def _last(recording: Recording, seconds: float) -> Recording:
    """Return the last seconds of a recording, so that its upgrade comes soon."""
    return _since(recording, recording.pages[-1].time - seconds)


def _from(recording: Recording, phase: str) -> Recording:
    """Return a recording from one of its load phases on, so that there is work at once."""
    return _since(recording, next(p["start"] for p in recording.phases if p["name"] == phase) - 2.0)


def _since(recording: Recording, start: float) -> Recording:
    return replace(recording, pages=tuple(p for p in recording.pages if p.time >= start))
