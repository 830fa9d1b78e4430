"""One look at one server: what it is, what it delivers, how full it is, and how we know."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Final

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from .config import Config, GpuSettings, Target
from .errors import InferfleetError
from .fetch import HttpClient
from .gpu.telemetry import Telemetry
from .publish import fleet as report
from .sampling.server import Server
from .sampling.view import ServerView
from .validation import validation_message

_INTERVAL: Final = 1.0


class ProbeError(InferfleetError):
    """The server could not be probed."""


def probe(url: str, seconds: float, progress: Callable[[float], None]) -> report.Json:
    """Sample a server for some seconds and return its report.

    The GPUs of this machine are looked at where the server is on it. `progress` is told the share
    done. Raises `ProbeError` for a bad address, and where no page could be read.
    """
    try:
        target = Target(url=url)
    except ValidationError as error:
        raise ProbeError(validation_message(error)) from error
    config = Config(
        targets=[target],
        interval=_INTERVAL,
        window=max(seconds, _INTERVAL) * 2,
        gpu=GpuSettings(nvml=target.is_local, interval=_INTERVAL),
    )
    client = HttpClient(config.http, 2, config.limits.page)
    telemetry = Telemetry(config)
    telemetry.start()
    try:
        return _look(Server(target, client, config, telemetry), telemetry, seconds, progress)
    finally:
        telemetry.stop()


def _look(
    server: Server, telemetry: Telemetry, seconds: float, progress: Callable[[float], None]
) -> report.Json:
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
    reading, gpus = server.reading, telemetry.view.gpus
    shown = ServerView(
        server, reading, reading.misses == 0 and reading.time is not None, monotonic()
    )
    answer = report.server(shown, gpus)
    answer.setdefault("gpu_telemetry", [report.gpu(gpu) for gpu in gpus.values()])
    if reading.snapshot:
        origins = dict(reading.snapshot.plan.origins)
        if reading.link:
            energy = f"energy counters of {len(reading.link.gpus)} GPUs, by {reading.link.via}"
            origins["gpu_energy_joules_total"] = energy
        answer["origins"] = origins
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
    ("joules per generated token", "joules_per_token", "fine", ("gpu_energy_joules_total",)),
    (
        "joules per computed token",
        "joules_per_processed_token",
        "fine",
        ("gpu_energy_joules_total",),
    ),
    ("idle power, W", "idle_power_watts", "rate", ("gpu_energy_joules_total",)),
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
    gpus = answer.get("gpu_telemetry")
    if isinstance(gpus, list) and gpus:
        console.print(_gpu_table(gpus, answer.get("gpu_link")))
    for key in ("conflicts", "notes"):
        lines = answer.get(key)
        for line in lines if isinstance(lines, list) else ():
            console.print(f"! {line}", markup=False)


# figure, key of a GPU's report, factor, how it is written
_GPU_FIGURES: Final = (
    ("power, W", "power_watts", 1.0, "{:,.0f}"),
    ("its limit, W", "power_limit_watts", 1.0, "{:,.0f}"),
    ("memory used, GiB", "memory_used_bytes", 2.0**-30, "{:.1f}"),
    ("of, GiB", "memory_total_bytes", 2.0**-30, "{:.1f}"),
    ("SM clock, MHz", "sm_clock_hertz", 1e-6, "{:,.0f}"),
    ("temperature, °C", "temperature_celsius", 1.0, "{:.0f}"),
    ("any kernel ran", "utilization_ratio", 1.0, "{:.0%}"),
    ("SMs active", "sm_active_ratio", 1.0, "{:.1%}"),
    ("tensor pipes active", "tensor_active_ratio", 1.0, "{:.1%}"),
    ("DRAM active", "dram_active_ratio", 1.0, "{:.1%}"),
)


def _gpu_table(gpus: list[object], link: object) -> Table:
    tied = f"tied to the server by {link}" if link else "on this machine, not tied to the server"
    shown = [_mapping(gpu) for gpu in gpus]
    models = ", ".join(sorted({str(gpu.get("model")) for gpu in shown}))
    table = Table(title=f"{models}: {tied}", title_justify="left")
    table.add_column("figure")
    for gpu in shown:
        table.add_column(str(gpu.get("uuid"))[:8], justify="right")
    for figure, key, factor, form in _GPU_FIGURES:
        table.add_row(figure, *(_scaled(gpu.get(key), factor, form) for gpu in shown))
    table.add_row("held down by", *(_held(gpu) for gpu in shown))
    return table


def _scaled(value: object, factor: float, form: str) -> str:
    return form.format(value * factor) if isinstance(value, int | float) else "unknown"


def _held(gpu: dict[str, object]) -> str:
    reasons = gpu.get("throttled")
    if gpu.get("up") == 0:
        return "the GPU is lost"
    if not isinstance(reasons, list):
        return "unknown"
    return ", ".join(map(str, reasons)) or "nothing"


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _written(value: object, kind: str) -> str:
    if not isinstance(value, int | float):
        return "unknown"
    if kind == "share":
        return f"{value:.1%}"
    if kind == "fine":
        return f"{value:.3g}"
    return f"{value:,.0f}" if kind == "count" else f"{value:,.1f}"
