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
        raise ValueError(f"{text!r} is no duration; {_meant_duration(text)}")
    amounts = zip(match.groups(), _SECONDS.values(), strict=True)
    return sum(float(number) * unit for number, unit in amounts if number is not None)


def _meant_duration(text: str) -> str:
    """Return how a text that is no duration may have been meant."""
    if re.fullmatch(_NUMBER, text) and float(text):
        return f"it lacks a unit: write {text}s, {text}m or {text}h"
    words = re.sub(r"\s", "", text.lower())
    short = re.sub(r"(week|day|hour|minute|second|hr|min|sec)s?", lambda word: word[0][0], words)
    if short and _DURATION.fullmatch(short):
        return f"write {short}"
    return "write it like 5s, 500ms or 1m30s"


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
        raise ValueError(f"{text!r} is no share; {_meant_percentage(text, '3%', '0.03')}")
    return share


def parse_change(text: str) -> float:
    """Return a relative change such as `+56%`, `-3 %` or `0.56` as a number, 0.56 for +56 %."""
    stripped = text.strip()
    digits = stripped.lstrip("+-")
    match = _SHARE.fullmatch(digits) if len(stripped) - len(digits) < 2 else None
    change = float(match[1]) / (100.0 if match[2] else 1.0) if match else None
    if change is None or (change > 1.0 and not digits.endswith("%")):
        raise ValueError(f"{text!r} is no change; {_meant_percentage(text, '+56%', '+0.56')}")
    return -change if stripped.startswith("-") else change


def _meant_percentage(text: str, percent: str, fraction: str) -> str:
    """Return how a text that is no percentage may have been meant; the others are examples."""
    text = text.strip()
    if re.fullmatch(rf"[+-]?{_NUMBER}", text) and not text.startswith("-"):
        return f"it lacks the %: write {text}%, or {float(text) / 100:g}"
    return f"write it like {percent} or {fraction}"


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
