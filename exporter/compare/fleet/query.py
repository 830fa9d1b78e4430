"""A fleet's windows of load cells from a Prometheus-compatible API.

Windows are increases, queried in chunks the API and memory can bear: what is refused as too large
is queried in halves. Long times of large fleets are cut into longer windows; the cells keep the
loads apart all the same, so little is lost. Data-parallel ranks are added up by the query.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from .api import PrometheusApi, QueryError
from .arrays import Floats, Ints
from .cells import Cells, fetch_cells, selector
from .matchers import Matcher, match_all
from .nodes import with_nodes
from .servers import (
    DEFAULT_KEEP_LABELS,
    IdentityKey,
    external_labels,
    fetch_earlier,
    fetch_facts,
    fetch_identities,
    target_key,
)
from .span import Span
from .windows import QUANTITIES, ExternalLabels, Fleet, Lookups, TargetKey, Windows

Progress = Callable[[float, str], None]
"""Is called with the share done and what is being read."""

WIDTHS: Final = (300.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0, 43_200.0)
# no measure over whole windows needs when first tokens came
_FETCHED: Final = tuple(name for name in QUANTITIES if name != "first_token_seconds")
_MAX_ROWS: Final = 1_000_000
_EXCLUDED: Final = "inferfleet_load_excluded_seconds_total"
_REASONS: Final = 8
_LITTLE_SECONDS: Final = 86_400.0
"""Of a side with less data than this, it is asked whether there is some from before."""


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """The ends of whole windows in Unix seconds, `width` apart."""

    ends: Floats
    width: float

    @property
    def starts(self) -> Floats:
        return np.asarray(self.ends - self.width)

    def columns(self, times: Floats) -> Ints:
        """Return the window that each time is the end of."""
        return np.asarray(np.rint((times - self.ends[0]) / self.width), dtype=np.int64)


def fetch_fleet(
    api: PrometheusApi,
    sides: tuple[tuple[Matcher, ...], tuple[Matcher, ...]],
    models: tuple[Matcher, ...],
    span: Span,
    progress: Progress = lambda share, text: None,
    keep_labels: Sequence[str] = DEFAULT_KEEP_LABELS,
) -> Fleet:
    """Return the fleet both sides belong to; raise `QueryError` naming what failed.

    `keep_labels` are the external labels that set clusters apart.
    """
    api.start_run()
    progress(0.0, "servers")
    identities = fetch_identities(api, span, keep_labels)
    cells = fetch_cells(api, identities, sides, models, span, keep_labels)
    width = span.width or _width(len(cells.batch), span.seconds)
    if width > span.seconds:
        width = max(span.seconds, 1.0)
    grid = _grid(span, width)
    windows = _fetch_windows(api, cells, grid, progress)
    rows = windows.server, windows.time
    facts = fetch_facts(api, cells.servers, identities, span, rows, keep_labels)
    windows = replace(windows, servers=with_nodes(api, windows, span, keep_labels))
    lookups = _fetch_lookups(api, windows, grid, keep_labels)
    excluded = _fetch_excluded(api, grid, keep_labels)
    progress(1.0, "done")
    notes = cells.notes
    if width > WIDTHS[0]:
        note = f"windows of {width / 60:.0f} minutes, for the size of the fleet and the time"
        notes = (*notes, note)
    fleet = Fleet(
        windows,
        facts,
        lookups,
        excluded,
        notes,
        source=api.url,
        end=span.end,
        known=tuple(_known_labels(*identity) for identity in identities.items()),
    )
    if any(_has_little(fleet, (*matchers, *models)) for matchers in sides):
        fleet = replace(fleet, earlier=_fetch_earlier(api, span, keep_labels))
    return fleet


def _known_labels(key: IdentityKey, identity: Mapping[str, str]) -> dict[str, str]:
    (external, target), release, server_class = key
    own = {"target": target, "release": release, "class": server_class}
    return {**dict(external), **own, **identity}


def _has_little(fleet: Fleet, matchers: Sequence[Matcher]) -> bool:
    windows = fleet.windows.of_servers([match_all(matchers, labels) for labels in fleet.labels])
    return len(np.unique(windows.time)) * windows.width < _LITTLE_SECONDS


def _fetch_earlier(
    api: PrometheusApi, span: Span, keep_labels: Sequence[str]
) -> tuple[dict[str, str], ...]:
    """Return the servers from before the time, none where the API does not look back so far."""
    try:
        return fetch_earlier(api, span.start, keep_labels)
    except QueryError:
        return ()


def _width(cells: int, seconds: float) -> float:
    """Return the shortest width with which so many cells make no more rows than memory bears."""
    for width in WIDTHS:
        # a server is in about half of its cells in any one window
        if cells * seconds / width / 2 <= _MAX_ROWS:
            return width
    return WIDTHS[-1]


def _grid(span: Span, width: float) -> _Grid:
    """Return whole windows, aligned so that every run has the same ones."""
    first = np.ceil(span.start / width) * width + width
    return _Grid(np.arange(first, span.end + 1e-6, width), width)


def _fetch_windows(api: PrometheusApi, cells: Cells, grid: _Grid, progress: Progress) -> Windows:
    """Return the rows in which time was spent.

    One table of cells by windows is held at a time, and of each only the rows picked: a large
    fleet's cells are empty in most windows.
    """
    shape = len(cells.batch), len(grid.ends)
    matchers = selector(cells.servers)
    sums: dict[str, npt.NDArray[np.float32]] = {}
    rows: npt.NDArray[np.int64] | None = None
    for number, quantity in enumerate(_FETCHED):
        progress(number / (len(_FETCHED) + 1), quantity.replace("_", " "))
        table = np.full(shape, np.nan, dtype=np.float32)
        query = (
            f"sum by ({', '.join(cells.group_by)}) "
            f"(increase(inferfleet_load_{quantity}_total{matchers}[{grid.width:.0f}s]))"
        )
        for series in api.range_in_chunks(query, grid.ends, grid.width, shape[0]):
            cell = cells.number(series)
            if cell is not None:
                table[cell, grid.columns(series.times)] = series.values
        if rows is None:
            rows = np.flatnonzero(table > 0)
        values = table.ravel()[rows]
        if quantity == "seconds" or not np.isnan(values).all():
            sums[quantity] = values
        del table
    if rows is None:
        rows = np.zeros(0, dtype=np.int64)
    cell_of_row, window = np.divmod(rows, max(len(grid.ends), 1))
    return Windows(
        cells.servers,
        cells.server[cell_of_row],
        grid.ends[window] - grid.width,
        cells.batch[cell_of_row],
        grid.width,
        sums,
    )


def _fetch_lookups(
    api: PrometheusApi, windows: Windows, grid: _Grid, keep_labels: Sequence[str]
) -> Lookups | None:
    """Return prefix-cache lookups of windows in which a target worked under one release only.

    The counters of the cache have no release: a window belongs to the server whose cells are in it.
    """
    if not len(windows):
        return None
    targets: dict[TargetKey, int] = {}
    target_of_server = np.array(
        [targets.setdefault(server.target_key, len(targets)) for server in windows.servers]
    )
    grouping = ", ".join((*keep_labels, "target"))
    owner = np.full((len(targets), len(grid.ends)), -1, dtype=np.int64)
    row, column = target_of_server[windows.server], grid.columns(windows.time + grid.width)
    owner[row, column] = windows.server
    shared = owner[row, column] != windows.server
    owner[row[shared], column[shared]] = -1
    tables = []
    for name in ("queried", "hit"):
        table = np.full(owner.shape, np.nan)
        query = (
            f"sum by ({grouping}) (increase(inferfleet_prefix_cache_{name}_tokens_total"
            f'{{cache="local"}}[{grid.width:.0f}s]))'
        )
        for series in api.range_in_chunks(query, grid.ends, grid.width, len(targets)):
            target = targets.get(target_key(series.labels, keep_labels))
            if target is not None:
                table[target, grid.columns(series.times)] = series.values
        tables.append(table)
    queried, hit = tables
    valid = (owner >= 0) & (queried > 0) & np.isfinite(hit)
    if not valid.any():
        return None
    starts = np.broadcast_to(grid.starts, owner.shape)
    return Lookups(owner[valid], starts[valid], queried[valid], hit[valid])


def _fetch_excluded(
    api: PrometheusApi, grid: _Grid, keep_labels: Sequence[str]
) -> dict[ExternalLabels, dict[str, float]]:
    """Return the seconds that the exporters of each cluster left out, by reason."""
    grouping = ", ".join((*keep_labels, "reason"))
    query = f"sum by ({grouping}) (increase({_EXCLUDED}[{grid.width:.0f}s]))"
    excluded: dict[ExternalLabels, dict[str, float]] = {}
    for series in api.range_in_chunks(query, grid.ends, grid.width, _REASONS):
        seconds = float(np.nansum(series.values))
        if seconds > 0:
            reasons = excluded.setdefault(external_labels(series.labels, keep_labels), {})
            reason = series.labels.get("reason", "")
            reasons[reason] = reasons.get(reason, 0.0) + seconds
    return excluded
