"""What a fleet's traffic is, engine by engine on average, from its load cells. Pure arithmetic.

Everything is a ratio of sums, so that exporters which watch the same server twice change nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from .lengths import Lengths


@dataclass(frozen=True, slots=True)
class Cell:
    """Work of all engines at one decode batch; times in seconds, None where unknown."""

    seconds: float
    sequence_seconds: float
    decode_tokens: float
    first_tokens: float | None = None
    first_token_seconds: float | None = None

    @property
    def decode_batch(self) -> float:
        """Sequences decoding at a time."""
        return self.sequence_seconds / self.seconds

    @property
    def in_flight(self) -> float:
        """Requests in an engine at a time, by Little's law: those decoding and those before it.

        Requests that wait for their first token are the times to it that were added, a second.
        """
        return (self.sequence_seconds + (self.first_token_seconds or 0.0)) / self.seconds

    @property
    def tokens_per_second(self) -> float:
        """Tokens decoded by one engine in a second of the cell."""
        return self.decode_tokens / self.seconds


@dataclass(frozen=True, slots=True)
class Hour:
    """Means of one engine over an hour, idle time included; `end` is in Unix seconds."""

    end: float
    decode_batch: float
    requests_per_second: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the fleet was asked for; shares are from 0 to 1, None where unknown.

    `cells` are those with decoded tokens, `gpus` the GPUs of one engine.
    """

    engine: str
    model: str
    gpu_model: str
    releases: tuple[str, ...]
    servers: int
    prompt: Lengths | None
    output: Lengths | None
    cells: tuple[Cell, ...]
    hours: tuple[Hour, ...]
    hour_seconds: float
    hit_ratio: float | None
    cached_share: float | None
    saturated_share: float | None
    accepted_share: float | None
    gpus: float | None

    @property
    def shared_share(self) -> float | None:
        """Share of prompt tokens that caches held; hits over lookups where that is unknown."""
        return self.hit_ratio if self.cached_share is None else self.cached_share

    @property
    def busiest(self) -> Hour | None:
        """The hour with the largest decode batch."""
        return max(self.hours, key=lambda hour: hour.decode_batch, default=None)


def ratio(amount: float | None, of: float | None) -> float | None:
    """Return a ratio of two sums, None where one is unknown or there is nothing to divide by.

    A sum below 0 is none of work, and unknown too.
    """
    if amount is None or of is None or amount < 0 or of <= 0:
        return None
    return amount / of


def share(amount: float | None, of: float | None) -> float | None:
    """Return the share of a sum that another is, as `ratio`; increases are extrapolated past it."""
    known = ratio(amount, of)
    return None if known is None else min(known, 1.0)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest of the values that a share of them do not exceed, None of none."""
    ordered = sorted(values)
    return ordered[max(ceil(share * len(ordered)) - 1, 0)] if ordered else None


def hours_of(sums: Mapping[float, Mapping[str, float]]) -> tuple[Hour, ...]:
    """Return the hours that were watched, from sums of each load quantity by the hour's end."""
    hours = []
    for end, amounts in sorted(sums.items()):
        seconds, sequence = amounts.get("seconds", 0.0), amounts.get("decode_sequence_seconds")
        if seconds > 0 and sequence is not None:
            rate = ratio(amounts.get("first_tokens"), seconds)
            hours.append(Hour(end, sequence / seconds, rate))
    return tuple(hours)
