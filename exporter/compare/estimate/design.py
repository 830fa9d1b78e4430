"""How the two releases stand to each other in time and place, and which rows may be used.

A place is a server's node; where pods were renamed and their places cannot be matched, the machine.

Pure arithmetic. The data chooses the design: a crossover where the releases were exchanged between
nodes; difference in differences where some nodes stayed on a release and those that changed to the
other have an earlier period; else side by side; else the same nodes before and after, which needs a
day of each, because nothing else tells the hour of the day from the release.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from ...vocabulary.verdict import Design as Kind
from ...vocabulary.verdict import Reason
from ..fleet.arrays import Floats, Ints, Mask
from ..fleet.windows import ServerFacts, Windows
from ..statistics.effect import Variance
from .blocker import DAY_HOURS, Blocker, Rows, explain, is_running, required_overlap
from .crossover import candidate_first
from .spread import MIN_EARLIER_SECONDS, NOTHING_LEARNT, NodeKnowledge
from .warm_up import NO_START, Settling, learn_warm_up

Unit = Literal["server", "machine"]

_LONG_SECONDS: Final = 12 * 3600.0
_MACHINES: Final = Variance(0.02**2, 2.0)
"""What is known beforehand of the variance of the speed of machines of one kind.

As a scaled inverse chi-squared with 2 degrees of freedom it has the standard deviation between 1.2
and 8.8 % with a probability of 90 %. Recorded pairs of servers set up alike on one host differed by
1.1 % (dense) and 6.3 % (mixture of experts) of a short run.
"""

MACHINES_IN_ENERGY: Final = Variance(0.04**2, 2.0)
"""The same for energy: machines of one kind differ by the power they take too. An assumption."""

_SHIFTS: Final = Variance(0.01**2, 2.0)
"""The same for what a restart changes on one machine, beside the release.

The load cells of recorded pairs of servers set up alike differed by 0.3 to 1.2 % in decoding.
"""

_MINIMUM_STDERR: Final[dict[Kind, float]] = {
    "crossover": 0.004,
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

    `treated` marks candidate rows, `keep` those that may be used, `young` those within the longest
    warm-up after a start, `reference` those of the baseline that its curve is fitted on, earlier
    ones among them; `node` and `block` number the clusters;
    `treated_arm` holds of each node whether it ran the candidate, in a crossover whether it ran it
    first, and where servers were put back whether it was. `servers` and `hours` count those with
    data, of baseline and candidate; `unit` says what a node is; `candidate_start` is the
    candidate's first window (Unix seconds); `warm_up_seconds`
    what was dropped as warm-up, and `settling` how baseline and candidate settled. `fault` says
    what the design lacks, `reason_code` the same in a word and `remedy` what to do about it, empty
    or None where nothing; `mix_stderr` is the standard error that other requests leave;
    `ready_at` is up to when data can be enough (Unix seconds), None where unknown. `growing` is
    whether the candidate still runs; `learnt` is what other data show of how nodes differ,
    `machines` what is taken for it beforehand.
    """

    kind: Kind
    keep: Mask
    young: Mask
    reference: Mask
    treated: Mask
    node: Ints
    nodes: tuple[str, ...]
    block: Ints
    block_seconds: float
    treated_arm: Mask
    servers: tuple[int, int]
    hours: tuple[float, float]
    candidate_start: float
    warm_up_seconds: float
    settling: tuple[Settling, Settling] = (NO_START, NO_START)
    fault: str = ""
    remedy: str = ""
    ready_at: float | None = None
    growing: bool = True
    unit: Unit = "server"
    mix_stderr: float = 0.0
    reason_code: Reason | None = None
    learnt: NodeKnowledge = NOTHING_LEARNT
    machines: Variance = _MACHINES

    @property
    def concurrent(self) -> bool:
        """Whether both releases ran at the same time."""
        return self.kind != "before and after"

    @property
    def node_effects(self) -> bool:
        """Whether each node is compared with its own past.

        Side by side no node has one: an effect of each node would take the release's with it.
        """
        return self.kind != "side by side"

    @property
    def minimum_stderr(self) -> float:
        """The standard error of the log ratio that no amount of data gets below."""
        return float(np.hypot(_MINIMUM_STDERR[self.kind], self.mix_stderr))

    def spread_over(self, amplification: float) -> Variance | None:
        """Return the spread in units of an outcome that changes so many times as much as speed.

        Machines differ by their speed, and the outcome by that many times as much. What is taken
        for starts lies at the upper end of what was recorded of speed, and holds for both.
        """
        spread = self.spread
        if spread is None or not self.has_past:
            return spread
        return Variance(spread.value / amplification**2, spread.degrees_of_freedom)

    @property
    def spread(self) -> Variance | None:
        """The variance of an effect that nodes make, as far as it is known beforehand.

        A few nodes that happen to be alike would seem to rule out what nodes are known to differ
        by: so it counts beside what they show. None where a side has no node.
        """
        known, learnt = self.assumed, self.learnt_machines
        if learnt is not None:
            known = known.pooled(learnt)
        factor = self.node_factor
        return Variance(factor * known.value, known.degrees_of_freedom) if factor else None

    @property
    def levels(self) -> Floats:
        """What is taken off each node's log speed: its level under a release before, or nothing."""
        past = self.learnt.past
        return np.array([past.levels.get(name, 0.0) if past else 0.0 for name in self.nodes])

    @property
    def assumed(self) -> Variance:
        """What is taken for the variance between nodes before any server is looked at."""
        return _SHIFTS if self.has_past else self.machines

    @property
    def has_past(self) -> bool:
        """Whether each node is set against its own past, under these releases or another one."""
        return self.node_effects or self.learnt.past is not None

    @property
    def learnt_machines(self) -> Variance | None:
        """What other servers show of the variance between machines, None where it is no use.

        They may differ in another way than those compared, and speak no louder than these do.
        """
        # what a start changes on one machine is not what machines differ by
        if self.has_past or self.learnt.spread is None:
            return None
        known = self.learnt.spread.variance
        compared = max(sum(self.arms) - 2.0, 1.0)
        return Variance(known.value, min(known.degrees_of_freedom, compared))

    @property
    def node_factor(self) -> float:
        """The variance of an effect over the one between nodes, 0 where a side has no node."""
        if min(self.arms) < 1:
            return 0.0
        # half of the difference between what the two orders show is the effect
        return sum(1.0 / n for n in self.arms) * (0.25 if self.kind == "crossover" else 1.0)

    @property
    def arms(self) -> tuple[int, ...]:
        """How many nodes got the candidate, or got it first, and how many others there are."""
        nodes = np.unique(self.node[self.keep])
        upgraded = int(self.treated_arm[nodes].sum())
        return (upgraded,) if self.kind == "before and after" else (upgraded, len(nodes) - upgraded)

    def with_warm_caches(self) -> "Design":
        """Return the design without rows in which a started server's caches may still fill."""
        return replace(self, keep=self.keep & ~self.young)

    @property
    def shared_stderr(self) -> float:
        """The standard error that stays as it is however long the servers are watched."""
        between = self.spread.value if self.spread else 0.0
        return float(np.sqrt(self.minimum_stderr**2 + between))

    def per_window(self, windows: Windows) -> "Design":
        """Return the design of the collapsed windows: each has what its first row had."""
        first = windows.first_rows()
        return replace(
            self,
            keep=self.keep[first],
            young=self.young[first],
            reference=self.reference[first],
            treated=self.treated[first],
            node=self.node[first],
            block=self.block[first],
        )


def choose_design(
    windows: Windows,
    candidate: Sequence[bool],
    facts: Sequence[ServerFacts],
    warm_up: float,
    *,
    end: float | None = None,
    can_widen: bool = False,
) -> Design:
    """Return the design that the windows of one comparison allow; both sides have rows.

    `candidate` holds of each server of the windows whether it is the candidate's; `warm_up` is how
    long after its start a server is not used at most, in seconds; `end` is the end of the time
    looked at (Unix seconds), by default that of the windows, and `can_widen` whether there is data
    of the baseline before that time.
    """
    if end is None:
        end = float(windows.time.max()) + windows.width
    places = [server.node_name for server in windows.servers]
    design = _design(windows, places, candidate, facts, warm_up, end, can_widen)
    present = set(windows.server.tolist())
    machines = [server.machine for server in windows.servers]
    if design.fault and all(machines[i] for i in present):
        # what ran on a machine before and after is known where what ran in a place of it is not
        by_machine = _design(windows, machines, candidate, facts, warm_up, end, can_widen)
        if not by_machine.fault:
            return replace(by_machine, unit="machine")
    return design


def _design(
    windows: Windows,
    names: Sequence[str],
    candidate: Sequence[bool],
    facts: Sequence[ServerFacts],
    warm_up: float,
    end: float,
    can_widen: bool,
) -> Design:
    """Return the design with the nodes that `names` give each server."""
    treated = np.asarray(candidate, dtype=bool)[windows.server]
    nodes = tuple(sorted({names[i] for i in np.unique(windows.server)}))
    number = {name: i for i, name in enumerate(nodes)}
    node = np.array([number.get(name, -1) for name in names], dtype=np.int64)[windows.server]
    learnt = learn_warm_up(windows, treated, node, facts, warm_up)
    cold = learnt.cold
    keep = ~cold & ~_straddling(windows, node, treated)
    treated_arm = np.bincount(node[treated], minlength=len(nodes)) > 0
    reference = ~treated & keep
    exchanged = candidate_first(windows, node, treated & keep, reference)
    kind: Kind
    if exchanged is not None:
        kind, first, last, treated_arm = "crossover", -np.inf, np.inf, exchanged
    else:
        kind, first, last = _kind(windows, node, treated & keep, reference)
        if kind == "side by side":
            # put back on the baseline, a server has its past under the candidate
            mirrored, *span = _kind(windows, node, reference, treated & keep)
            if mirrored == "difference in differences":
                kind, (first, last) = mirrored, span
                treated_arm = np.bincount(node[reference], minlength=len(nodes)) > 0
    keep &= (windows.time >= first) & (windows.time <= last)
    start = _earliest(windows.time[treated & keep])
    hours = _hours(windows, ~treated & keep), _hours(windows, treated & keep)
    # Blocks are the clusters in time: long enough that neighbours are nearly independent, and many
    # enough to estimate a variance from.
    block_seconds = max(7200.0 if hours[1] * 3600 > _LONG_SECONDS else 3600.0, windows.width)
    block = ((windows.time - windows.time.min()) // block_seconds).astype(np.int64)
    # side by side, a baseline server that had gone before the candidate came is no control
    controls = ~treated & keep & ((windows.time >= start) | (kind != "side by side"))
    servers = len(np.unique(node[controls])), len(np.unique(node[treated & keep]))
    rows = Rows(windows, treated, keep, learnt, node, end, warm_up)
    blocker = Blocker()
    if _lacks(kind, servers, hours):
        blocker = _blocker(kind, rows, hours, can_widen)
    return Design(
        kind,
        keep,
        learnt.young,
        reference,
        treated,
        node,
        nodes,
        block,
        block_seconds,
        treated_arm,
        servers,
        hours,
        start,
        _seconds(windows, cold),
        learnt.settling,
        blocker.fault,
        blocker.remedy,
        blocker.ready_at,
        is_running(rows, candidate=True),
        reason_code=blocker.reason_code,
    )


def _kind(
    windows: Windows, node: Ints, candidate: Mask, baseline: Mask
) -> tuple[Kind, float, float]:
    """Return the design and the first and last window start that it uses."""
    always, time = (-np.inf, np.inf), windows.time
    if not candidate.any() or not baseline.any():
        return "side by side", *always
    first, last = float(time[candidate].min()), float(time[baseline].max())
    concurrent = baseline & (time >= first)
    upgraded = np.unique(node[candidate])
    earlier = baseline & np.isin(node, upgraded) & (time < first)
    controls = np.unique(node[concurrent & ~(np.isin(node, upgraded) & (time < first))])
    # after a candidate that went back there is nothing to be beside
    shared = min(last, float(time[candidate].max())) - first + windows.width
    # a rollout that went through quickly leaves a day on each side, which tells more
    after_rollout = _hours(windows, candidate & (time > last))
    completed = after_rollout > _hours(windows, candidate & (time <= last))
    days = min(_hours(windows, earlier), _hours(windows, candidate)) >= DAY_HOURS
    if completed and days:
        return "before and after", *always
    enough = shared >= required_overlap(windows.width)
    if len(controls) and len(upgraded) and enough:
        long_enough = _hours(windows, earlier) * 3600 >= MIN_EARLIER_SECONDS
        # most upgraded nodes need a past, or the effect is that of other machines
        if long_enough and len(np.unique(node[earlier])) >= max(len(upgraded) // 2, 1):
            return "difference in differences", -np.inf, last
        return "side by side", first, last
    if earlier.any():
        return "before and after", *always
    return "side by side", *always


def _lacks(kind: Kind, servers: tuple[int, int], hours: tuple[float, float]) -> bool:
    """Whether the design has too little of either side."""
    return min(servers) < 2 or (kind == "before and after" and min(hours) < DAY_HOURS)


def _blocker(kind: Kind, rows: Rows, hours: tuple[float, float], can_widen: bool) -> Blocker:
    """Return what the design lacks."""
    upgraded = np.unique(rows.node[rows.treated])
    earlier = bool(np.isin(rows.node[~rows.treated], upgraded).any())
    if kind == "before and after" and min(hours) >= DAY_HOURS:
        return Blocker(
            "only one server ran both releases, so its own drift cannot be told from the release",
            "compare at least two servers, better four",
            "servers",
        )
    return explain(rows, earlier, can_widen)


def _straddling(windows: Windows, node: Ints, treated: Mask) -> Mask:
    """Mark windows in which one node worked under both releases.

    Prometheus extrapolates the increase of a series that begins or ends within a window, and a
    start in its middle shares the window's traffic between both: neither release's part is known.
    """
    step = ((windows.time - windows.time.min()) / windows.width).round().astype(np.int64)
    key = node * (int(step.max(initial=0)) + 1) + step
    shared = np.intersect1d(key[treated], key[~treated])
    return np.isin(key, shared)


def _hours(windows: Windows, mask: Mask) -> float:
    """Return for how many hours of the clock some row of the mask has data."""
    return len(np.unique(windows.time[mask])) * windows.width / 3600.0


def _earliest(times: Floats) -> float:
    return float(times.min()) if len(times) else float("inf")


def _seconds(windows: Windows, mask: Mask) -> float:
    return float(np.nansum(windows.column("seconds")[mask]))
