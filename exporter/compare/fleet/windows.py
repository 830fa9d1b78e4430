"""Windows of load cells: what each server did in each batch cell, window by window, as columns.

Pure data. A row is one server's work (its data-parallel engines together) in one batch cell during
one window; the columns are the increases of the load counters. Unknown is NaN, never 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...derive.load_cell import QUANTITIES as QUANTITIES

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

IDLE: Final = 0.0
"""The batch of the cell `idle`."""


@dataclass(frozen=True, slots=True)
class Server:
    """One release's life on one target, as the labels of its cells tell.

    `node` is the hardware it ran on: the target, or its GPUs where they are known, so that a pod
    with a new name on the same GPUs is the same node.
    """

    target: str
    engine: str
    release: str
    model: str
    gpu_model: str
    server_class: str
    node: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """The labels as they stand on the cells."""
        return {
            "target": self.target,
            "engine": self.engine,
            "release": self.release,
            "model": self.model,
            "gpu_model": self.gpu_model,
            "class": self.server_class,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Rows of cells. `server` indexes `servers`, `time` is the window's start in Unix seconds.

    `width` is the length of a window in seconds; `batch` the cell's upper edge, `IDLE` for the
    idle cell.
    """

    servers: tuple[Server, ...]
    server: Ints
    time: Floats
    batch: Floats
    width: float
    sums: Mapping[str, Numbers]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.server)

    def column(self, quantity: str) -> Floats:
        """Return a quantity of every row, NaN where unknown."""
        found = self.sums.get(quantity)
        if found is None:
            return np.full(len(self), np.nan)
        return np.asarray(found, dtype=np.float64)

    def where(self, mask: Mask) -> "Windows":
        """Return the rows of a mask."""
        sums = {name: values[mask] for name, values in self.sums.items()}
        return Windows(
            self.servers,
            self.server[mask],
            self.time[mask],
            self.batch[mask],
            self.width,
            sums,
        )

    def of(self, wanted: Sequence[bool]) -> "Windows":
        """Return the rows of the servers whose flag is set."""
        return self.where(np.asarray(wanted, dtype=bool)[self.server])


@dataclass(frozen=True, slots=True)
class Facts:
    """What else is known of a server: its identity's labels, its limits, its starts (Unix s)."""

    labels: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    starts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Lookups:
    """Prefix-cache lookups of whole servers by window: tokens looked up and found."""

    server: Ints
    time: Floats
    queried: Floats
    hit: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """Everything one comparison looks at. `facts` are parallel to the windows' servers.

    `excluded` tells the seconds the exporter left out by reason; `notes` are sentences for the
    report; `source` says where the data came from. `short` is true where windows are no longer
    than requests.
    """

    windows: Windows
    facts: tuple[Facts, ...]
    lookups: Lookups | None = None
    excluded: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    source: str = ""
    short: bool = False


def batch_of(label: str) -> float:
    """Return the upper edge a `batch` label names, NaN where it is no batch."""
    if label == "idle":
        return IDLE
    try:
        return float(label)
    except ValueError:
        return float("nan")


def collapse(windows: Windows) -> Windows:
    """Return one row per server and window: its cells added up, the idle one included."""
    if not len(windows):
        return windows
    step = np.round((windows.time - windows.time.min()) / windows.width).astype(np.int64)
    key = windows.server * (int(step.max()) + 1) + step
    found, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    sums: dict[str, Floats] = {}
    for name in windows.sums:
        values = windows.column(name)
        known = ~np.isnan(values)
        total = np.bincount(inverse, np.where(known, values, 0.0), len(found))
        count = np.bincount(inverse, known, len(found))
        sums[name] = np.where(count > 0, total, np.nan)
    return Windows(
        windows.servers,
        windows.server[first],
        windows.time[first],
        np.full(len(found), np.nan),
        windows.width,
        sums,
    )
