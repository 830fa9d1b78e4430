"""Windows of load cells: what each server did in each batch cell, window by window, as columns.

Pure data. A row is one server's work (its data-parallel engines together) in one batch cell during
one window; the columns are the increases of the load counters. Unknown is NaN, never 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from ...derive.load_cell import QUANTITIES as QUANTITIES
from .arrays import Floats, Ints, Mask, Numbers
from .matchers import Matcher, match_all

ExternalLabels = tuple[tuple[str, str], ...]
"""Names and values of the labels that set clusters apart, empty where a series has none."""

TargetKey = tuple[ExternalLabels, str]
"""A target: the same name in two clusters is two targets."""

IDLE: Final = 0.0
"""The batch of the cell `idle`."""


@dataclass(frozen=True, slots=True)
class ServerKey:
    """One release on one target, as the labels of its cells name it.

    `node` is the place it ran in, so that a pod with a new name in the same place is the same node;
    `machine` is the host it ran on, which it may have shared with others. Empty where unknown.
    """

    target: str
    engine: str
    release: str
    model: str
    gpu_model: str
    server_class: str
    node: str = ""
    machine: str = ""
    external_labels: ExternalLabels = ()

    @property
    def target_key(self) -> TargetKey:
        """The target it is a release on."""
        return self.external_labels, self.target

    @property
    def cluster(self) -> str:
        """The values of its external labels, empty where it has none."""
        return "/".join(value for _, value in self.external_labels if value)

    @property
    def model_and_gpu(self) -> tuple[str, str]:
        """The model and GPU that servers share to be compared, however they are written."""
        # one model has its path in one place and its bare name in another
        return self.model.rpartition("/")[2].casefold(), self.gpu_model.casefold()

    @property
    def labels(self) -> dict[str, str]:
        """The labels as they stand on the cells."""
        return {
            **dict(self.external_labels),
            "target": self.target,
            "engine": self.engine,
            "release": self.release,
            "model": self.model,
            "gpu_model": self.gpu_model,
            "class": self.server_class,
        }

    @property
    def node_name(self) -> str:
        """The place it ran in, or its target where no node is known."""
        return self.node or "/".join(filter(None, (self.cluster, self.target)))


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Rows of cells. `server` indexes `servers`, `time` is the window's start in Unix seconds.

    `width` is the length of a window in seconds; `batch` the cell's upper edge, `IDLE` for the
    idle cell.
    """

    servers: tuple[ServerKey, ...]
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
        values = self.sums.get(quantity)
        if values is None:
            return np.full(len(self), np.nan)
        return np.asarray(values, dtype=np.float64)

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

    def without(self, quantity: str) -> "Windows":
        """Return the rows with a quantity unknown."""
        sums = {name: values for name, values in self.sums.items() if name != quantity}
        return replace(self, sums=sums)

    def of_servers(self, selected: Sequence[bool]) -> "Windows":
        """Return the rows of the servers whose flag is set."""
        return self.where(np.asarray(selected, dtype=bool)[self.server])

    def first_rows(self) -> Ints:
        """Return the first row of each server and window, in the order of `collapse`."""
        _, first = np.unique(window_keys(self), return_index=True)
        return np.asarray(first, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What else is known of a server: its identity's labels, its limits, its starts (Unix s)."""

    labels: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    starts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Lookups:
    """Prefix-cache lookups of whole servers by window: tokens looked up and tokens hit."""

    server: Ints
    time: Floats
    queried: Floats
    hit: Floats

    def where(self, mask: Mask) -> "Lookups":
        """Return the rows of a mask."""
        return Lookups(self.server[mask], self.time[mask], self.queried[mask], self.hit[mask])


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """The data of one comparison. `facts` are parallel to the windows' servers.

    `excluded` maps a cluster's external labels to the seconds that its exporters left out, by
    reason; `notes` are sentences for the report; `source` says where the data came from. `short`
    is true where windows are no longer than requests. `end` is the end of the time looked at (Unix
    seconds), None where it is that of the windows; `known` has the labels of every server of that
    time, chosen or not, and `earlier` those of the servers of some weeks before, where a side has
    little data.
    """

    windows: Windows
    facts: tuple[ServerFacts, ...]
    lookups: Lookups | None = None
    excluded: Mapping[ExternalLabels, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    source: str = ""
    short: bool = False
    end: float | None = None
    known: tuple[Mapping[str, str], ...] = ()
    earlier: tuple[Mapping[str, str], ...] = ()

    @property
    def labels(self) -> list[dict[str, str]]:
        """Each server's labels: those of its identity, and over them those its cells have."""
        return [
            {**facts.labels, **{name: value for name, value in server.labels.items() if value}}
            for server, facts in zip(self.windows.servers, self.facts, strict=True)
        ]

    def ran_earlier(self, matchers: Sequence[Matcher]) -> bool:
        """Whether a server that the matchers choose ran before the time looked at."""
        return any(match_all(matchers, labels) for labels in self.earlier)


def parse_batch(label: str) -> float:
    """Return the upper edge that a `batch` label names, NaN where it is no batch."""
    if label == "idle":
        return IDLE
    try:
        return float(label)
    except ValueError:
        return float("nan")


def window_keys(windows: Windows) -> Ints:
    """Return a number for each row that its server and window share with no other."""
    # starts are multiples of the width up to rounding: they are counted, not compared
    step = np.round((windows.time - windows.time.min()) / windows.width).astype(np.int64)
    return np.asarray(windows.server * (int(step.max(initial=0)) + 1) + step)


def collapse(windows: Windows) -> Windows:
    """Return one row per server and window: its cells added up, the idle one included."""
    if not len(windows):
        return windows
    keys, first, inverse = np.unique(window_keys(windows), return_index=True, return_inverse=True)
    sums: dict[str, Floats] = {}
    for name in windows.sums:
        values = windows.column(name)
        known = ~np.isnan(values)
        total = np.bincount(inverse, np.where(known, values, 0.0), len(keys))
        count = np.bincount(inverse, known, len(keys))
        # a sum of nothing known is unknown; a cell that is silent beside known ones adds nothing
        sums[name] = np.where(count > 0, total, np.nan)
    return Windows(
        windows.servers,
        windows.server[first],
        windows.time[first],
        np.full(len(keys), np.nan),
        windows.width,
        sums,
    )
