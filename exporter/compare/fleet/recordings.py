"""Two recordings as one fleet: the same windows, counted by the exporter's own meter.

The recordings are laid over each other at their first page, as if they had run side by side, so
that the same load phase meets itself. A name of a bundled recording will do for a path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...base.errors import CompareError
from ...replay.recording import find_recording, load_recording
from .phases import Phase, shared_phases
from .recorded_server import RecordedServer, read_server
from .windows import QUANTITIES, Fleet, Lookups, Windows, parse_batch

WIDTH: Final = 4.0
_NOTE: Final = (
    "Two recordings, one server each: what is shown describes these two runs; no interval can tell "
    "the release from the run."
)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFleet:
    """Two recordings as a fleet, the releases they stand for, and the phases they share."""

    fleet: Fleet
    releases: tuple[str, str]
    phases: tuple[Phase, ...]


def read_recordings(names: tuple[str, str], width: float = WIDTH) -> RecordedFleet:
    """Return two recordings as a fleet, baseline first; raise `InferfleetError` naming a fault.

    `width` is the length of a window in seconds.
    """
    baseline, candidate = (load_recording(find_recording(name)) for name in names)
    servers = [read_server(recording, width) for recording in (baseline, candidate)]
    if baseline.name == candidate.name:
        raise CompareError(f"--recording: {names[0]} and {names[1]} are the same recording")
    if not any(server.cells for server in servers):
        raise CompareError(f"--recording: neither {names[0]} nor {names[1]} holds any work")
    fleet = Fleet(
        _windows(servers, width),
        tuple(server.facts for server in servers),
        _lookups(servers),
        short=True,
        source=f"recordings {baseline.name} and {candidate.name}",
        notes=(_NOTE,),
    )
    return RecordedFleet(fleet, (baseline.name, candidate.name), shared_phases(baseline, candidate))


def _windows(servers: Sequence[RecordedServer], width: float) -> Windows:
    rows = [(i, cell) for i, server in enumerate(servers) for cell in server.cells]
    return Windows(
        tuple(server.key for server in servers),
        np.array([i for i, _ in rows], dtype=np.int64),
        np.array([cell.time for _, cell in rows]),
        np.array([parse_batch(cell.batch) for _, cell in rows]),
        width,
        {
            quantity: np.array([cell.sums.get(quantity, np.nan) for _, cell in rows])
            for quantity in QUANTITIES
            if any(quantity in cell.sums for _, cell in rows)
        },
    )


def _lookups(servers: Sequence[RecordedServer]) -> Lookups | None:
    rows = [(i, lookup) for i, server in enumerate(servers) for lookup in server.lookups]
    if not rows:
        return None
    return Lookups(
        np.array([i for i, _ in rows], dtype=np.int64),
        np.array([lookup.time for _, lookup in rows]),
        np.array([lookup.queried for _, lookup in rows]),
        np.array([lookup.hit for _, lookup in rows]),
    )
