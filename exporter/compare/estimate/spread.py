"""How much servers of one model and GPU differ in speed at equal load, learnt beside a comparison.

Pure arithmetic. Side by side no server has a past: what the machines differ by is in the effect,
and the compared ones are few. Servers of the same model and GPU that run another release, or that
ran before, show it as well. A level is known within a release alone, so a group of n servers that
ran at the same times has n - 1 degrees of freedom. A node counts once: the compared ones show what
they differ by themselves. Where all of them ran one release before, each has its own level under
it, and nothing need be known of their spread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...vocabulary.verdict import Measure
from ..fleet.arrays import Floats, Ints, Mask
from ..fleet.cells import ENOUGH_SERVERS
from ..fleet.windows import ServerFacts, ServerKey, Windows
from ..statistics.effect import Variance
from ..statistics.regression import Regression, node_levels
from . import observations
from .curve import fit, huber_weights
from .matching import LoadRows, match_range
from .observations import Observations

MIN_EARLIER_SECONDS: Final = 6 * 3600.0
"""Data under an earlier release from which a node's own level is known."""
_MEASURES: Final[tuple[Measure, ...]] = ("decode", "prefill", "energy")
_ROWS_PER_COEFFICIENT: Final = 2
_LEAST_SHARE: Final = 0.25
"""Data of a server that counts, over the median of its group."""
_BLOCK_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True, eq=False)
class OtherServers:
    """Windows that are not compared, warm-up left out.

    `nodes` names each server's node, `group` numbers its release.
    """

    windows: Windows
    nodes: tuple[str, ...]
    group: Ints

    @property
    def node(self) -> Ints:
        """The number of each server's node."""
        return _numbers(self.nodes)


@dataclass(frozen=True, slots=True)
class LearntSpread:
    """The variance of the log speed between servers, and the servers and releases it is from."""

    variance: Variance
    servers: int
    releases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PastLevels:
    """The log speed that each compared node had under a release that all of them ran before."""

    levels: Mapping[str, float]
    release: str


@dataclass(frozen=True, slots=True)
class NodeKnowledge:
    """What data that is not compared tells of the compared nodes: their levels, or their spread."""

    past: PastLevels | None = None
    spread: LearntSpread | None = None


NOTHING_LEARNT: Final = NodeKnowledge()


def servers_beside(
    servers: Sequence[ServerKey],
    names: Sequence[str],
    either: Sequence[bool],
    compared: Sequence[str],
) -> tuple[list[bool], list[bool]]:
    """Return which servers tell how the compared nodes differ: those elsewhere, those before.

    All are of the compared models and GPUs. `names` are the servers' nodes, `either` marks those of
    the two sides. Before are other releases of a compared class on the compared nodes.
    """
    chosen = [server for server, side in zip(servers, either, strict=True) if side]
    models = {server.model_and_gpu for server in chosen}
    classes = {server.server_class for server in chosen}
    alike = [server.model_and_gpu in models for server in servers]
    before = [
        is_alike and name in compared and not side and server.server_class in classes
        for server, name, side, is_alike in zip(servers, names, either, alike, strict=True)
    ]
    # some tell as much as all, and a fleet may have a thousand of them; those of one class first
    order = sorted(
        (server.server_class not in classes, server.release, name)
        for server, name, is_alike in zip(servers, names, alike, strict=True)
        if is_alike and name not in compared
    )
    nodes = list(dict.fromkeys(name for *_, name in order))
    enough = set(nodes[: max(ENOUGH_SERVERS - len(compared), 0)])
    return [
        is_alike and name in enough for name, is_alike in zip(names, alike, strict=True)
    ], before


def other_servers(
    windows: Windows,
    nodes: Sequence[str],
    selected: Sequence[bool],
    facts: Sequence[ServerFacts],
    warm_up: float,
) -> OtherServers | None:
    """Return the selected servers, None where they have no windows.

    `nodes` and `facts` are those of the windows' servers; `warm_up` is how long after a start no
    row is used, in seconds.
    """
    rows = np.asarray(selected, dtype=bool)[windows.server]
    for i, known in enumerate(facts):
        for start in known.starts if selected[i] else ():
            age = windows.time + windows.width - start
            rows &= ~((windows.server == i) & (age > 0) & (age <= warm_up + windows.width))
    if not rows.any():
        return None
    groups = [
        (server.cluster, server.engine, server.release, server.server_class)
        for server in windows.servers
    ]
    return OtherServers(windows.where(rows), tuple(nodes), _numbers(groups))


def learn_spread(observed: Observations, others: OtherServers) -> LearntSpread | None:
    """Return what other servers differ by in a measure; None where no two ran at the same times.

    `observed` are the observations of their windows.
    """
    windows = others.windows
    server, time = windows.server[observed.rows], windows.time[observed.rows]
    squares, degrees, nodes, releases = 0.0, 0, set[int](), set[str]()
    for group in _largest_first(others.group[server]):
        # a node that several releases had counts with the one that has most of the data
        member = (others.group[server] == group) & ~np.isin(
            others.node[server], np.fromiter(nodes, np.int64, len(nodes))
        )
        levels = _levels(observed, member, others.node[server], time)
        if not levels:
            continue
        nodes.update(node for component in levels for node in component)
        releases.update(windows.servers[i].release for i in np.unique(server[member]))
        for component in levels:
            values = np.array(list(component.values()))
            squares += float(((values - values.mean()) ** 2).sum())
            degrees += len(values) - 1
    if not degrees:
        return None
    return LearntSpread(
        Variance(squares / degrees, float(degrees)), len(nodes), tuple(sorted(releases))
    )


def common_levels(
    observed: Observations, past: OtherServers, nodes: Sequence[str]
) -> PastLevels | None:
    """Return the levels of nodes under a release that all of them ran; None where there is none.

    `observed` are the observations of the windows of `past`.
    """
    windows = past.windows
    server, time = windows.server[observed.rows], windows.time[observed.rows]
    number = dict(zip(past.nodes, past.node.tolist(), strict=True))
    for group in _largest_first(past.group[server]):
        member = past.group[server] == group
        if len(np.unique(time[member])) * windows.width < MIN_EARLIER_SECONDS:
            continue
        for component in _levels(observed, member, past.node[server], time):
            if all(number.get(node) in component for node in nodes):
                levels = {node: component[number[node]] for node in nodes}
                return PastLevels(levels, windows.servers[server[member][0]].release)
    return None


def learn_nodes(
    others: OtherServers | None, past: OtherServers | None, nodes: Sequence[str]
) -> dict[Measure, NodeKnowledge]:
    """Return what is known of how the compared nodes differ, for each measure of speed.

    `others` are servers on other nodes, `past` those of other releases on the compared `nodes`.
    """
    in_past, elsewhere = (_by_measure(servers) for servers in (past, others))
    known = dict[Measure, NodeKnowledge]()
    for measure in _MEASURES:
        levels = spread = None
        if past is not None:
            levels = common_levels(in_past[measure], past, nodes)
        if others is not None and levels is None:
            spread = learn_spread(elsewhere[measure], others)
        known[measure] = NodeKnowledge(levels, spread)
    return known


def _by_measure(servers: OtherServers | None) -> dict[Measure, Observations]:
    if servers is None:
        return {}
    windows = servers.windows
    return {
        "decode": observations.decode(windows),
        "prefill": observations.prefill(windows),
        "energy": observations.energy(windows),
    }


def _largest_first(group: Ints) -> list[int]:
    numbers, counts = np.unique(group, return_counts=True)
    return [int(number) for number in numbers[np.argsort(-counts, kind="stable")]]


def _levels(
    observed: Observations, member: Mask, node: Ints, time: Floats
) -> list[Mapping[int, float]]:
    """Return the log speeds of a group's nodes, those together that ran at the same times."""
    own = observed.where(member)
    cell = np.floor(2.0 * np.log2(own.x)).astype(np.int64)
    coefficients = len(np.unique(cell)) + own.covariates.shape[1]
    if len(own.x) < _ROWS_PER_COEFFICIENT * coefficients or len(np.unique(node[member])) < 2:
        return []
    cell -= cell.min()
    curve = fit(own.x, own.covariates, own.time, own.weight)
    expected = curve.at(own.x, own.covariates)
    load = LoadRows(own.loads, cell, own.weight, own.work, np.zeros(len(cell), dtype=bool))
    weight = np.where(expected > 0, match_range(load).weight, 0.0)
    y = np.log(np.where(expected > 0, expected, own.time) / own.time)
    names, number = np.unique(node[member], return_inverse=True)
    data = np.bincount(number, weight, len(names))
    weight = np.where((data >= _LEAST_SHARE * np.median(data))[number], weight, 0.0)
    weight = weight * huber_weights(y, weight)
    used = weight > 0
    if not used.any():
        return []
    names, number = np.unique(node[member][used], return_inverse=True)
    block = ((time[member][used] - time.min()) // _BLOCK_SECONDS).astype(np.int64)
    regression = Regression(
        y[used],
        weight[used],
        np.zeros(int(used.sum())),
        number,
        block,
        np.zeros(len(names), dtype=bool),
        node_effects=True,
        time_effects=True,
    )
    level, component = node_levels(regression), _components(number, block)
    return [
        {int(names[i]): float(level[i]) for i in np.flatnonzero(component == each)}
        for each in np.unique(component)
        if (component == each).sum() > 1
    ]


def _components(node: Ints, block: Ints) -> Ints:
    """Return for each node a number that those share which are linked by common time blocks."""
    label = np.arange(int(node.max()) + 1)
    while True:
        of_block = np.full(int(block.max()) + 1, len(label))
        np.minimum.at(of_block, block, label[node])
        linked = label.copy()
        np.minimum.at(linked, node, of_block[block])
        if (linked == label).all():
            return label
        label = linked


def _numbers(keys: Sequence[object]) -> Ints:
    number: dict[object, int] = {}
    return np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)
