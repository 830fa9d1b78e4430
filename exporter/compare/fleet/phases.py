"""The load phases that two recordings share, and each side's rate in them. Pure arithmetic."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ...replay.recording import Recording
from .windows import Windows

_TOKENS: Final = ("decode_tokens", "first_tokens")
_SECONDS: Final = ("decode_sequence_seconds", "first_token_seconds")


@dataclass(frozen=True, slots=True)
class Phase:
    """A load phase both recordings hold.

    `spans` are its start and end on each side in seconds from the first page on, `client_rates`
    the tokens per second that the load client measured.
    """

    name: str
    spans: tuple[tuple[float, float], tuple[float, float]]
    client_rates: tuple[float, float]

    @property
    def client_ratio(self) -> float | None:
        """The candidate's rate over the baseline's by the client, None where one is 0."""
        return _ratio(self.client_rates)

    def cells_ratio(self, windows: Windows) -> float | None:
        """Return the ratio of tokens per second of request time, None where a side has none."""
        baseline, candidate = (_request_rate(windows, self, side) for side in (0, 1))
        return _ratio((baseline, candidate))


def _ratio(rates: tuple[float, float]) -> float | None:
    return rates[1] / rates[0] if min(rates) > 0 else None


def _request_rate(windows: Windows, phase: Phase, side: int) -> float:
    """Return tokens for each second of request time; windows count to the phase they touch.

    The load rests between phases, so that a window at a phase's edge holds nothing of another.
    """
    start, end = phase.spans[side]
    rows = (windows.server == side) & (windows.time + windows.width > start)
    rows &= windows.time < end
    tokens, seconds = (
        sum(float(np.nansum(windows.column(name)[rows])) for name in names)
        for names in (_TOKENS, _SECONDS)
    )
    return tokens / seconds if seconds > 0 else 0.0


def shared_phases(baseline: Recording, candidate: Recording) -> tuple[Phase, ...]:
    """Return the phases both recordings hold with times and rates, in the baseline's order."""
    recordings = baseline, candidate
    by_name = [
        {str(phase["name"]): phase for phase in recording.phases} for recording in recordings
    ]
    phases = []
    for name in by_name[0]:
        if name not in by_name[1]:
            continue
        try:
            old, new = (
                (
                    float(side[name]["start"]) - recording.pages[0].time,
                    float(side[name]["end"]) - recording.pages[0].time,
                    float(side[name]["gen_tok_s"]),
                )
                for side, recording in zip(by_name, recordings, strict=True)
            )
        except (KeyError, TypeError, ValueError):
            continue
        phases.append(Phase(name, (old[:2], new[:2]), (old[2], new[2])))
    return tuple(phases)
