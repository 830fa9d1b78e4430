"""Durations, times, sizes and shares as people read and write them.

A parse function raises `ValueError` with a sentence that holds the text and an example; whoever
calls it puts the option's or the key's name in front.
"""

import re
from datetime import UTC, datetime
from typing import Final

_SECONDS: Final = {
    "y": 31_536_000.0,
    "w": 604_800.0,
    "d": 86_400.0,
    "h": 3_600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 0.001,
}
LONGEST_SECONDS: Final = 100 * _SECONDS["y"]
"""A timer takes no time without end."""

_BYTES: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}

_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
# as in Prometheus: the longest unit first, each at most once
_DURATION: Final = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in _SECONDS))
_WHOLE_DURATION: Final = re.compile("".join(f"(?:[0-9]+{unit})?" for unit in _SECONDS))
_SIZE: Final = re.compile(rf"([0-9]{{1,15}})\s*({'|'.join(_BYTES)})?")
_SHARE: Final = re.compile(rf"({_NUMBER})\s*(%)?")


def parse_duration(text: str) -> float:
    """Return a duration such as `1m30s`, `500ms` or `1w` in seconds."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{text!r} is no duration; write it like 5s, 500ms or 1m30s")
    amounts = zip(match.groups(), _SECONDS.values(), strict=True)
    return sum(float(number) * unit for number, unit in amounts if number is not None)


def parse_size(text: str) -> int:
    """Return a size such as `16MiB` or `65536` in bytes."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no size; write it like 16MiB or 65536")
    return int(match[1]) * _BYTES[match[2] or "B"]


def parse_share(text: str) -> float:
    """Return a share such as `3%` or `0.03` as a number from 0 to 1."""
    match = _SHARE.fullmatch(text.strip())
    share = float(match[1]) / (100.0 if match[2] else 1.0) if match else None
    if share is None or share > 1.0:
        raise ValueError(f"{text!r} is no share; write it like 3% or 0.03")
    return share


def prometheus_duration(text: str) -> str:
    """Return a duration as it is written, where Prometheus itself reads it: whole numbers only."""
    if not text or _WHOLE_DURATION.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no duration; write it like 15m or 1h30m")
    return text


def format_duration(seconds: float) -> str:
    """Return a duration to read, such as `45 s`, `25 min` or `7.4 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5970 else f"{seconds / 3600:.1f} h"


def format_utc(time: float) -> str:
    """Return a time in Unix seconds to read, such as `2026-05-10 12:00 UTC`."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")
