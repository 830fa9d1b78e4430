"""What one GPU reports through NVML: calls and field numbers become canonical values.

Numbers and units are those of NVIDIA's nvml.h. A call or field that a GPU, driver or permission
does not allow costs its own series only.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from .reading import Key

Query = Callable[..., Any]
"""Calls an NVML function by name; None where this GPU does not answer it."""

# field -> where it goes, and how many of its units make one base unit; fields with one place are
# added up, of which a GPU answers those of its own generation of NVLink
_FIELDS: Final[Mapping[int, tuple[Key, float]]] = {
    5: (("gpu_ecc_errors_total", (("kind", "corrected"),)), 1),
    6: (("gpu_ecc_errors_total", (("kind", "uncorrected"),)), 1),
    74: (("gpu_throttled_seconds_total", (("reason", "sw_power_cap"),)), 1e9),
    76: (("gpu_throttled_seconds_total", (("reason", "sync_boost"),)), 1e9),
    82: (("gpu_temperature_celsius", (("sensor", "memory"),)), 1),
    83: (("gpu_energy_joules_total", ()), 1e3),
    94: (("gpu_pcie_replays_total", ()), 1),
    138: (("gpu_nvlink_bytes_total", (("direction", "transmit"),)), 1 / 1024),
    139: (("gpu_nvlink_bytes_total", (("direction", "receive"),)), 1 / 1024),
    142: (("gpu_remapped_rows", (("cause", "corrected"),)), 1),
    143: (("gpu_remapped_rows", (("cause", "uncorrected"),)), 1),
    144: (("gpu_row_remap_pending", ()), 1),
    145: (("gpu_row_remap_failed", ()), 1),
    185: (("gpu_power_watts", ()), 1e3),
    186: (("gpu_power_instant_watts", ()), 1e3),
    230: (("gpu_recovery_action", ()), 1),
    269: (("gpu_throttled_seconds_total", (("reason", "sw_thermal"),)), 1e9),
}
# on Hopper each link is asked for its errors, 1.7 ms for 18 of them
_COSTLY_FIELDS: Final[Mapping[int, tuple[Key, float]]] = {
    38: (("gpu_nvlink_errors_total", (("kind", "crc"),)), 1),
    45: (("gpu_nvlink_errors_total", (("kind", "crc"),)), 1),
    52: (("gpu_nvlink_errors_total", (("kind", "replay"),)), 1),
    59: (("gpu_nvlink_errors_total", (("kind", "recovery"),)), 1),
    161: (("gpu_nvlink_errors_total", (("kind", "replay"),)), 1),
    162: (("gpu_nvlink_errors_total", (("kind", "recovery"),)), 1),
    163: (("gpu_nvlink_errors_total", (("kind", "crc"),)), 1),
    215: (("gpu_nvlink_errors_total", (("kind", "recovery"),)), 1),
    270: (("gpu_throttled_seconds_total", (("reason", "hw_thermal"),)), 1e9),
    271: (("gpu_throttled_seconds_total", (("reason", "hw_power_brake"),)), 1e9),
}
_BY_LINK: Final = frozenset({138, 139, 161, 162, 163, 215})
_ALL_LINKS: Final = 0xFFFFFFFF
COSTLY_SECONDS: Final = 10.0
"""How often what takes the driver milliseconds of CPU is read, in seconds; energy always is."""
_MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
REASONS: Final = (
    "gpu_idle",
    "applications_clocks",
    "sw_power_cap",
    "hw_slowdown",
    "sync_boost",
    "sw_thermal",
    "hw_thermal",
    "hw_power_brake",
    "display",
)
"""Why clocks are held down, by the bit that says so, from bit 0 on."""
_SM: Final = 1
_MEMORY: Final = 2
_SENSOR: Final = 0
_MEMORY_V2: Final = 0x02000028
_ENERGY: Final[Key] = ("gpu_energy_joules_total", ())
_POWER: Final[Key] = ("gpu_power_watts", ())
_NEVER_ZERO: Final[frozenset[Key]] = frozenset(
    {
        _ENERGY,
        _POWER,
        ("gpu_power_instant_watts", ()),
        ("gpu_temperature_celsius", (("sensor", "memory"),)),
    }
)
"""0 only where it is not measured: on boards without the sensor, in the guest of a virtual GPU."""


def constants(ask: Query, device: Any) -> dict[Key, float]:
    """Return what does not change while the driver runs; asking for it costs milliseconds."""
    return _clocks(ask, device, "nvmlDeviceGetMaxClockInfo", "_max")


def values(ask: Query, device: Any) -> dict[Key, float]:
    """Return what a whole GPU reports at this moment, without its performance counters."""
    readings = memory(ask, device) | _fields(ask, device, _FIELDS)
    if _POWER not in readings:
        _put(readings, _POWER, ask("nvmlDeviceGetPowerUsage", device), 1e3)
    if _ENERGY not in readings:
        _put(readings, _ENERGY, ask("nvmlDeviceGetTotalEnergyConsumption", device), 1e3)
    limit = ask("nvmlDeviceGetEnforcedPowerLimit", device)
    _put(readings, ("gpu_power_limit_watts", ()), limit, 1e3)
    readings |= _clocks(ask, device, "nvmlDeviceGetClockInfo")
    degrees = ask("nvmlDeviceGetTemperatureV", device, _SENSOR)
    if degrees is None:
        degrees = ask("nvmlDeviceGetTemperature", device, _SENSOR)
    _put(readings, ("gpu_temperature_celsius", (("sensor", "gpu"),)), degrees, 1)
    busy = ask("nvmlDeviceGetUtilizationRates", device)
    if busy is not None:
        readings["gpu_utilization_ratio", ()] = busy.gpu / 100
        readings["gpu_memory_activity_ratio", ()] = busy.memory / 100
    readings |= _reasons(ask("nvmlDeviceGetCurrentClocksEventReasons", device))
    return {key: value for key, value in readings.items() if value or key not in _NEVER_ZERO}


def costly(ask: Query, device: Any) -> dict[Key, float]:
    """Return what a whole GPU reports and is read each `COSTLY_SECONDS`."""
    return _fields(ask, device, _COSTLY_FIELDS)


def memory(ask: Query, device: Any) -> dict[Key, float]:
    """Return the memory of a GPU or MIG instance in bytes, the driver's own share apart."""
    info = ask("nvmlDeviceGetMemoryInfo", device, _MEMORY_V2)
    if info is None:
        return {}
    return {
        ("gpu_memory_used_bytes", ()): float(info.used),
        ("gpu_memory_total_bytes", ()): float(info.total),
        ("gpu_memory_reserved_bytes", ()): float(info.reserved),
    }


def _fields(ask: Query, device: Any, fields: Mapping[int, tuple[Key, float]]) -> dict[Key, float]:
    values: dict[Key, float] = {}
    scoped = [(number, _ALL_LINKS if number in _BY_LINK else 0) for number in fields]
    for field in ask("nvmlDeviceGetFieldValues", device, scoped) or ():
        # each field has a verdict of its own, and says in which member its value lies
        if field.nvmlReturn == 0 and field.fieldId in fields and field.valueType < len(_MEMBERS):
            key, units = fields[field.fieldId]
            value = getattr(field.value, _MEMBERS[field.valueType]) / units
            values[key] = values.get(key, 0.0) + value
    return values


def _clocks(ask: Query, device: Any, function: str, suffix: str = "") -> dict[Key, float]:
    values: dict[Key, float] = {}
    for name, clock in (("sm", _SM), ("memory", _MEMORY)):
        megahertz = ask(function, device, clock)
        if megahertz is not None:
            values[f"gpu_{name}_clock{suffix}_hertz", ()] = megahertz * 1e6
    return values


def _reasons(bits: int | None) -> dict[Key, float]:
    if bits is None:
        return {}
    return {
        ("gpu_throttled", (("reason", reason),)): float(bits >> i & 1)
        for i, reason in enumerate(REASONS)
    }


def _put(values: dict[Key, float], key: Key, value: float | None, units: float) -> None:
    if value is not None:
        values[key] = value / units
