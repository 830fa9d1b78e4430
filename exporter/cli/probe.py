"""One server probed: what it is, what it delivers, how full it is, and the source of each."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from ..base.errors import InferfleetError
from ..base.validation import validation_message
from ..config import Config, GpuSettings, Target
from ..derive.figures import FIGURES
from ..fetch import HttpClient
from ..gpu.telemetry import Telemetry
from ..publish.figures import Json, texts_of
from ..publish.fleet import server_report
from ..publish.gpu_report import gpu_report
from ..sampling.served_model import ServedModel
from ..sampling.view import ServerView
from ..sampling.watched_server import WatchedServer

_INTERVAL: Final = 1.0


class ProbeError(InferfleetError):
    """The server could not be probed."""


def probe(url: str, seconds: float, progress: Callable[[float], None]) -> Json:
    """Sample a server for some seconds and return its report.

    Of a page of several models it is that of the first, those of the others are under `models`.

    The GPUs of this machine are read where the server is on it. `progress` is called with the share
    done. Raises `ProbeError` for a bad address, and where no page could be read first or last.
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
    client = HttpClient(config.http, config.limits.page)
    telemetry = Telemetry(config)
    telemetry.start()
    try:
        server = WatchedServer(target, client, config, telemetry, patient=False)
        asyncio.run(_sample(server, seconds, progress))
        first, *others = (_report(model, telemetry) for model in server.models)
        return first | {"models": others} if others else first
    finally:
        telemetry.stop()


async def _sample(server: WatchedServer, seconds: float, progress: Callable[[float], None]) -> None:
    try:
        await server.sample()
        if server.reading.error:
            raise ProbeError(server.reading.error)
        await server.identify()
        # what a page means may depend on the version, which is known from here on
        await server.sample()
        start = monotonic()
        while (elapsed := monotonic() - start) < seconds:
            progress(elapsed / seconds)
            await asyncio.sleep(min(_INTERVAL, seconds - elapsed))
            await server.sample()
        if server.reading.error:
            answered = max((server.reading.time or start) - start, 0.0)
            raise ProbeError(
                f"the server stopped answering after {answered:.0f} of {seconds:.0f} s: "
                f"{server.reading.error}"
            )
    finally:
        server.close()


def _report(model: ServedModel, telemetry: Telemetry) -> Json:
    reading, gpus = model.reading, telemetry.inventory.gpus
    view = ServerView(model, reading, reading.misses == 0 and reading.time is not None, monotonic())
    report = server_report(view, gpus)
    report.setdefault("gpu_telemetry", [gpu_report(gpu) for gpu in gpus.values()])
    if reading.snapshot:
        origins = dict(reading.snapshot.plan.origins)
        if reading.link:
            energy = f"energy counters of {len(reading.link.gpus)} GPUs, by {reading.link.via}"
            origins["gpu_energy_joules_total"] = energy
        report["origins"] = origins
    return report


def show(report: Json, console: Console) -> None:
    """Print a report for people: identity first, then the figures, each with its source."""
    facts, origins = _mapping(report.get("facts")), _mapping(report.get("origins"))
    identity = Table(title=f"{report['target']}: {report.get('engine')}", title_justify="left")
    for name in ("fact", "value", "source"):
        identity.add_column(name)
    for name, fact in facts.items():
        claim = _mapping(fact)
        identity.add_row(name, str(claim["value"]), str(claim["source"]))
    for name in ("release", "class", "config"):
        identity.add_row(name, str(report.get(name) or "unknown"), "")
    console.print(identity)
    console.print(_figure_table(report, facts, origins))
    gpus = report.get("gpu_telemetry")
    if isinstance(gpus, list) and gpus:
        console.print(_gpu_table(gpus, report.get("gpu_link")))
    for key in ("conflicts", "notes"):
        lines = report.get(key)
        for line in lines if isinstance(lines, list) else ():
            console.print(f"! {line}", markup=False)
    models = report.get("models")
    for other in models if isinstance(models, list) else ():
        show(other, console)


def _figure_table(report: Json, facts: Json, origins: Json) -> Table:
    table = Table(title="what it delivers", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("source", overflow="fold")
    for figure in FIGURES:
        source = next((str(origins[name]) for name in figure.families if name in origins), "")
        limit = _mapping(facts.get(figure.limit))
        if limit and source:
            source += f" / {limit['value']} ({limit['source']})"
        for title, text in texts_of(figure, report.get(figure.name)):
            table.add_row(title, text, source)
    return table


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
    table.add_row("held down by", *(_throttle_reasons(gpu) for gpu in shown))
    return table


def _scaled(value: object, factor: float, form: str) -> str:
    return form.format(value * factor) if isinstance(value, int | float) else "unknown"


def _throttle_reasons(gpu: dict[str, object]) -> str:
    reasons = gpu.get("throttled")
    if gpu.get("up") == 0:
        return "the GPU is lost"
    if not isinstance(reasons, list):
        return "unknown"
    return ", ".join(map(str, reasons)) or "nothing"


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
