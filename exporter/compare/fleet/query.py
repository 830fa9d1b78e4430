"""A fleet's windows of load cells from a Prometheus-compatible API.

Windows are increases, asked for in chunks the API and memory can bear: what is refused as too much
is asked for in halves. Long times of large fleets are cut into longer windows; the cells keep the
loads apart all the same, so little is lost. Data-parallel engines are added up by the query.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ...engines.catalog import version_of
from .api import Api
from .matchers import Matcher, matches
from .servers import Life, facts_of, lives, nodes
from .span import Span
from .windows import QUANTITIES, Fleet, Floats, Ints, Lookups, Server, Windows, batch_of

Progress = Callable[[float, str], None]

WIDTHS: Final = (300.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0, 43_200.0)
CELL: Final = ("target", "engine", "release", "model", "gpu_model", "class", "batch")
_ASKED: Final = ("target", "release", "class", "batch")
"""What tells cells apart; the class stands for model and GPU, the target for its engine."""

# no measure over whole windows needs when first tokens came
_READ: Final = tuple(name for name in QUANTITIES if not name.startswith("first_token"))
_MOST_ROWS: Final = 1_000_000
_REASON: Final = "inferfleet_load_excluded_seconds_total"


def fetch(
    api: Api,
    sides: tuple[tuple[Matcher, ...], tuple[Matcher, ...]],
    models: tuple[Matcher, ...],
    span: Span,
    progress: Progress = lambda share, text: None,
) -> Fleet:
    """Return the fleet both sides belong to; raise `QueryError` naming what failed.

    `progress` is told the share done and what is being read.
    """
    progress(0.0, "who is there")
    known = lives(api, span.start, span.end)
    listed = _listed(api, known, sides, models, span)
    width = span.width or _width(len(listed.batch), span.end - span.start)
    if width > span.end - span.start:
        width = max(span.end - span.start, 1.0)
    ends = _ends(span, width)
    selector = _selector(listed.servers)
    rows = _cells(api, listed, ends, width, selector, progress)
    facts = facts_of(api, listed.servers, known, span, rows[0], rows[1])
    servers = nodes(api, listed.servers, span.start, span.end)
    fleet_windows = Windows(servers, rows[0], rows[1], rows[2], width, rows[3])
    lookups = _lookups(api, fleet_windows, ends, width)
    excluded = _excluded(api, ends, width)
    progress(1.0, "done")
    told = f"windows of {width / 60:.0f} minutes, for the size of the fleet and the time"
    notes = (told,) if width > WIDTHS[0] else ()
    return Fleet(fleet_windows, facts, lookups, excluded, notes, source=api.url)


@dataclass(frozen=True, slots=True)
class _Listed:
    """The servers that belong to a side, and the cells each was seen in, in order."""

    servers: tuple[Server, ...]
    cells: Mapping[tuple[str, ...], int]
    server: Ints
    batch: Floats


def _listed(
    api: Api,
    known: Mapping[tuple[str, str, str], Life],
    sides: tuple[tuple[Matcher, ...], tuple[Matcher, ...]],
    models: tuple[Matcher, ...],
    span: Span,
) -> _Listed:
    found: dict[tuple[str, ...], None] = {}
    for labels in api.series("inferfleet_load_seconds_total", span.start, span.end):
        life = known.get(
            (labels.get("target", ""), labels.get("release", ""), labels.get("class", ""))
        )
        release = labels.get("release", "")
        told = {"version": release} if version_of(release) else {}
        merged = {**told, **(life.labels if life else {}), **labels}
        either = matches(sides[0], merged) or matches(sides[1], merged)
        if either and matches(models, merged):
            found[tuple(labels.get(name, "") for name in CELL)] = None
    servers: dict[tuple[str, ...], int] = {}
    cells: dict[tuple[str, ...], int] = {}
    of_cell, batches = list[int](), list[float]()
    for key in sorted(found):
        batch = batch_of(key[-1])
        if np.isnan(batch):
            continue
        cells[tuple(key[CELL.index(name)] for name in _ASKED)] = len(batches)
        of_cell.append(servers.setdefault(key[:-1], len(servers)))
        batches.append(batch)
    return _Listed(
        tuple(Server(*key) for key in servers),
        cells,
        np.array(of_cell, dtype=np.int64),
        np.array(batches),
    )


def _width(cells: int, seconds: float) -> float:
    """Return the shortest width with which so many cells make no more rows than memory bears."""
    for width in WIDTHS:
        # a server is in about half of its cells in any one window
        if cells * seconds / width / 2 <= _MOST_ROWS:
            return width
    return WIDTHS[-1]


def _ends(span: Span, width: float) -> Floats:
    """Return the ends of whole windows, aligned so that every run sees the same ones."""
    first = np.ceil(span.start / width) * width + width
    return np.arange(first, span.end + 1e-6, width)


def _selector(servers: Sequence[Server]) -> str:
    """Return matchers that keep what belongs to no side out of the answers."""
    parts = []
    for label, values in (
        ("release", {server.release for server in servers}),
        ("model", {server.model for server in servers}),
    ):
        if 0 < len(values) <= 20:
            known = "|".join(_quoted(value) for value in sorted(values))
            parts.append(f'{label}=~"{known}"')
    return "{" + ",".join(parts) + "}"


def _quoted(value: str) -> str:
    escaped = "".join(f"\\{c}" if c in r"\.+*?()|[]{}^$" else c for c in value)
    return escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


Rows = tuple[Ints, Floats, Floats, dict[str, npt.NDArray[np.float32]]]


def _cells(
    api: Api, listed: _Listed, ends: Floats, width: float, selector: str, progress: Progress
) -> Rows:
    """Return the rows in which time was spent: server, window start, batch and the sums."""
    shape = len(listed.batch), len(ends)
    sums: dict[str, npt.NDArray[np.float32]] = {}
    picked: npt.NDArray[np.int64] | None = None
    for done, quantity in enumerate(_READ):
        progress(done / (len(_READ) + 1), quantity.replace("_", " "))
        table = np.full(shape, np.nan, dtype=np.float32)
        query = (
            f"sum by ({', '.join(_ASKED)}) "
            f"(increase(inferfleet_load_{quantity}_total{selector}[{width:.0f}s]))"
        )
        for series in api.chunks(query, ends, width, shape[0]):
            row = listed.cells.get(tuple(series.labels.get(name, "") for name in _ASKED))
            if row is not None:
                table[row, _places(series.times, ends, width)] = series.values
        if picked is None:
            picked = np.flatnonzero(table > 0)
        values = table.ravel()[picked]
        if quantity == "seconds" or not np.isnan(values).all():
            sums[quantity] = values
        del table
    found = picked if picked is not None else np.zeros(0, dtype=np.int64)
    cell, window = np.divmod(found, max(len(ends), 1))
    return listed.server[cell], ends[window] - width, listed.batch[cell], sums


def _places(times: Floats, ends: Floats, width: float) -> Ints:
    return np.asarray(np.rint((times - ends[0]) / width), dtype=np.int64)


def _lookups(api: Api, windows: Windows, ends: Floats, width: float) -> Lookups | None:
    """Return prefix-cache lookups of windows in which a target worked under one release only."""
    if not len(windows):
        return None
    targets: dict[str, int] = {}
    place = np.array([targets.setdefault(s.target, len(targets)) for s in windows.servers])
    owner = np.full((len(targets), len(ends)), -1, dtype=np.int64)
    row, column = place[windows.server], _places(windows.time + width, ends, width)
    owner[row, column] = windows.server
    shared = owner[row, column] != windows.server
    owner[row[shared], column[shared]] = -1
    tables = []
    for name in ("queried", "hit"):
        table = np.full(owner.shape, np.nan)
        query = (
            f"sum by (target) (increase(inferfleet_prefix_cache_{name}_tokens_total"
            f'{{cache="local"}}[{width:.0f}s]))'
        )
        for series in api.chunks(query, ends, width, len(targets)):
            at = targets.get(series.labels.get("target", ""))
            if at is not None:
                table[at, _places(series.times, ends, width)] = series.values
        tables.append(table)
    rows = (owner >= 0) & (tables[0] > 0) & np.isfinite(tables[1])
    if not rows.any():
        return None
    window = np.broadcast_to(ends - width, owner.shape)
    return Lookups(owner[rows], window[rows], tables[0][rows], tables[1][rows])


def _excluded(api: Api, ends: Floats, width: float) -> dict[str, float]:
    query = f"sum by (reason) (increase({_REASON}[{width:.0f}s]))"
    found: dict[str, float] = {}
    for series in api.chunks(query, ends, width, 8):
        reason = series.labels.get("reason", "")
        found[reason] = found.get(reason, 0.0) + float(np.nansum(series.values))
    return {reason: seconds for reason, seconds in found.items() if seconds > 0}
