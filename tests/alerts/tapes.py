"""Load phases of recordings: their steady middle, what the client counted, and slower ones."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from exporter.replay.recording import Recording

# seconds at the ends of a phase in which its clients come and go
_RAMP_UP, _RAMP_DOWN = 3.9, 1.9
_WORK: Final = re.compile(r"^(vllm:(?!\w+_seconds_sum)\w+_(?:total|count|bucket|sum)\{.*\}) (\S+)$")
_LATENCY: Final = re.compile(r"^vllm:inter_token_latency_seconds_(sum|count)\{.*\} (\S+)$", re.M)


def client_rate(recording: Recording, phase: str) -> float:
    """Return the tokens per second that the load client counted in a phase."""
    return float(_phase(recording, phase)["gen_tok_s"])


def steady(recording: Recording, phase: str) -> Recording:
    """Return a recording's pages of one load phase, without its ramps."""
    load = _phase(recording, phase)
    begin, end = load["start"] + _RAMP_UP, load["end"] - _RAMP_DOWN
    pages = tuple(page for page in recording.pages if begin <= page.time <= end)
    return replace(recording, pages=pages)


def token_seconds(recording: Recording) -> float:
    """Return the mean inter-token latency between a recording's first page and its last."""
    ends = [dict(_LATENCY.findall(recording.pages[end].text or "")) for end in (0, -1)]
    total, count = (float(ends[1][of]) - float(ends[0][of]) for of in ("sum", "count"))
    return total / count


def doing(recording: Recording, share: float) -> Recording:
    """Return a recording of a server that did only a share of the work in the same time.

    Tokens, requests and events are scaled; clocks, latency sums and gauges are not: every token
    takes 1 / share of its time at the same batch, prefill beside it and context.
    """

    def scaled(line: str) -> str:
        match = _WORK.match(line)
        return f"{match[1]} {float(match[2]) * share!r}" if match else line

    pages = tuple(
        replace(page, text="\n".join(map(scaled, page.text.split("\n")))) if page.text else page
        for page in recording.pages
    )
    return replace(recording, pages=pages)


def _phase(recording: Recording, name: str) -> Mapping[str, Any]:
    return next(each for each in recording.phases if each["name"] == name)
