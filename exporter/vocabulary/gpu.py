"""The canonical vocabulary of GPU telemetry, whatever source reports it.

Names here are without the `inferfleet_` prefix; every family carries the label `uuid` beside its
own. Units are the Prometheus base units, ratios run from 0 to 1.
"""

from typing import Final

from .family import Family

FAMILIES: Final = (
    Family(
        "gpu_up",
        "gauge",
        "1 while the GPU answers its driver, 0 once it is lost or needs a reset.",
    ),
    Family("gpu_energy_joules_total", "counter", "Energy drawn by the GPU board."),
    Family("gpu_power_watts", "gauge", "Power drawn, as the driver averages it (about a second)."),
    Family("gpu_power_instant_watts", "gauge", "Power drawn at the moment of reading."),
    Family("gpu_power_limit_watts", "gauge", "Power limit in force."),
    Family("gpu_memory_used_bytes", "gauge", "Memory in use, by whomever."),
    Family("gpu_memory_total_bytes", "gauge", "Memory of the GPU."),
    Family("gpu_memory_reserved_bytes", "gauge", "Memory the driver keeps for itself."),
    Family("gpu_sm_clock_hertz", "gauge", "SM clock."),
    Family("gpu_sm_clock_max_hertz", "gauge", "Highest SM clock."),
    Family("gpu_memory_clock_hertz", "gauge", "Memory clock."),
    Family("gpu_memory_clock_max_hertz", "gauge", "Highest memory clock."),
    Family("gpu_temperature_celsius", "gauge", "Temperature by sensor: gpu, memory.", ("sensor",)),
    Family(
        "gpu_utilization_ratio",
        "gauge",
        "Share of time in which any kernel ran; near 1 under any load, so no measure of work.",
    ),
    Family("gpu_memory_activity_ratio", "gauge", "Share of time in which memory was accessed."),
    Family("gpu_graphics_active_ratio", "gauge", "Share of time the compute engine was active."),
    Family("gpu_sm_active_ratio", "gauge", "Share of SM cycles with a warp resident."),
    Family("gpu_sm_occupancy_ratio", "gauge", "Warps resident over those that fit."),
    Family("gpu_tensor_active_ratio", "gauge", "Share of cycles the tensor pipes were active."),
    Family("gpu_dram_active_ratio", "gauge", "Share of cycles the memory interface was active."),
    Family(
        "gpu_throttled",
        "gauge",
        "1 while clocks are held down for a reason, else 0: sw_power_cap, hw_slowdown, sync_boost, "
        "sw_thermal, hw_thermal, hw_power_brake, display, gpu_idle, applications_clocks.",
        ("reason",),
    ),
    Family(
        "gpu_throttled_seconds_total",
        "counter",
        "Time clocks were held down, by reason: sw_power_cap, sw_thermal, hw_thermal, "
        "hw_power_brake, sync_boost.",
        ("reason",),
    ),
    Family(
        "gpu_ecc_errors_total",
        "counter",
        "Memory errors over the GPU's life, by kind: corrected, uncorrected.",
        ("kind",),
    ),
    Family(
        "gpu_remapped_rows",
        "gauge",
        "Memory rows replaced, by cause: corrected, uncorrected.",
        ("cause",),
    ),
    Family("gpu_row_remap_pending", "gauge", "1 while a row waits for a reset to be replaced."),
    Family("gpu_row_remap_failed", "gauge", "1 if a row could not be replaced."),
    Family("gpu_xid_errors_total", "counter", "XID errors seen, by code.", ("xid",)),
    Family("gpu_xid_last_code", "gauge", "Code of the last XID error; absent before the first."),
    Family(
        "gpu_recovery_action",
        "gauge",
        "What the driver asks for: 0 nothing, 1 a GPU reset, 2 a node reboot, 3 draining, "
        "4 draining and a reset; higher numbers are newer drivers' own.",
    ),
    Family(
        "gpu_nvlink_bytes_total", "counter", "NVLink traffic: transmit, receive.", ("direction",)
    ),
    Family("gpu_pcie_bytes_total", "counter", "PCIe traffic: transmit, receive.", ("direction",)),
    Family(
        "gpu_nvlink_errors_total",
        "counter",
        "Errors of the GPU's NVLinks, by kind: crc, replay, recovery.",
        ("kind",),
    ),
    Family("gpu_pcie_replays_total", "counter", "PCIe packets that had to be sent again."),
    Family("gpu_processes", "gauge", "Processes with a context on the GPU."),
)

BY_NAME: Final = {family.name: family for family in FAMILIES}
