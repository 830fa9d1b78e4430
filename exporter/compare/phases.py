"""Two recordings' load phases beside what their load client measured. Pure arithmetic."""

from math import exp

import numpy as np

from .design import design
from .measures import Index, decode, index
from .recordings import Phase, Played
from .result import Comparison, PhaseRatio
from .windows import Windows


def with_phases(comparison: Comparison, played: Played) -> Comparison:
    """Return the comparison with a line for each phase both recordings hold.

    `engine` is the ratio of tokens per second of request time: the time sequences decoded plus the
    time requests waited for their first token. A client that keeps so many requests open sees its
    throughput change by just that.
    """
    windows, facts = played.fleet.windows, played.fleet.facts
    candidate = [server.release == played.releases[1] for server in windows.servers]
    found = design(windows, candidate, facts, 0.0)
    load = decode(windows)
    speed = index(load, found, load.rows) if load.rows.any() else None
    lines = []
    for phase in played.phases:
        rates = [_rate(windows, phase, side) for side in (0, 1)]
        if min(phase.client) <= 0 or min(rates) <= 0:
            continue
        lines.append(
            PhaseRatio(
                phase=phase.name,
                client=phase.client[1] / phase.client[0],
                engine=rates[1] / rates[0],
                decode=_matched(speed, windows, phase),
            )
        )
    return comparison.model_copy(update={"phases": tuple(lines)})


def _rate(windows: Windows, phase: Phase, side: int) -> float:
    """Return tokens for each second of request time; windows count to the phase they touch.

    The load rests between phases, so that a window at a phase's edge holds nothing of another.
    """
    begin, end = phase.spans[side]
    rows = (windows.server == side) & (windows.time + windows.width > begin)
    rows &= windows.time < end
    total = {
        name: float(np.nansum(windows.column(name)[rows]))
        for name in (
            "decode_tokens",
            "first_tokens",
            "decode_sequence_seconds",
            "first_token_seconds",
        )
    }
    spent = total["decode_sequence_seconds"] + total["first_token_seconds"]
    return (total["decode_tokens"] + total["first_tokens"]) / spent if spent > 0 else 0.0


def _matched(speed: Index | None, windows: Windows, phase: Phase) -> float | None:
    """Return the ratio of decode speeds at matched load over the phase's windows."""
    if speed is None:
        return None
    rows = speed.load.rows
    server, middle = windows.server[rows], windows.time[rows] + windows.width / 2
    weight, means = speed.matched.weight, list[float]()
    for side in (0, 1):
        begin, end = phase.spans[side]
        mine = (server == side) & (middle >= begin) & (middle <= end) & (weight > 0)
        if not mine.any():
            return None
        means.append(float(np.average(speed.y[mine], weights=speed.load.weight[mine])))
    return exp(means[1] - means[0])
