"""How the two releases stand to each other in time and place, and which rows may be used.

Pure arithmetic. The data chooses the design: difference in differences where some nodes stayed on
the baseline and the upgraded ones have an earlier period; else side by side; else the same nodes
before and after, which needs a day of each, because nothing else tells the hour of the day from
the release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ..fleet.windows import Facts, Floats, Ints, Mask, Windows

Kind = Literal["difference in differences", "side by side", "before and after"]

_DAY: Final = 24.0
_CONCURRENT: Final = 7200.0
_EARLIER: Final = 6 * 3600.0
_LONG: Final = 12 * 3600.0
_MACHINES: Final = 0.02
"""Standard deviation of the speed of machines of one kind; a few of them may look more alike."""

_FLOORS: Final[dict[Kind, float]] = {
    "difference in differences": 0.004,
    "side by side": 0.004,
    "before and after": 0.010,
}
"""Standard errors no amount of data gets below: what a release compared with itself still moves.

Without concurrent controls whatever else changes on the same day is taken for the release.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """How a comparison is made. Rows are those of the windows it was made from.

    `treated` marks candidate rows, `keep` those that may be used; `node` and `block` number the
    clusters; `ever` tells of each node whether it ran the candidate. `hours` are the hours of data
    of baseline and candidate; `warm_up_seconds` what was dropped as warm-up. `fault` says what the
    design lacks and `remedy` what to do about it, both empty where nothing.
    """

    kind: Kind
    keep: Mask
    treated: Mask
    node: Ints
    nodes: tuple[str, ...]
    block: Ints
    block_seconds: float
    ever: Mask
    servers: tuple[int, int]
    hours: tuple[float, float]
    start: float
    warm_up_seconds: float
    fault: str = ""
    remedy: str = ""

    @property
    def concurrent(self) -> bool:
        """Whether both releases ran at the same time."""
        return self.kind != "before and after"

    @property
    def floor(self) -> float:
        """The standard error of the log ratio that no amount of data gets below."""
        return _FLOORS[self.kind]

    @property
    def least(self) -> float:
        """The standard error that different machines alone make; 0 where each is its own past."""
        if self.kind != "side by side" or min(self.servers) < 1:
            return 0.0
        return _MACHINES * float(np.sqrt(sum(1.0 / count for count in self.servers)))


def design(
    windows: Windows, candidate: Sequence[bool], facts: Sequence[Facts], warm_up: float
) -> Design:
    """Choose the design of the windows of one comparison; both sides have rows.

    `candidate` tells of each server of the windows whether it is the candidate's.
    """
    treated = np.asarray(candidate, dtype=bool)[windows.server]
    names = [server.node or server.target for server in windows.servers]
    nodes = tuple(sorted({names[i] for i in np.unique(windows.server)}))
    place = {name: i for i, name in enumerate(nodes)}
    node = np.array([place.get(name, -1) for name in names], dtype=np.int64)[windows.server]
    cold = _cold(windows, node, facts, warm_up)
    keep = ~cold & ~_straddling(windows, node, treated)
    ever = np.bincount(node[treated], minlength=len(nodes)) > 0
    kind, since, until = _kind(windows, node, treated & keep, ~treated & keep)
    keep &= (windows.time >= since) & (windows.time <= until)
    start = _least(windows.time[treated & keep])
    spans = _hours(windows, ~treated & keep), _hours(windows, treated & keep)
    block_seconds = max(7200.0 if spans[1] * 3600 > _LONG else 3600.0, windows.width)
    block = ((windows.time - windows.time.min()) // block_seconds).astype(np.int64)
    servers = (
        len(
            np.unique(node[~treated & keep & ((windows.time >= start) | (kind != "side by side"))])
        ),
        len(np.unique(node[treated & keep])),
    )
    fault, remedy = _fault(kind, servers, spans)
    return Design(
        kind,
        keep,
        treated,
        node,
        nodes,
        block,
        block_seconds,
        ever,
        servers,
        spans,
        start,
        _seconds(windows, cold),
        fault,
        remedy,
    )


def _kind(windows: Windows, node: Ints, ours: Mask, base: Mask) -> tuple[Kind, float, float]:
    """Return the design and the first and last time it uses."""
    always, time = (-np.inf, np.inf), windows.time
    if not ours.any() or not base.any():
        return "side by side", *always
    first, last = float(time[ours].min()), float(time[base].max())
    beside = base & (time >= first)
    upgraded = np.unique(node[ours])
    earlier = base & np.isin(node, upgraded) & (time < first)
    controls = np.unique(node[beside & ~(np.isin(node, upgraded) & (time < first))])
    shared = last - first + windows.width
    # a rollout that went through quickly leaves a day on each side, which tells more
    passed = _hours(windows, ours & (time > last)) > _hours(windows, ours & (time <= last))
    days = min(_hours(windows, earlier), _hours(windows, ours)) >= _DAY
    if passed and days:
        return "before and after", *always
    if len(controls) and len(upgraded) and shared >= min(_CONCURRENT, 12 * windows.width):
        long_enough = _hours(windows, earlier) * 3600 >= _EARLIER
        if long_enough and len(np.unique(node[earlier])) >= max(len(upgraded) // 2, 1):
            return "difference in differences", -np.inf, last
        return "side by side", first, last
    if earlier.any():
        return "before and after", *always
    return "side by side", *always


def _fault(kind: Kind, servers: tuple[int, int], hours: tuple[float, float]) -> tuple[str, str]:
    few = min(servers)
    if kind == "side by side" and servers[0] == 0:
        return (
            "the two sides ran on different servers at different times",
            "put some servers back on the baseline, or widen --window to a time when the same "
            "servers ran it",
        )
    if kind == "before and after":
        if min(hours) < _DAY:
            return (
                f"the same servers ran the baseline for {hours[0]:.1f} h and the candidate for "
                f"{hours[1]:.1f} h, never both at once, so the hour of the day cannot be told "
                "from the release",
                "wait until each has run for 24 h, or put some servers back on the baseline",
            )
        if few < 2:
            return (
                "only one server ran both releases, so its own drift cannot be told from the "
                "release",
                "compare at least two servers, better four",
            )
        return "", ""
    if few < 2:
        return (
            f"{servers[0]} server{'s' * (servers[0] != 1)} ran the baseline and {servers[1]} the "
            "candidate, so the machine cannot be told from the release",
            "compare at least two servers of each, better four",
        )
    return "", ""


def _cold(windows: Windows, node: Ints, facts: Sequence[Facts], warm_up: float) -> Mask:
    """Mark rows of servers that had just begun, by their start or by what ran there before."""
    cold = np.zeros(len(windows), dtype=bool)
    if warm_up <= 0:
        return cold
    begun = np.full(int(node.max(initial=0)) + 1, np.inf)
    np.minimum.at(begun, node, windows.time)
    for i in np.unique(windows.server):
        mine = windows.server == i
        time = windows.time[mine]
        starts = facts[i].starts
        first = float(time.min())
        if not starts and first > begun[node[mine][0]]:
            starts = (first,)
        for start in starts:
            cold[mine] |= (time + windows.width > start) & (time < start + warm_up)
    return cold


def _straddling(windows: Windows, node: Ints, treated: Mask) -> Mask:
    """Mark windows in which one node worked under both releases."""
    step = ((windows.time - windows.time.min()) / windows.width).round().astype(np.int64)
    key = node * (int(step.max(initial=0)) + 1) + step
    both = np.intersect1d(key[treated], key[~treated])
    return np.isin(key, both)


def _hours(windows: Windows, mask: Mask) -> float:
    """Return for how many hours of the clock some row of the mask has data."""
    return len(np.unique(windows.time[mask])) * windows.width / 3600.0


def _least(values: Floats) -> float:
    return float(values.min()) if len(values) else float("inf")


def _seconds(windows: Windows, mask: Mask) -> float:
    found = windows.column("seconds")[mask]
    return float(np.nansum(found))
