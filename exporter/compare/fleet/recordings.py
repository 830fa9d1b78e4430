"""Two recordings as one fleet: the same windows, counted by the exporter's own meter.

The recordings are laid over each other at their first page, as if they had run side by side, so
that the same load phase meets itself. A name of a bundled recording will do for a path.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...config import Declaration
from ...derive.meter import Load, Meter
from ...engines.identity import Identity, identify
from ...engines.plan import Labels, Snapshot
from ...errors import CompareError, FetchError
from ...replay.recording import Recording, find_recording, load_recording
from ...replay.snapshots import snapshots
from .windows import QUANTITIES, Facts, Fleet, Floats, Lookups, Server, Windows, batch_of

WIDTH: Final = 4.0
_LONGEST: Final = 30.0
_MANY: Final = 4096
_FACTS: Final = {
    "max_num_seqs": "max_running_requests",
    "max_num_batched_tokens": "max_batched_tokens",
    "gpus": "gpus",
}
_LABELS: Final = (
    "version",
    "model",
    "gpu_model",
    "runner",
    "quantization",
    "kv_cache_dtype",
    "role",
)


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """A load phase both recordings hold: its span from the first page on, and client tokens/s."""

    name: str
    spans: tuple[tuple[float, float], tuple[float, float]]
    client: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """Two recordings as a fleet, the releases they stand for, and the phases they share."""

    fleet: Fleet
    releases: tuple[str, str]
    phases: tuple[Phase, ...]


def read(names: tuple[str, str], width: float = WIDTH) -> Played:
    """Return two recordings as a fleet, baseline first; raise `InferfleetError` naming a fault."""
    found = [load_recording(find_recording(name)) for name in names]
    lives = [_life(one, width) for one in found]
    releases = found[0].name, found[1].name
    if releases[0] == releases[1]:
        raise CompareError(f"--recording: {names[0]} and {names[1]} are the same recording")
    servers, facts = [], []
    for one, (identity, _, _) in zip(found, lives, strict=True):
        servers.append(
            Server(
                target=one.name,
                engine=one.engine,
                release=one.name,
                model=identity.text("model") or one.model,
                gpu_model=identity.text("gpu_model"),
                server_class=identity.server_class,
            )
        )
        facts.append(_facts(one, identity))
    rows = [(i, *row) for i, (_, rows, _) in enumerate(lives) for row in rows]
    if not rows:
        raise CompareError(f"--recording: neither {names[0]} nor {names[1]} holds any work")
    windows = Windows(
        tuple(servers),
        np.array([row[0] for row in rows], dtype=np.int64),
        np.array([row[1] for row in rows]),
        np.array([batch_of(row[2]) for row in rows]),
        width,
        {
            name: np.array([row[3].get(name, np.nan) for row in rows])
            for name in QUANTITIES
            if any(name in row[3] for row in rows)
        },
    )
    fleet = Fleet(
        windows,
        tuple(facts),
        _lookups([hits for _, _, hits in lives]),
        short=True,
        source=f"recordings {releases[0]} and {releases[1]}",
        notes=(
            "Two recordings, one server each: what is shown describes these two runs; no interval "
            "can tell the release from the run.",
        ),
    )
    return Played(fleet, releases, _phases(*found))


Row = tuple[float, str, Mapping[str, float]]
Hit = tuple[float, float, float]


def _life(recording: Recording, width: float) -> tuple[Identity, list[Row], list[Hit]]:
    """Return who the recorded server is, its windows of cells and its lookups."""
    pages = list(snapshots(recording))
    identity = _identity(recording, pages[-1])
    meter, begin = Meter(0.0, _LONGEST, _MANY), pages[0].time
    energy = _energy(recording)
    who: Labels = (("release", recording.name),)
    rows, hits = list[Row](), list[Hit]()
    held, window, looked = meter.load, 0, _hits(pages[0])
    last = begin
    for snapshot in pages:
        time = snapshot.time
        if int((last - begin) / width) > window:
            rows += _grown(held, meter.load, window * width)
            held, window = meter.load, int((last - begin) / width)
        joules = energy(time) - energy(last) if energy else None
        meter.add(snapshot, time, who, identity.number("gpus"), joules)
        now = _hits(snapshot)
        if now[0] > looked[0]:
            at = float(int((time - begin) / width) * width)
            hits.append((at, now[0] - looked[0], now[1] - looked[1]))
        looked, last = now, time
    rows += _grown(held, meter.load, window * width)
    return identity, rows, hits


def _identity(recording: Recording, snapshot: Snapshot) -> Identity:
    def get(path: str) -> bytes:
        answer = recording.answers.get(path)
        if answer is None or answer.status != 200:
            raise FetchError("http_status", f"{path} was not recorded")
        return answer.body.encode()

    current = snapshot.plan
    return identify(
        current.engine,
        get,
        current.page_settings,
        None,
        Declaration(gpu_model=recording.gpu) if recording.gpu else None,
        current.model or None,
    )


def _facts(recording: Recording, identity: Identity) -> Facts:
    labels = {name: identity.text(name) for name in _LABELS}
    labels |= {"engine": recording.engine, "release": recording.name}
    labels |= {"version": labels["version"] or recording.engine_version}
    labels |= {"class": identity.server_class, "config": identity.config}
    limits = {
        name: number
        for fact, name in _FACTS.items()
        if (number := identity.number(fact)) is not None
    }
    *_, last = snapshots(recording)
    capacity = last.largest("kv_cache_capacity_tokens")
    if capacity is not None:
        limits["kv_cache_capacity_tokens"] = capacity
    size = last.plan.page_settings.get("block_size", "")
    if size.isdigit():
        limits["block_size"] = float(size)
    return Facts(labels, limits)


def _grown(before: Load, after: Load, at: float) -> Iterator[Row]:
    """Yield what each cell gained, the data-parallel engines added up."""
    gained: dict[str, dict[str, float]] = {}
    for (engine, batch), work in after.cells.items():
        past = before.cells.get((engine, batch), {})
        if work is past:
            continue
        sums = gained.setdefault(batch, {})
        for name, amount in work.items():
            sums[name] = sums.get(name, 0.0) + amount - past.get(name, 0.0)
    for batch, sums in gained.items():
        yield at, batch, sums


def _hits(snapshot: Snapshot) -> tuple[float, float]:
    return (
        snapshot.total("prefix_cache_queried_tokens_total", cache="local") or 0.0,
        snapshot.total("prefix_cache_hit_tokens_total", cache="local") or 0.0,
    )


class _Energy:
    """Joules a recorded GPU had used by a moment, interpolated between its samples."""

    def __init__(self, times: Floats, joules: Floats) -> None:
        self._times, self._joules = times, joules

    def __call__(self, time: float) -> float:
        return float(np.interp(time, self._times, self._joules))


def _energy(recording: Recording) -> _Energy | None:
    known = [one for one in recording.nvml if "energy_mj" in one and "t" in one]
    if len(known) < 2:
        return None
    return _Energy(
        np.array([float(one["t"]) for one in known]),
        np.array([float(one["energy_mj"]) / 1000.0 for one in known]),
    )


def _lookups(lives: list[list[Hit]]) -> Lookups | None:
    rows = [(i, *hit) for i, hits in enumerate(lives) for hit in hits]
    if not rows:
        return None
    table = np.array(rows)
    return Lookups(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])


def _phases(baseline: Recording, candidate: Recording) -> tuple[Phase, ...]:
    sides = [{str(p["name"]): p for p in one.phases} for one in (baseline, candidate)]
    firsts = baseline.pages[0].time, candidate.pages[0].time
    found = []
    for name in sides[0]:
        if name not in sides[1]:
            continue
        both = sides[0][name], sides[1][name]
        try:
            spans = [
                (float(phase["start"]) - first, float(phase["end"]) - first)
                for phase, first in zip(both, firsts, strict=True)
            ]
            rates = [float(phase["gen_tok_s"]) for phase in both]
        except (KeyError, TypeError, ValueError):
            continue
        found.append(Phase(name, (spans[0], spans[1]), (rates[0], rates[1])))
    return tuple(found)
