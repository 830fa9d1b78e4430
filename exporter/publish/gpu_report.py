"""One GPU as a JSON-ready document."""

from typing import Final

from ..gpu.reading import GpuReading
from .figures import Json

_FIGURES: Final = (
    ("up", "gpu_up"),
    ("power_watts", "gpu_power_watts"),
    ("power_limit_watts", "gpu_power_limit_watts"),
    ("energy_joules", "gpu_energy_joules_total"),
    ("memory_used_bytes", "gpu_memory_used_bytes"),
    ("memory_total_bytes", "gpu_memory_total_bytes"),
    ("sm_clock_hertz", "gpu_sm_clock_hertz"),
    ("sm_clock_max_hertz", "gpu_sm_clock_max_hertz"),
    ("utilization_ratio", "gpu_utilization_ratio"),
    ("sm_active_ratio", "gpu_sm_active_ratio"),
    ("tensor_active_ratio", "gpu_tensor_active_ratio"),
    ("dram_active_ratio", "gpu_dram_active_ratio"),
)
# at rest, or set so by the operator: no reason to worry
_HARMLESS: Final = ("gpu_idle", "applications_clocks", "display")


def gpu_report(reading: GpuReading) -> Json:
    """Return one GPU; keys whose value is unknown are null, `throttled` lists the reasons now."""
    reasons = [
        dict(labels)["reason"]
        for (family, labels), value in reading.values.items()
        if family == "gpu_throttled" and value
    ]
    known = any(family == "gpu_throttled" for family, _ in reading.values)
    return {
        "uuid": reading.uuid,
        "model": reading.model,
        "host": reading.host or None,
        "index": reading.index or None,
        "mig_profile": reading.mig_profile or None,
        "source": reading.source,
        **{key: reading.value(family) for key, family in _FIGURES},
        "temperature_celsius": reading.value("gpu_temperature_celsius", sensor="gpu"),
        "throttled": [reason for reason in reasons if reason not in _HARMLESS] if known else None,
    }
