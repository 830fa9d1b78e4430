"""The GPUs under a server, a line each."""

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from ..publish.figures import Json
from .text import cell, flow, percent_text

_GIB: Final = 2.0**30


def gpu_lines(report: Json, width: int) -> list[Text]:
    """Return the GPUs of a server's report in lines of at most `width` columns."""
    gpus = report.get("gpu_telemetry")
    lines = list[Text]()
    for gpu in gpus if isinstance(gpus, list) else ():
        lines += flow(_cells(gpu), width)
    return lines


def _cells(gpu: Json) -> Iterator[Text]:
    yield cell(f"GPU {gpu.get('index') or ''}".strip(), str(gpu.get("model") or gpu.get("uuid")))
    if gpu.get("up") == 0:
        yield cell("state", "lost", "bold")
        return
    power, limit = _number(gpu, "power_watts"), _number(gpu, "power_limit_watts")
    if power is not None:
        yield cell("power", f"{power:,.0f}{'' if limit is None else f' of {limit:,.0f}'} W")
    used, total = _number(gpu, "memory_used_bytes"), _number(gpu, "memory_total_bytes")
    if used is not None:
        limit_text = "" if total is None else f" of {total / _GIB:,.1f}"
        yield cell("memory", f"{used / _GIB:,.1f}{limit_text} GiB")
    for key, title in (
        ("utilization_ratio", "any kernel ran"),
        ("sm_active_ratio", "SMs active"),
        ("tensor_active_ratio", "tensor pipes"),
        ("dram_active_ratio", "DRAM active"),
    ):
        share = _number(gpu, key)
        if share is not None:
            yield cell(title, percent_text(share))
    temperature = _number(gpu, "temperature_celsius")
    if temperature is not None:
        yield cell("temperature", f"{temperature:.0f} °C")
    reasons = gpu.get("throttled")
    if isinstance(reasons, list):
        throttling = ", ".join(map(str, reasons))
        yield cell("held down by", throttling or "nothing", "bold" if throttling else "")


def _number(gpu: Json, key: str) -> float | None:
    value = gpu.get(key)
    return float(value) if isinstance(value, int | float) else None
