"""GPUs as lines of `nvml.jsonl`: in the units of NVIDIA's driver, whatever their source."""

import json
from collections.abc import Mapping
from typing import Final

from ..gpu.nvml_values import REASONS
from ..gpu.reading import GpuReading, Key

# key of a line, family, and how many of the line's units make one of the family's
_VALUES: Final[Mapping[str, tuple[Key, float]]] = {
    "power_mw": (("gpu_power_watts", ()), 1e3),
    "energy_mj": (("gpu_energy_joules_total", ()), 1e3),
    "mem_used": (("gpu_memory_used_bytes", ()), 1.0),
    "mem_total": (("gpu_memory_total_bytes", ()), 1.0),
    "util_gpu": (("gpu_utilization_ratio", ()), 100.0),
    "util_mem": (("gpu_memory_activity_ratio", ()), 100.0),
    "temp": (("gpu_temperature_celsius", (("sensor", "gpu"),)), 1.0),
    "sm_mhz": (("gpu_sm_clock_hertz", ()), 1e-6),
    "mem_mhz": (("gpu_memory_clock_hertz", ()), 1e-6),
}


def metadata_line(gpu: GpuReading, number: int) -> str:
    """Return the line that begins a GPU: its model and driver; `number` stands for its UUID."""
    metadata: dict[str, object] = {"name": gpu.model, "uuid": f"GPU-recorded-{number}"}
    if gpu.driver:
        metadata["driver"] = gpu.driver
    limit = gpu.value("gpu_power_limit_watts")
    if limit is not None:
        metadata["power_limit_mw"] = limit * 1e3
    return json.dumps({"meta": metadata, "gpu": number})


def sample_line(gpu: GpuReading, number: int, time: float) -> str:
    """Return what a GPU reported at a Unix time; what it does not report is left out."""
    line: dict[str, object] = {"t": round(time, 3), "gpu": number}
    for name, (key, factor) in _VALUES.items():
        if key in gpu.values:
            line[name] = gpu.values[key] * factor
    bits = [gpu.value("gpu_throttled", reason=reason) for reason in REASONS]
    if any(bit is not None for bit in bits):
        line["reasons"] = sum(1 << i for i, bit in enumerate(bits) if bit)
    if gpu.shared:
        line["shared"] = True
    return json.dumps(line)
