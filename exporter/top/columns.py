"""The columns of the fleet's table: what each shows, how it is sorted, and which fit a width."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ..derive.figures import BY_NAME
from ..publish.figures import UNKNOWN, json_value, number_text
from .text import ABSENT, quantile_text
from .watch import ServerWatch

NAME_LEAST: Final = 14
"""Columns that the name of a server has at least."""
_PADDING: Final = 2

Number = Callable[[ServerWatch], float | None]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, its width, its text and the number that it is sorted by, if any."""

    title: str
    width: int
    text: Callable[[ServerWatch], str]
    number: Number | None = None


def _figure(name: str, title: str, width: int) -> Column:
    """Return the column of a figure; of a cache's ratios that of the local one."""
    figure = BY_NAME[name]

    def value(watch: ServerWatch) -> object:
        shown = json_value(watch.reading.figures.get(name))
        return shown.get("local") if isinstance(shown, dict) else shown

    def text(watch: ServerWatch) -> str:
        written = number_text(figure, value(watch))
        return ABSENT if written == UNKNOWN else written

    def number(watch: ServerWatch) -> float | None:
        shown = value(watch)
        return float(shown) if isinstance(shown, int | float) else None

    return Column(title, width, text, number)


def _latency(family: str, title: str) -> Column:
    """Return the column of a latency's 90th percentile."""

    def text(watch: ServerWatch) -> str:
        histogram = watch.window.histogram(family)
        return quantile_text(histogram.quantile(0.9)) if histogram else ABSENT

    def number(watch: ServerWatch) -> float | None:
        histogram = watch.window.histogram(family)
        quantile = histogram.quantile(0.9) if histogram else None
        if quantile is None:
            return None
        bounds = (quantile.value, quantile.upper, quantile.lower)
        return next((bound for bound in bounds if bound is not None), None)

    return Column(title, 9, text, number)


def _bound(watch: ServerWatch) -> str:
    if not watch.live:
        return "loading" if watch.loading else "down"
    if watch.reading.stalls.stalled:
        return "stalled"
    return number_text(BY_NAME["bound"], watch.reading.figures.get("bound") or ABSENT)


def _release(watch: ServerWatch) -> str:
    identity = watch.reading.identity
    return (identity.release if identity else "") or ABSENT


COLUMNS: Final = (
    _figure("requests_running", "run", 5),
    _figure("requests_waiting", "wait", 5),
    _figure("generation_tokens_per_second", "tok/s", 7),
    _figure("kv_cache_usage_ratio", "KV", 4),
    _latency("time_to_first_token_seconds", "first p90"),
    Column("bound by", 14, _bound),
    _figure("prefix_cache_hit_ratio", "hits", 4),
    _latency("inter_token_latency_seconds", "betw. p90"),
    _latency("request_latency_seconds", "e2e p90"),
    _figure("joules_per_token", "J/token", 7),
    _latency("queue_seconds", "queue p90"),
    _figure("preemptions_per_second", "preempt/s", 9),
    Column("release", 16, _release),
)
"""Every column but the name's, the most important first."""


def columns_for(width: int) -> Sequence[Column]:
    """Return the columns that fit beside a name of `NAME_LEAST` columns."""
    room = width - NAME_LEAST - _PADDING
    columns = list[Column]()
    for column in COLUMNS:
        room -= column.width + _PADDING
        if room < 0:
            break
        columns.append(column)
    return columns


def name_width(width: int, columns: Sequence[Column], longest: int) -> int:
    """Return how many columns the name has: what is left, and no more than the longest needs."""
    room = width - _PADDING - sum(column.width + _PADDING for column in columns)
    return max(min(room, longest), min(NAME_LEAST, max(room, 1)))
