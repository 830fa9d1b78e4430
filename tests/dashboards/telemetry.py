"""GPUs under the replayed fleet, one a server and one that nobody uses, as a source reports."""

from math import sin

from exporter.gpu.reading import GpuReading, Key
from exporter.gpu.source_poller import SourcePoller, State

USERS = ("dense-a", "dense-b", "dense-c", "moe-a", "sglang-a", "features")
_COUNT = len(USERS) + 1
_FAULTY = 2
_REASONS = ("sw_power_cap", "hw_slowdown", "sync_boost", "sw_thermal", "hw_thermal", "gpu_idle")


class InstantWatch(SourcePoller):
    """A source that answers at once, in the caller's thread."""

    def __init__(self, began: float, interval: float) -> None:
        super().__init__("nvml", lambda now: readings(now, began), interval, 5.0, 60.0)

    def tick(self, now: float) -> float:
        """Take a reading; another is due at once."""
        self.state = State(tuple(self._read(now)), now)
        return now


def uuid(target: str) -> str:
    """Return the UUID of a server's GPU."""
    return _uuid(USERS.index(target))


def _uuid(index: int) -> str:
    return f"GPU-{index:04d}"


def readings(now: float, began: float) -> list[GpuReading]:
    """Return every GPU at a time in monotonic seconds."""
    return [
        GpuReading(
            uuid=_uuid(index),
            model="NVIDIA H200",
            source="nvml",
            time=now,
            values=_values(index, index < len(USERS), now - began),
            host=f"node-{index // 4}",
            index=str(index % 4),
            driver="580.159.04",
        )
        for index in range(_COUNT)
    ]


def _values(index: int, used: bool, now: float) -> dict[Key, float]:
    work = 0.6 + 0.3 * sin(now / 400 + index) if used else 0.0
    capped = float(work > 0.85)
    age = now + 86400.0
    faulty = index == _FAULTY
    plain = {
        "energy_joules_total": (90.0 + 336.0 * used) * age,
        "power_watts": 110.0 + 560.0 * work,
        "power_limit_watts": 700.0,
        "memory_used_bytes": 128e9 if used else 1e9,
        "memory_total_bytes": 150.75e9,
        "sm_clock_hertz": (1.98 - 0.3 * capped) * 1e9,
        "sm_clock_max_hertz": 1.98e9,
        "utilization_ratio": 0.99 if used else 0.0,
        "sm_active_ratio": 0.8 * work,
        "tensor_active_ratio": 0.35 * work,
        "dram_active_ratio": 0.8 * work,
        "row_remap_pending": float(faulty),
        "row_remap_failed": 0.0,
        "recovery_action": float(faulty),
    }
    labelled = {
        ("temperature_celsius", "sensor", "gpu"): 38.0 + 30.0 * work,
        ("temperature_celsius", "sensor", "memory"): 44.0 + 34.0 * work,
        ("throttled_seconds_total", "reason", "sw_power_cap"): 0.05 * age * used,
        ("throttled_seconds_total", "reason", "hw_thermal"): 0.0,
        ("ecc_errors_total", "kind", "corrected"): age // 1800 if faulty else 0.0,
        ("ecc_errors_total", "kind", "uncorrected"): 0.0,
        ("xid_errors_total", "xid", "63"): float(faulty and now > 2000.0),
        ("pcie_bytes_total", "direction", "transmit"): 2e8 * age * used,
        ("pcie_bytes_total", "direction", "receive"): 3e8 * age * used,
        ("nvlink_bytes_total", "direction", "transmit"): 1e9 * age * used,
        ("nvlink_bytes_total", "direction", "receive"): 1e9 * age * used,
        **{
            ("throttled", "reason", reason): _throttled(reason, capped, used) for reason in _REASONS
        },
    }
    return {
        **{(f"gpu_{name}", ()): value for name, value in plain.items()},
        **{(f"gpu_{n}", ((label, of),)): value for (n, label, of), value in labelled.items()},
    }


def _throttled(reason: str, capped: float, used: bool) -> float:
    return {"sw_power_cap": capped, "gpu_idle": float(not used)}.get(reason, 0.0)
