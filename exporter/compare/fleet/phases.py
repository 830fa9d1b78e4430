"""The load phases of a recorded run, and its rate in each. Pure arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ...replay.recording import Recording
from .windows import Windows

LATENCIES: Final = {"time_to_first_token": "ttft_mean", "inter_token_latency": "itl_mean"}
"""Keys in a manifest of the latencies that a load client measures."""

_TOKENS: Final = ("decode_tokens", "first_tokens")
_SECONDS: Final = ("decode_sequence_seconds", "first_token_seconds")


@dataclass(frozen=True, slots=True)
class Phase:
    """A load phase of one run, `start` to `end` in seconds from its first page on.

    `client_rate` is the tokens per second that the load client measured, above 0, and
    `client_latencies` are its means in seconds, above 0, by `LATENCIES`; `failed` of its `requests`
    were not answered as they should have been.
    """

    name: str
    start: float
    end: float
    client_rate: float
    client_latencies: Mapping[str, float] = field(default_factory=dict)
    requests: int = 0
    failed: int = 0


def phases_of(recording: Recording) -> tuple[Phase, ...]:
    """Return the phases of a recording that have times and a rate, in their order."""
    phases = list[Phase]()
    for phase in recording.phases:
        try:
            start, end = (float(phase[key]) - recording.pages[0].time for key in ("start", "end"))
            rate = float(phase["gen_tok_s"])
        except (KeyError, TypeError, ValueError):
            continue
        latencies = {
            name: float(value) for name, key in LATENCIES.items() if (value := phase.get(key))
        }
        succeeded, failed = (round(phase.get(key) or 0) for key in ("done", "errors"))
        if rate > 0:
            name = str(phase["name"])
            phases.append(Phase(name, start, end, rate, latencies, succeeded + failed, failed))
    return tuple(phases)


def request_rate(windows: Windows, run: int, phase: Phase) -> float:
    """Return a run's tokens for each second of request time in a phase, 0 where there are none.

    `run` is the run's number among the servers of the windows. A window counts to the phase it
    touches: the load rests between phases, so that one at a phase's edge holds nothing of another.
    """
    rows = (windows.server == run) & (windows.time + windows.width > phase.start)
    rows &= windows.time < phase.end
    tokens, seconds = (
        sum(float(np.nansum(windows.column(name)[rows])) for name in names)
        for names in (_TOKENS, _SECONDS)
    )
    return tokens / seconds if seconds > 0 else 0.0


def phase_names(runs: Sequence[Sequence[Phase]]) -> list[str]:
    """Return the names of all phases of some runs, in the order they first come in."""
    return list(dict.fromkeys(phase.name for phases in runs for phase in phases))
