"""Recorded servers upgraded over hours, their work being what the exporter counts of recordings.

A recording holds a minute and a half of a server. Here one works for hours by what the exporter
counts between one page and the next of a phase's steady middle, drawn again and again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from exporter.compare.fleet.windows import Fleet, ServerFacts, ServerKey, Windows, parse_batch
from exporter.derive.load_cell import QUANTITIES
from exporter.derive.meter import Meter
from exporter.replay.recording import Recording, bundled_recordings, load_recording
from exporter.replay.snapshots import snapshots

from .tapes import client_rate, doing, steady

SHARE: Final = 0.9
SERVERS: Final = 4
"""Servers of each side."""
BEFORE, AFTER = 8.0, 5.0
"""Hours before and after the upgrade."""
WIDTH: Final = 300.0
CLASS: Final = "recorded"
_GPU: Final = "NVIDIA H200"

Work = tuple[str, Mapping[str, float]]
"""What an engine did between two pages: its cell's batch, and amounts by quantity."""


@dataclass(frozen=True, slots=True)
class Case:
    """An upgrade between two recordings under one load phase, and what is known of it.

    `truth` is new over old: the load client's own tokens per second, or what was made so.
    """

    name: str
    before: Recording
    after: Recording
    truth: float
    releases: tuple[str, str]


def recorded(old: str, new: str, phase: str) -> Case:
    """Return an upgrade as it was recorded."""
    sides = [load_recording(bundled_recordings()[f"vllm-{name}"]) for name in (old, new)]
    rates = [client_rate(side, phase) for side in sides]
    before, after = (steady(side, phase) for side in sides)
    return Case(f"{new} {phase}", before, after, rates[1] / rates[0], (old, new))


def same() -> Case:
    """Return a release followed by itself under another name."""
    only = recorded("dense-0.20.2-mrv1", "dense-0.20.2-mrv1", "medium").before
    return Case("same", only, only, 1.0, ("one", "two"))


def slower() -> Case:
    """Return a release followed by one that does `SHARE` of its work in the same time."""
    only = same().before
    return Case("slower", only, doing(only, SHARE), SHARE, ("one", "two"))


def upgraded(case: Case, end: float, seed: int = 1) -> Fleet:
    """Return a fleet up to a Unix time, half of it upgraded `AFTER` hours before."""
    random = np.random.default_rng(seed)
    end = end // WIDTH * WIDTH
    start, upgrade = end - 3600.0 * (BEFORE + AFTER), end - 3600.0 * AFTER
    tapes = [_intervals(side) for side in (case.before, case.after)]
    servers, facts, rows = list[ServerKey](), list[ServerFacts](), list[_Row]()
    for number in range(2 * SERVERS):
        lives = [(0, start, end)]
        if number < SERVERS:
            lives = [(0, start, upgrade), (1, upgrade, end)]
        for side, begin, until in lives:
            servers.append(_server(case, number, side))
            facts.append(_facts(case, side, start - 86_400.0 if side == 0 else begin))
            own = _resampled(tapes[side], random)
            for time in np.arange(begin, until, WIDTH):
                sums = _drawn(own, random)
                rows += [(len(servers) - 1, float(time), batch, sums[batch]) for batch in sums]
    return Fleet(_windows(servers, rows), tuple(facts), source="recorded", end=end)


_Row = tuple[int, float, str, Mapping[str, float]]


def _intervals(tape: Recording) -> Sequence[Work]:
    """Return what the exporter counts between each two pages of a tape."""
    meter, before, works = Meter(0.0, 30.0, 256), dict[str, dict[str, float]](), list[Work]()
    for snapshot in snapshots(tape):
        meter.add(snapshot, snapshot.time, (("release", "r"),), 1)
        now = {batch: dict(work) for (_, batch), work in meter.load.cells.items()}
        for batch, work in now.items():
            grown = {
                name: value - before.get(batch, {}).get(name, 0.0) for name, value in work.items()
            }
            if grown.get("seconds", 0.0) > 0 and batch not in ("idle", "0"):
                works.append((batch, grown))
        before = now
    return works


def _resampled(tape: Sequence[Work], random: np.random.Generator) -> Sequence[Work]:
    """Return as many moments of a tape at random: another tape of the same length."""
    return [tape[int(i)] for i in random.integers(len(tape), size=len(tape))]


def _drawn(tape: Sequence[Work], random: np.random.Generator) -> dict[str, dict[str, float]]:
    """Return a window's work by cell: moments of the tape at random until it is full."""
    sums, seconds = dict[str, dict[str, float]](), 0.0
    while seconds < WIDTH:
        batch, work = tape[int(random.integers(len(tape)))]
        cell = sums.setdefault(batch, {})
        for name, value in work.items():
            cell[name] = cell.get(name, 0.0) + value
        seconds += work["seconds"]
    return sums


def _server(case: Case, number: int, side: int) -> ServerKey:
    return ServerKey(
        f"{case.name}-{number}",
        "vllm",
        case.releases[side],
        "m",
        _GPU,
        CLASS,
        external_labels=(("cluster", case.name),),
    )


def _facts(case: Case, side: int, started: float) -> ServerFacts:
    release = case.releases[side]
    labels = {
        "engine": "vllm",
        "release": release,
        "model": "m",
        "gpu_model": _GPU,
        "class": CLASS,
        "namespace": "serving",
        "workload": "chat",
    }
    return ServerFacts(labels, {}, (started,))


def _windows(servers: Sequence[ServerKey], rows: Sequence[_Row]) -> Windows:
    return Windows(
        tuple(servers),
        np.array([server for server, *_ in rows]),
        np.array([time for _, time, *_ in rows]),
        np.array([parse_batch(batch) for _, _, batch, _ in rows]),
        WIDTH,
        {
            name: np.array([work.get(name, np.nan) for *_, work in rows])
            for name in QUANTITIES
            if any(name in work for *_, work in rows)
        },
    )
