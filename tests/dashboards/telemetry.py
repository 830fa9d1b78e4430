"""GPU telemetry as the exporter publishes it, written out: one GPU a server, and one unused."""

from math import sin

_SERVERS = ("dense-a", "dense-b", "dense-c", "moe-a", "sglang-a", "features", "")
_REASONS = ("sw_power_cap", "hw_slowdown", "sync_boost", "sw_thermal", "hw_thermal", "gpu_idle")


def page(now: float) -> str:
    """Return the lines of every GPU after so many seconds."""
    lines = ['inferfleet_gpu_source_up{source="nvml"} 1', _source_age(now)]
    for index, target in enumerate(_SERVERS):
        uuid = f"GPU-{index:04d}"
        lines.append(
            f'inferfleet_gpu_info{{uuid="{uuid}",gpu_model="NVIDIA H200",host="node-{index // 4}",'
            f'index="{index % 4}",driver="580.159.04",mig_profile="",source="nvml"}} 1'
        )
        for name, value in _values(index, bool(target), now).items():
            head, _, more = name.partition("{")
            labels = f'uuid="{uuid}"' + (f",{more}" if more else "}")
            lines.append(f"inferfleet_gpu_{head}{{{labels.rstrip('}')}}} {value!r}")
        if target:
            lines += _server(target, uuid, now, index)
    return "\n".join(lines) + "\n"


def _source_age(now: float) -> str:
    return f'inferfleet_gpu_reading_age_seconds{{source="nvml"}} {1.0 + 0.5 * sin(now)!r}'


def _server(target: str, uuid: str, now: float, index: int) -> list[str]:
    joules = 0.16 + 0.03 * sin(now / 300 + index)
    told = {
        "joules_per_token": joules,
        "joules_per_processed_token": joules / 4,
        "idle_power_watts": 118.0 + index,
        "gpu_count_conflict": 0.0,
    }
    return [
        f'inferfleet_server_gpu_info{{target="{target}",uuid="{uuid}",gpu_model="NVIDIA H200",'
        'source="pod"} 1',
        *(f'inferfleet_{name}{{target="{target}"}} {value!r}' for name, value in told.items()),
    ]


def _values(index: int, used: bool, now: float) -> dict[str, float]:
    work = 0.6 + 0.3 * sin(now / 400 + index) if used else 0.0
    capped = float(work > 0.85)
    age = now + 86400.0
    return {
        "energy_joules_total": (90.0 + 400.0 * 0.6 * used) * age,
        "power_watts": 110.0 + 560.0 * work,
        "power_limit_watts": 700.0,
        "memory_used_bytes": 128e9 if used else 1e9,
        "memory_total_bytes": 150.75e9,
        "sm_clock_hertz": (1.98 - 0.3 * capped) * 1e9,
        "sm_clock_max_hertz": 1.98e9,
        'temperature_celsius{sensor="gpu"}': 38.0 + 30.0 * work,
        'temperature_celsius{sensor="memory"}': 44.0 + 34.0 * work,
        "utilization_ratio": 0.99 if used else 0.0,
        "sm_active_ratio": 0.8 * work,
        "tensor_active_ratio": 0.35 * work,
        "dram_active_ratio": 0.8 * work,
        **{f'throttled{{reason="{reason}"}}': _held(reason, capped, used) for reason in _REASONS},
        'throttled_seconds_total{reason="sw_power_cap"}': 0.05 * age * used,
        'throttled_seconds_total{reason="hw_thermal"}': 0.0,
        'ecc_errors_total{kind="corrected"}': age // 1800 if index == 2 else 0.0,
        'ecc_errors_total{kind="uncorrected"}': 0.0,
        'xid_errors_total{xid="63"}': float(now > 2000.0) if index == 2 else 0.0,
        "row_remap_pending": float(index == 2),
        "row_remap_failed": 0.0,
        "recovery_action": float(index == 2),
        'pcie_bytes_total{direction="transmit"}': 2e8 * age * used,
        'pcie_bytes_total{direction="receive"}': 3e8 * age * used,
        'nvlink_bytes_total{direction="transmit"}': 0.0,
        'nvlink_bytes_total{direction="receive"}': 0.0,
    }


def _held(reason: str, capped: float, used: bool) -> float:
    return {"sw_power_cap": capped, "gpu_idle": float(not used)}.get(reason, 0.0)
