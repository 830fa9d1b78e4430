"""What keeps two sides from being compared yet: what there is of each, and when it can be enough.

Pure arithmetic. Advice follows from which servers still run which release: waiting helps only
where both run, or where the same servers have a day of each.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...base.units import format_duration, format_utc
from ...vocabulary.verdict import Reason
from ..fleet.arrays import Floats, Ints, Mask
from ..fleet.windows import Windows
from .warm_up import FLOOR, FOLLOWING_WINDOWS, WarmUp

DAY_HOURS: Final = 24.0
"""Hours of each release that a comparison before and after needs."""
_MIN_CONCURRENT_SECONDS: Final = 7200.0
_MIN_CONCURRENT_WINDOWS: Final = FOLLOWING_WINDOWS + 1
"""As few as tell that a server has settled."""
_RECENT_WINDOWS: Final = 3
"""Windows before the end in which a server that still runs has data."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """What is missing, what to do about it and the word for it, empty or None where nothing is.

    `ready_at` is the Unix time up to which data can be enough, None where time alone does not help.
    """

    fault: str = ""
    remedy: str = ""
    reason_code: Reason | None = None
    ready_at: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of a comparison that are looked at for what is missing.

    `treated` marks the candidate's, `keep` those that may be used; `node` numbers the nodes; `end`
    is the end of the time looked at (Unix seconds), `longest_warm_up` in seconds.
    """

    windows: Windows
    treated: Mask
    keep: Mask
    warm_up: WarmUp
    node: Ints
    end: float
    longest_warm_up: float

    @property
    def required_overlap(self) -> float:
        """For how many seconds both sides must have run at once."""
        return required_overlap(self.windows.width)

    @property
    def longest_wait(self) -> str:
        """How long a server that starts must run until it can be judged, at most, in words."""
        return format_duration(self.longest_warm_up + self.required_overlap)

    def shortest_warm_up(self, candidate: bool) -> float:
        """Return after how many seconds a server of a side that has just started may be used."""
        settling = self.warm_up.settling[candidate]
        if settling.outcome == "settled" and settling.starts:
            return settling.seconds
        if settling.outcome == "unknown":
            return self.longest_warm_up
        return min(FLOOR, self.longest_warm_up)


@dataclass(frozen=True, slots=True, eq=False)
class _Presence:
    """One side: its servers, those that still run it, those of them that have warmed up.

    `seconds` are those of the clock with data, `used_seconds` those of them without warm-up;
    `usable_at` are the times from which its running servers can be used, sorted; `last` is the end
    of its data.
    """

    name: str
    servers: int
    running: int
    warm: int
    seconds: float
    used_seconds: float
    usable_at: Floats
    last: float

    def __str__(self) -> str:
        warm_up = self.seconds - self.used_seconds
        text = f"{self.servers} server{'s' * (self.servers != 1)} of the {self.name}"
        if self.running != self.servers:
            text += f" ({self.running or 'none'} still running it)"
        text += f" with {format_duration(self.seconds)}"
        if not self.used_seconds:
            return f"{text}, all of it warm-up"
        return f"{text}, {format_duration(warm_up)} of it warm-up" if warm_up > 0 else text


def required_overlap(width: float) -> float:
    """Return for how many seconds both sides must have run at once, by the width of a window."""
    return min(_MIN_CONCURRENT_SECONDS, _MIN_CONCURRENT_WINDOWS * width)


def is_running(rows: Rows, candidate: bool) -> bool:
    """Whether a server still runs the side at the end of the time."""
    return bool(_running(rows, rows.treated == candidate).size)


def explain(rows: Rows, earlier: bool, can_widen: bool) -> Blocker:
    """Return what keeps sides from a design that both have rows for.

    `earlier` is whether the candidate's nodes ran the baseline before; `can_widen` whether there is
    data of the baseline before the time looked at.
    """
    old, new = _presence(rows, "baseline", False), _presence(rows, "candidate", True)
    found = f"{old} and {new}"
    if min(old.servers, new.servers) < 2:
        return _few(old.running or old.servers, new.running or new.servers)
    if not new.running:
        ended = f"the candidate has had no data since {format_utc(new.last)}"
        remedy = f"run it on two servers beside the baseline for {rows.longest_wait} at most"
        return Blocker(f"{ended}: {found}", remedy, "overlap")
    if not old.running:
        return _none_left(rows, old, new, earlier, can_widen)
    if min(old.running, new.running) < 2:
        return _few(old.running, new.running)
    warming = [f"the {side.name}" for side in (old, new) if side.warm < 2]
    if warming:
        fault = f"fewer than two servers of {' and of '.join(warming)} have warmed up"
    else:
        beside, needed = format_duration(_overlap(rows)), format_duration(rows.required_overlap)
        fault = f"both ran at once for {beside} after warm-up, and {needed} are needed"
    ready_at = _ready_at(rows, old, new)
    remedy = (
        f"data up to {format_utc(ready_at)} can give an answer if two servers of each go on until "
        "then; ask again then, or let --wait do it"
    )
    return Blocker(f"{fault}: {found}", remedy, "overlap", ready_at)


def _few(old: int, new: int) -> Blocker:
    return Blocker(
        f"{old} server{'s' * (old != 1)} ran the baseline and {new} the candidate, so the machine "
        "cannot be told from the release",
        "compare at least two servers of each, better four",
        "servers",
    )


def _none_left(
    rows: Rows, old: _Presence, new: _Presence, earlier: bool, can_widen: bool
) -> Blocker:
    """Return what is missing where every server of the baseline has gone."""
    back = f"put two servers back on the baseline for {rows.longest_wait} at most"
    found = f"{old} and {new}"
    if not earlier:
        fault = f"the two sides ran on different servers at different times: {found}"
        places = (
            "pods with new names are the same servers where their GPUs or nodes are known "
            "(inferfleet_server_gpu_info, inferfleet_server_pod_info)"
        )
        widen = "widen --window to a time when the same servers ran it, or " if can_widen else ""
        return Blocker(fault, f"{widen}{back}; {places}", "no_servers_beside")
    fault = (
        "no server runs the baseline any more, and the hour of the day cannot be told from the "
        f"release without {DAY_HOURS:.0f} h of each: {found}"
    )
    if old.used_seconds < 3600 * DAY_HOURS:
        widen = "widen --window, the baseline ran before that time too; or " if can_widen else ""
        return Blocker(fault, widen + back, "no_servers_beside")
    ready_at = _grid_time(rows, float(new.usable_at[0])) + 3600 * DAY_HOURS
    remedy = f"data up to {format_utc(ready_at)} can give an answer; or, for one sooner, {back}"
    return Blocker(fault, remedy, "no_servers_beside", ready_at)


def _presence(rows: Rows, name: str, candidate: bool) -> _Presence:
    windows, side = rows.windows, rows.treated == candidate
    running, warm = _running(rows, side), 0
    usable_at = []
    for node in running:
        own = side & (rows.node == node)
        used, cold = windows.time[own & rows.keep], windows.time[own & rows.warm_up.cold]
        warm += bool(used.size)
        # a server that has only warmed up so far began with its first row
        usable_at.append(
            float(used.min() if used.size else (cold if cold.size else windows.time[own]).min())
            + (0.0 if used.size else rows.shortest_warm_up(candidate))
        )
    return _Presence(
        name,
        len(np.unique(rows.node[side])),
        len(running),
        warm,
        _clock_seconds(windows, side),
        _clock_seconds(windows, side & rows.keep),
        np.sort(np.array(usable_at)),
        float(windows.time[side].max()) + windows.width,
    )


def _running(rows: Rows, side: Mask) -> Ints:
    """Return the nodes whose last recent window is one of the side."""
    time, node = rows.windows.time, rows.node
    last = np.full(int(node.max(initial=0)) + 1, -np.inf)
    np.maximum.at(last, node, time)
    recent = time >= rows.end - _RECENT_WINDOWS * rows.windows.width
    return np.unique(node[side & recent & (time == last[node])])


def _overlap(rows: Rows) -> float:
    """Return the seconds from the candidate's first used window to the last that both had."""
    time = rows.windows.time
    old, new = time[~rows.treated & rows.keep], time[rows.treated & rows.keep]
    last = min(float(old.max()), float(new.max()))
    return max(last - float(new.min()) + rows.windows.width, 0.0)


def _ready_at(rows: Rows, old: _Presence, new: _Presence) -> float:
    """Return the time up to which data are enough if all that runs goes on."""
    begin = max(float(old.usable_at[0]), float(new.usable_at[0]))
    second = max(float(old.usable_at[1]), float(new.usable_at[1]))
    return max(
        _grid_time(rows, begin) + rows.required_overlap,
        _grid_time(rows, second) + rows.windows.width,
        # a server that has not settled by now may have by the next window
        _grid_time(rows, rows.end + 1.0),
    )


def _grid_time(rows: Rows, time: float) -> float:
    """Return the start of the first window that begins at a time or later."""
    origin, width = float(rows.windows.time.min()), rows.windows.width
    return origin + float(np.ceil((time - origin) / width - 1e-6)) * width


def _clock_seconds(windows: Windows, mask: Mask) -> float:
    return len(np.unique(windows.time[mask])) * windows.width
