"""The fleet as tables that fit the terminal: it may lack columns, but no number is cut."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Final, Literal

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from ...derive.figure import Figure
from ...derive.figures import BY_NAME
from ...publish.figures import UNKNOWN, Json, number_text, unit_text

_MAX_HEAD: Final = 9
_MAX_NAME: Final = 28
_MIN_NAME: Final = 6

_SERVER_FIGURES: Final = (
    "generation_tokens_per_second_per_gpu",
    "prompt_tokens_per_second_per_gpu",
    "time_to_first_token_mean_seconds",
    "inter_token_latency_mean_seconds",
    "batch_occupancy_ratio",
    "kv_cache_usage_mean_ratio",
    "requests_queued_mean",
    "prefix_cache_hit_ratio",
)
_RELEASE_FIGURES: Final = (
    "generation_tokens_per_second",
    "generation_tokens_per_second_per_gpu",
    "time_to_first_token_mean_seconds",
    "inter_token_latency_mean_seconds",
    "batch_occupancy_ratio",
)
_KEPT_OF_SERVERS: Final = (
    "name",
    "generation_tokens_per_second_per_gpu",
    "release",
    "runner",
    "inter_token_latency_mean_seconds",
    "time_to_first_token_mean_seconds",
    "state",
    "batch_occupancy_ratio",
    "requests_queued_mean",
    "model",
)
"""Columns that stay longest where there is little room, the first longest; then any other."""

_KEPT_OF_RELEASES: Final = (
    "name",
    "generation_tokens_per_second_per_gpu",
    "model",
    "inter_token_latency_mean_seconds",
    "time_to_first_token_mean_seconds",
    "servers",
)
"""The same for a table of releases."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: `key` says how long it stays, `cells` are whole texts."""

    key: str
    head: str
    cells: Sequence[str]
    justify: Literal["left", "right"] = "left"

    @property
    def width(self) -> int:
        """Cells of the terminal that the widest text takes; a name may be cut to fewer."""
        lines = (*self.head.split("\n"), *self.cells)
        longest = max(map(cell_len, lines))
        return min(longest, _MAX_NAME) if self.justify == "left" else longest


def server_table(fleet: Json, width: int) -> Table:
    """Return the servers of a fleet report as a table at most `width` characters wide."""
    servers = _mappings(fleet["servers"])
    columns = [
        _Column("name", "server", [str(server["target"]) for server in servers]),
        _Column("release", "release", [_identity(server, "release") for server in servers]),
        _Column("runner", "runner", [_identity(server, "runner") for server in servers]),
        _Column("model", "model", [_identity(server, "model") for server in servers]),
        *(_figure_column(BY_NAME[name], servers) for name in _SERVER_FIGURES),
        _Column("state", BY_NAME["bound"].title, [_state(server) for server in servers]),
    ]
    title = f"servers, means over {fleet['window_seconds']:g} s (- is unknown)"
    return _fitted(title, columns, _KEPT_OF_SERVERS, width)


def release_table(fleet: Json, width: int) -> Table:
    """Return the releases of a fleet report as a table at most `width` characters wide."""
    releases = _mappings(fleet["releases"])
    columns = [
        _Column("name", "release", [_release_name(release) for release in releases]),
        _Column("model", "model", [str(row.get("model") or UNKNOWN) for row in releases]),
        _Column("servers", "servers", [str(row["servers"]) for row in releases], "right"),
        *(_figure_column(BY_NAME[name], releases) for name in _RELEASE_FIGURES),
    ]
    return _fitted("releases, each under a load of its own", columns, _KEPT_OF_RELEASES, width)


def all_run(fleet: Json, servers: Sequence[str], runner: str) -> bool:
    """Whether all of these servers of a fleet report are up with a model runner."""
    up = {server["target"]: server for server in _mappings(fleet["servers"]) if server["up"]}
    return all(name in up and _identity(up[name], "runner") == runner for name in servers)


def _fitted(title: str, columns: Sequence[_Column], required: Sequence[str], width: int) -> Table:
    """Return a table of as many columns as fit, with names cut where even the first few do not."""
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0,
        pad_edge=False,
    )
    chosen = _chosen(columns, required, width)
    for column in columns:
        if column.key in chosen:
            table.add_column(
                column.head,
                justify=column.justify,
                no_wrap=True,
                max_width=chosen[column.key],
                min_width=chosen[column.key],
            )
    for i in range(len(columns[0].cells)):
        # what a server calls itself is no markup
        table.add_row(*(Text(column.cells[i]) for column in columns if column.key in chosen))
    return table


def _chosen(columns: Sequence[_Column], required: Sequence[str], width: int) -> Mapping[str, int]:
    """Return the columns that fit, by key, and the width of each."""
    rank = {key: i for i, key in enumerate(required)}
    order = sorted(columns, key=lambda column: rank.get(column.key, len(rank)))
    chosen: dict[str, int] = {}
    used = 0
    for column in order:
        wide = column.width
        if used + wide + bool(chosen) > width:
            room = width - used - bool(chosen)
            # a name may be cut, a number never
            if column.key in ("name", "model") and room >= _MIN_NAME:
                wide = room
            else:
                continue
        used += wide + bool(chosen)
        chosen[column.key] = wide
        if len(chosen) == 1:
            # room for the first number beside however long a name
            needed = order[1].width + 1
            if used + needed > width:
                chosen[column.key] = used = max(width - needed, _MIN_NAME)
    return chosen


def _figure_column(figure: Figure, rows: Iterable[Mapping[str, object]]) -> _Column:
    unit = unit_text(figure) if "/" in figure.unit else ""
    head = "\n".join(filter(None, (*wrap(figure.title, _MAX_HEAD), unit)))
    main = figure.name == "generation_tokens_per_second_per_gpu"
    cells = ["down" if main and row.get("up") is False else _cell(figure, row) for row in rows]
    return _Column(figure.name, head, cells, "right")


def _cell(figure: Figure, row: Mapping[str, object]) -> str:
    """Return a figure's text; of a cache's ratios that of the local one."""
    value = row.get(figure.name)
    text = number_text(figure, value.get("local") if isinstance(value, dict) else value)
    return "-" if text == UNKNOWN else text


def _identity(server: Mapping[str, object], name: str) -> str:
    """Return a fact about a server; one known of the process before stands in brackets."""
    fact = _mapping(_mapping(server.get("facts")).get(name)).get("value")
    known = server.get(name) or fact
    if known:
        return str(known)
    last = _mapping(server.get("last_known")).get(name)
    return f"({last})" if last else "-"


def _state(server: Mapping[str, object]) -> str:
    if server["up"]:
        return number_text(BY_NAME["bound"], server.get("bound")).replace(UNKNOWN, "-")
    return "new" if server.get("loading") else f"down: {server.get('error_reason') or UNKNOWN}"


def _release_name(release: Mapping[str, object]) -> str:
    name = str(release.get("release") or release.get("version") or UNKNOWN)
    runner = release.get("runner")
    return f"{name} runner {runner}" if runner else name


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> Sequence[Mapping[str, object]]:
    return [_mapping(item) for item in value] if isinstance(value, list) else ()
