"""One look at one server: what it is, what it delivers, how full it is, and how we know."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

from rich.console import Console
from rich.table import Table

from . import report
from .config import Config, Target
from .errors import InferfleetError
from .fetch import Client
from .publish import Shown
from .server import Server

_INTERVAL: Final = 1.0


class ProbeError(InferfleetError):
    """The server could not be probed."""


def probe(url: str, seconds: float, progress: Callable[[float], None]) -> report.Json:
    """Sample a server for some seconds and return its report.

    `progress` is told the share done. Raises `ProbeError` where no page could be read.
    """
    target = Target(url=url)
    config = Config(targets=[target], interval=_INTERVAL, window=max(seconds, _INTERVAL) * 2)
    server = Server(target, Client(config.http, 2, config.limits.page), config)
    server.sample()
    if server.reading.error:
        raise ProbeError(server.reading.error)
    server.identify()
    # what a page means may depend on the version, which is known from here on
    server.sample()
    start = monotonic()
    while (elapsed := monotonic() - start) < seconds:
        progress(elapsed / seconds)
        sleep(min(_INTERVAL, seconds - elapsed))
        server.sample()
    reading = server.reading
    shown = Shown(server, reading, reading.misses == 0 and reading.time is not None, monotonic())
    answer = report.server(shown)
    if reading.snapshot:
        answer["origins"] = dict(reading.snapshot.plan.origins)
    return answer


_GENERATED: Final = ("decode_tokens_total", "generation_tokens_total")

# figure, key of the report, how it is written, families it may come from (the first one told)
_FIGURES: Final = (
    ("generated tokens/s", "generation_tokens_per_second", "rate", _GENERATED),
    (
        "generated tokens/s per GPU",
        "generation_tokens_per_second_per_gpu",
        "rate",
        _GENERATED,
    ),
    (
        "prompt tokens/s per GPU",
        "prompt_tokens_per_second_per_gpu",
        "rate",
        ("prompt_tokens_total",),
    ),
    (
        "computed prompt tokens/s per GPU",
        "prompt_tokens_computed_per_second_per_gpu",
        "rate",
        ("prompt_tokens_computed_total",),
    ),
    ("requests running", "requests_running", "count", ("requests_running",)),
    ("requests waiting", "requests_waiting", "count", ("requests_waiting",)),
    (
        "decoding sequences (Little's law)",
        "decode_batch",
        "rate",
        ("inter_token_latency_seconds",),
    ),
    ("batch occupancy", "batch_occupancy_ratio", "share", ("requests_running",)),
    ("tokens per step", "tokens_per_step", "rate", ("steps_total",)),
    ("token budget used", "token_budget_ratio", "share", ("steps_total",)),
    ("KV cache used", "kv_cache_usage_ratio", "share", ("kv_cache_usage_ratio",)),
    ("prompt tokens from cache", "prompt_cached_ratio", "share", ("prompt_tokens_cached_total",)),
)
_LIMITS: Final = {
    "generation_tokens_per_second_per_gpu": "gpus",
    "prompt_tokens_per_second_per_gpu": "gpus",
    "prompt_tokens_computed_per_second_per_gpu": "gpus",
    "batch_occupancy_ratio": "max_num_seqs",
    "token_budget_ratio": "max_num_batched_tokens",
}


def show(answer: report.Json, console: Console) -> None:
    """Print a report for people: identity first, then the figures, each with its source."""
    facts, origins = _mapping(answer.get("facts")), _mapping(answer.get("origins"))
    who = Table(title=f"{answer['target']}: {answer.get('engine')}", title_justify="left")
    for name in ("fact", "value", "source"):
        who.add_column(name)
    for name, fact in facts.items():
        one = _mapping(fact)
        who.add_row(name, str(one["value"]), str(one["source"]))
    for name in ("release", "class", "config"):
        who.add_row(name, str(answer.get(name) or "unknown"), "")
    console.print(who)
    window = answer.get("window_seconds")
    over = f" over {window:.0f} s" if isinstance(window, float) else ""
    what = Table(title=f"what it delivers{over}", title_justify="left")
    what.add_column("figure")
    what.add_column("value", justify="right")
    what.add_column("source", overflow="fold")
    for name, key, kind, families in _FIGURES:
        source = next((str(origins[f]) for f in families if f in origins), "")
        limit = _mapping(facts.get(_LIMITS.get(key, "")))
        if limit and source:
            source += f" / {limit['value']} ({limit['source']})"
        what.add_row(name, _written(answer.get(key), kind), source)
    for cache, ratio in _mapping(answer.get("prefix_cache_hit_ratio")).items():
        source = str(origins.get("prefix_cache_hit_tokens_total", ""))
        what.add_row(f"prefix-cache hit rate, {cache}", _written(ratio, "share"), source)
    what.add_row("bound by", str(answer.get("bound") or "unknown"), "queue, occupancy, KV, budget")
    console.print(what)
    for key in ("conflicts", "notes"):
        lines = answer.get(key)
        for line in lines if isinstance(lines, list) else ():
            console.print(f"! {line}", markup=False)


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _written(value: object, kind: str) -> str:
    if not isinstance(value, int | float):
        return "unknown"
    if kind == "share":
        return f"{value:.1%}"
    return f"{value:,.0f}" if kind == "count" else f"{value:,.1f}"
