"""Two recordings' load phases beside what their load client measured. Pure arithmetic."""

import numpy as np

from ..fleet.recordings import Phase, Played
from ..fleet.windows import Windows
from .result import Comparison, PhaseRatio

_TOKENS = ("decode_tokens", "first_tokens")
_TIME = ("decode_sequence_seconds", "first_token_seconds")


def with_phases(comparison: Comparison, played: Played) -> Comparison:
    """Return the comparison with a line for each phase both recordings hold."""
    lines = []
    for phase in played.phases:
        rates = [_rate(played.fleet.windows, phase, side) for side in (0, 1)]
        if min(phase.client) > 0 and min(rates) > 0:
            lines.append(
                PhaseRatio(
                    phase=phase.name,
                    client_ratio=phase.client[1] / phase.client[0],
                    cells_ratio=rates[1] / rates[0],
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
    tokens, spent = (
        sum(float(np.nansum(windows.column(name)[rows])) for name in names)
        for names in (_TOKENS, _TIME)
    )
    return tokens / spent if spent > 0 else 0.0
