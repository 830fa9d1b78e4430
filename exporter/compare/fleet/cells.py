"""The cells of the servers that two sides are chosen from, and how their series are selected."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...engines.catalog import version_of
from .answer import Series
from .api import PrometheusApi
from .arrays import Floats, Ints
from .matchers import Matcher, match_all
from .servers import IdentityKey, identity_key
from .span import Span
from .windows import ServerKey, parse_batch

CELL: Final = ("target", "engine", "release", "model", "gpu_model", "class", "batch")
_GROUP_BY: Final = ("target", "release", "class", "batch")
"""What distinguishes cells; the class stands for model and GPU, the target for its engine."""

_SCRAPED: Final = frozenset(
    (
        *("__name__", "job", "instance", "namespace", "pod", "node", "container", "endpoint"),
        *("service", "engine_index", "prometheus", "prometheus_replica"),
    )
)
"""Labels by which copies of a server's series differ where several scrape or watch it."""

_MAX_MATCHED_VALUES: Final = 20
ENOUGH_SERVERS: Final = 24
"""Servers that show by themselves how far servers differ: with fewer, others are asked for too."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of both sides' servers: `server` and `batch` by cell, and each cell's number.

    `group_by` are the labels whose values are the numbers' keys; `notes` are for the report.
    """

    group_by: tuple[str, ...]
    servers: tuple[ServerKey, ...]
    numbers: Mapping[tuple[str, ...], int]
    server: Ints
    batch: Floats
    notes: tuple[str, ...]

    def number(self, series: Series) -> int | None:
        """Return the cell that a series grouped by `group_by` is of, None for another's."""
        return self.numbers.get(tuple(series.labels.get(name, "") for name in self.group_by))


def fetch_cells(
    api: PrometheusApi,
    identities: Mapping[IdentityKey, Mapping[str, str]],
    sides: tuple[tuple[Matcher, ...], tuple[Matcher, ...]],
    models: tuple[Matcher, ...],
    span: Span,
    keep_labels: Sequence[str],
) -> Cells:
    """Return the cells of the servers that a side's matchers choose, in the order of labels.

    Where they are few, those of other servers of the same models and GPUs are among them.
    """
    names, keys = (*keep_labels, *CELL), set[tuple[str, ...]]()
    others = set[tuple[str, ...]]()
    group_by = *keep_labels, *_GROUP_BY
    copies: dict[tuple[str, ...], dict[str, set[str]]] = {}
    for labels in api.series("inferfleet_load_seconds_total", span.start, span.end):
        # what Prometheus adds is the exporter's, not the server's
        cell = {name: labels.get(name, "") for name in names}
        # a release without an identity yet may still be a version
        version = {"version": cell["release"]} if version_of(cell["release"]) else {}
        known = {**version, **identities.get(identity_key(cell, keep_labels), {}), **cell}
        either = match_all(sides[0], known) or match_all(sides[1], known)
        if either and match_all(models, known):
            keys.add(tuple(cell.values()))
            copy = *(cell[name] for name in group_by), labels.get("engine_index", "")
            for name in labels.keys() - _SCRAPED - cell.keys():
                copies.setdefault(copy, {}).setdefault(name, set()).add(labels[name])
        else:
            others.add(tuple(cell.values()))
    keys |= _others_alike(keys, others, keep_labels)
    servers: dict[tuple[str, ...], int] = {}
    numbers: dict[tuple[str, ...], int] = {}
    cell_server, batches = list[int](), list[float]()
    for key in sorted(keys):
        batch = parse_batch(key[-1])
        if np.isnan(batch):
            continue
        numbers[tuple(key[names.index(name)] for name in group_by)] = len(batches)
        cell_server.append(servers.setdefault(key[:-1], len(servers)))
        batches.append(batch)
    return Cells(
        group_by,
        tuple(_server(key, keep_labels) for key in servers),
        numbers,
        np.array(cell_server, dtype=np.int64),
        np.array(batches),
        _ambiguities(copies),
    )


def _others_alike(
    keys: Set[tuple[str, ...]], others: Set[tuple[str, ...]], keep_labels: Sequence[str]
) -> set[tuple[str, ...]]:
    """Return the cells of other servers that show how servers of the chosen models differ.

    Whole releases are taken, those of the fewest servers first, until there are enough: a query
    selects by release.
    """
    chosen = {_server(key[:-1], keep_labels) for key in keys}
    alike = {server.model_and_gpu for server in chosen}
    groups: dict[tuple[str, ...], dict[ServerKey, list[tuple[str, ...]]]] = {}
    for key in sorted(others):
        server = _server(key[:-1], keep_labels)
        if server.model_and_gpu in alike:
            group = server.model, server.gpu_model, server.release, server.server_class
            groups.setdefault(group, {}).setdefault(server, []).append(key)
    count, added = len(chosen), set[tuple[str, ...]]()
    for servers in sorted(groups.values(), key=len):
        if 1 < len(servers) <= ENOUGH_SERVERS and count < ENOUGH_SERVERS:
            count += len(servers)
            added.update(key for cells in servers.values() for key in cells)
    return added


def _server(values: tuple[str, ...], keep_labels: Sequence[str]) -> ServerKey:
    """Return a server from the values of `keep_labels` and of its cells' labels but the batch."""
    count = len(keep_labels)
    target, engine, release, model, gpu_model, server_class = values[count:]
    clusters = tuple(zip(keep_labels, values[:count], strict=True))
    return ServerKey(
        target, engine, release, model, gpu_model, server_class, external_labels=clusters
    )


def _ambiguities(copies: Mapping[tuple[str, ...], Mapping[str, set[str]]]) -> tuple[str, ...]:
    """Return a note where series that are taken for copies differ in a label nobody named."""
    names = {
        name for labels in copies.values() for name, values in labels.items() if len(values) > 1
    }
    if not names:
        return ()
    listed = ", ".join(sorted(names))
    return (
        f"servers of one name have series that differ in {listed} and are taken for one server: "
        "where that sets clusters apart, name it with --keep-label",
    )


def selector(servers: Sequence[ServerKey]) -> str:
    """Return matchers that keep what belongs to no side out of the answers."""
    parts = []
    values_of: dict[str, set[str]] = {}
    for server in servers:
        for label, value in (
            *server.external_labels,
            ("release", server.release),
            ("model", server.model),
        ):
            values_of.setdefault(label, set()).add(value)
    for label, values in values_of.items():
        if 0 < len(values) <= _MAX_MATCHED_VALUES:
            parts.append(one_of(label, values))
    return "{" + ",".join(parts) + "}"


def one_of(label: str, values: Iterable[str]) -> str:
    """Return the matcher for a label that has one of some values."""
    pattern = "|".join(_quoted(value) for value in sorted(values))
    return f'{label}=~"{pattern}"'


def _quoted(value: str) -> str:
    escaped = "".join(f"\\{c}" if c in r"\.+*?()|[]{}^$" else c for c in value)
    return escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
