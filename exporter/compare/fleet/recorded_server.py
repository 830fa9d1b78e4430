"""One recording as a server of a fleet: its identity, its windows of cells, its lookups."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

import numpy as np

from ...base.errors import FetchError
from ...config import Declaration
from ...derive.meter import LoadCells, Meter
from ...engines.identity import Identity, identify
from ...engines.plan import Snapshot
from ...replay.recording import Recording
from ...replay.snapshots import snapshots
from ...vocabulary.exporter import PLACE_LABELS, SERVER_INFO
from .windows import ServerFacts, ServerKey

_MAX_INTERVAL_SECONDS: Final = 30.0
_MAX_CELLS: Final = 4096
_LIMITS: Final = {
    "max_num_seqs": "max_running_requests",
    "max_num_batched_tokens": "max_batched_tokens",
    "gpus": "gpus",
}


@dataclass(frozen=True, slots=True)
class CellRow:
    """What one batch cell gained in the window that starts `time` seconds after the first page."""

    time: float
    batch: str
    sums: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LookupRow:
    """Tokens looked up and hit in the window that starts `time` seconds after the first page."""

    time: float
    queried: float
    hit: float


@dataclass(frozen=True, slots=True)
class RecordedServer:
    """A recorded server and what it did, window by window."""

    key: ServerKey
    facts: ServerFacts
    cells: tuple[CellRow, ...]
    lookups: tuple[LookupRow, ...]


def read_server(recording: Recording, width: float) -> RecordedServer:
    """Return a recording as a server, in windows of so many seconds."""
    pages = list(snapshots(recording))
    identity = _identity(recording, pages[-1])
    meter, start = Meter(0.0, _MAX_INTERVAL_SECONDS, _MAX_CELLS), pages[0].time
    energy = _energy_until(recording, identity.number("gpus"))
    cells, lookups = list[CellRow](), list[LookupRow]()
    window, window_load = 0, meter.load
    last, last_lookups = pages[0], _lookup_totals(pages[0])
    for page in pages:
        # an interval counts to the window it begins in
        reached = int((last.time - start) / width)
        if reached > window:
            cells += _increases(window_load, meter.load, window * width)
            window, window_load = reached, meter.load
        joules = energy(page.time) - energy(last.time) if energy else None
        if joules is not None and not isfinite(joules):
            joules = None
        meter.add(page, page.time, (("release", recording.name),), identity.number("gpus"), joules)
        queried, hit = _lookup_totals(page)
        if queried > last_lookups[0]:
            time = float(int((page.time - start) / width) * width)
            lookups.append(LookupRow(time, queried - last_lookups[0], hit - last_lookups[1]))
        last, last_lookups = page, (queried, hit)
    cells += _increases(window_load, meter.load, window * width)
    key = ServerKey(
        target=recording.name,
        engine=recording.engine,
        release=recording.name,
        model=identity.text("model") or recording.model,
        gpu_model=identity.text("gpu_model"),
        server_class=identity.server_class,
    )
    return RecordedServer(key, _facts(recording, identity, pages[-1]), tuple(cells), tuple(lookups))


def _identity(recording: Recording, snapshot: Snapshot) -> Identity:
    def get(path: str) -> bytes:
        answer = recording.answers.get(path)
        if answer is None or answer.status != 200:
            raise FetchError("http_status", f"{path} was not recorded")
        return answer.body.encode()

    plan = snapshot.plan
    return identify(
        plan.engine,
        get,
        plan.page_settings,
        None,
        Declaration(gpu_model=recording.gpu) if recording.gpu else None,
        plan.model or None,
    )


def _facts(recording: Recording, identity: Identity, last: Snapshot) -> ServerFacts:
    labels = {name: identity.text(name) for name in SERVER_INFO.labels if name not in PLACE_LABELS}
    labels |= {"engine": recording.engine, "release": recording.name}
    labels |= {"version": labels["version"] or recording.engine_version}
    labels |= {"class": identity.server_class, "config": identity.config}
    limits = {
        name: number
        for fact, name in _LIMITS.items()
        if (number := identity.number(fact)) is not None
    }
    capacity = last.largest("kv_cache_capacity_tokens")
    if capacity is not None:
        limits["kv_cache_capacity_tokens"] = capacity
    block_size = last.plan.page_settings.get("block_size", "")
    if block_size.isdigit():
        limits["block_size"] = float(block_size)
    start = last.largest("server_start_time_seconds")
    return ServerFacts(labels, limits, () if start is None else (start,))


def _increases(before: LoadCells, after: LoadCells, time: float) -> Iterator[CellRow]:
    """Yield what each cell gained, the data-parallel ranks added up."""
    increases: dict[str, dict[str, float]] = {}
    for (rank, batch), work in after.cells.items():
        earlier = before.cells.get((rank, batch), {})
        if work is earlier:
            continue
        sums = increases.setdefault(batch, {})
        for quantity, amount in work.items():
            sums[quantity] = sums.get(quantity, 0.0) + amount - earlier.get(quantity, 0.0)
    for batch, sums in increases.items():
        yield CellRow(time, batch, sums)


def _lookup_totals(snapshot: Snapshot) -> tuple[float, float]:
    """Return the tokens looked up and hit since the engine started."""
    return (
        snapshot.total("prefix_cache_queried_tokens_total", cache="local") or 0.0,
        snapshot.total("prefix_cache_hit_tokens_total", cache="local") or 0.0,
    )


def _energy_until(recording: Recording, gpus: float | None) -> Callable[[float], float] | None:
    """Return the joules the recorded GPUs had used by a time, interpolated between samples.

    None where not all GPUs under the server have a counter: a part of the energy is no energy.
    Before a GPU's first sample and after its last they are unknown, NaN.
    """
    counters = dict[int, list[tuple[float, float]]]()
    for sample in recording.nvml:
        if "energy_mj" in sample and "t" in sample:
            joules = float(sample["energy_mj"]) / 1000.0
            counters.setdefault(sample.get("gpu", 0), []).append((float(sample["t"]), joules))
    if not counters or len(counters) != (gpus or 1):
        return None
    if min(map(len, counters.values())) < 2:
        return None
    series = [tuple(np.array(counter).T) for counter in counters.values()]
    return lambda time: sum(
        float(np.interp(time, times, joules, left=np.nan, right=np.nan)) for times, joules in series
    )
