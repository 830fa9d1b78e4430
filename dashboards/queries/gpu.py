"""The GPU dashboard's queries; GPUs are joined to servers by UUID, never by index."""

from typing import Final

from .base import EXPORTER, RECORDED, Query, joules, rate, series

_GPU: Final = "job, instance, uuid"
_USED: Final = f"max by ({_GPU}, target) ({series('server_gpu_info')})"
_KNOWN: Final = f"max by ({_GPU}, gpu_model) ({series('gpu_info', of=EXPORTER)})"
# lines of one panel: the highest (clocks: the lowest), more are not readable
MOST: Final = 20
NAME: Final = "{{target}} {{uuid}}"


def _gpu(name: str, *matchers: str) -> str:
    return series(name, *matchers, of=EXPORTER)


def _under(expr: str) -> str:
    """Return a GPU's series with the server on it; the GPU variables choose."""
    return f"{expr} * on ({_GPU}) group_left (target) {_USED}"


def _each(name: str, *matchers: str, legend: str = NAME) -> Query:
    return Query(f"topk({MOST}, {_under(_gpu(name, *matchers))})", legend)


def _share(name: str, of: str, pick: str = "topk") -> Query:
    whole = f"{_gpu(name)} / on ({_GPU}) {_gpu(of)}"
    return Query(f"{pick}({MOST}, {_under(whole)})", NAME)


_HARMLESS: Final = 'reason!~"gpu_idle|display|applications_clocks"'
_THROTTLED: Final = _gpu("gpu_throttled", _HARMLESS)

GPUS: Final = Query(f"count({_KNOWN})", "GPUs")
UNUSED: Final = Query(
    f"count({_KNOWN} unless on ({_GPU}) {_USED}) or vector(0)", "without a server"
)
DRAWN: Final = Query(f"sum({_gpu('gpu_power_watts')})", "drawn")
THROTTLED_NOW: Final = Query(
    f"count(max by ({_GPU}) ({_THROTTLED}) > 0) or vector(0)",
    "held down",
)
HOTTEST: Final = Query(f"max({_gpu('gpu_temperature_celsius')})", "hottest")
FAULTS: Final = Query(
    f"sum(increase({_gpu('gpu_xid_errors_total')}[$__range])) or vector(0)", "XID errors"
)
SOURCES_DOWN: Final = Query(f"sum(1 - {_gpu('gpu_source_up')})", "sources down")

JOULES: Final = Query(
    joules(RECORDED),
    "{{model}} {{release}} {{gpu_model}}",
)
JOULES_PROCESSED: Final = Query(
    f"topk({MOST}, {series('joules_per_processed_token')})", "{{target}}"
)
IDLE_POWER: Final = Query(f"topk({MOST}, {series('idle_power_watts')})", "{{target}}")
POWER: Final = _each("gpu_power_watts")
POWER_SHARE: Final = _share("gpu_power_watts", "gpu_power_limit_watts")
UTILIZATION: Final = _each("gpu_utilization_ratio")
TENSOR: Final = _each("gpu_tensor_active_ratio")
DRAM: Final = _each("gpu_dram_active_ratio")
SM: Final = _each("gpu_sm_active_ratio")
MEMORY: Final = _share("gpu_memory_used_bytes", "gpu_memory_total_bytes")
CLOCK: Final = _share("gpu_sm_clock_hertz", "gpu_sm_clock_max_hertz", "bottomk")
TEMPERATURE: Final = _each("gpu_temperature_celsius", legend=NAME + " {{sensor}}")
THROTTLED: Final = Query(
    f"max by (reason) ({_THROTTLED})",
    "{{reason}}",
)
THROTTLED_SHARE: Final = Query(
    f"sum by (reason) ({rate('gpu_throttled_seconds_total', of=EXPORTER)})"
    f" / on () group_left () count({_KNOWN})",
    "{{reason}}",
)
PCIE: Final = Query(
    f"sum by (direction) ({rate('gpu_pcie_bytes_total', of=EXPORTER)})", "PCIe {{direction}}"
)
NVLINK: Final = Query(
    f"sum by (direction) ({rate('gpu_nvlink_bytes_total', of=EXPORTER)})", "NVLink {{direction}}"
)
XID: Final = Query(
    f"sum by (xid) (increase({_gpu('gpu_xid_errors_total')}[$__rate_interval])) > 0", "XID {{xid}}"
)
ECC: Final = Query(
    f"sum by (kind) (increase({_gpu('gpu_ecc_errors_total')}[$__rate_interval]))", "{{kind}}"
)

ROW_WHO: Final = Query(f"max by (uuid, gpu_model, host, index, driver) ({_gpu('gpu_info')})")
ROW_SERVER: Final = Query(f"max by (uuid, target) ({series('server_gpu_info')})")


def _row(name: str) -> Query:
    return Query(f"max by (uuid) ({_gpu(name)})")


ROW_POWER: Final = _row("gpu_power_watts")
ROW_LIMIT: Final = _row("gpu_power_limit_watts")
ROW_TEMPERATURE: Final = _row("gpu_temperature_celsius")
ROW_TENSOR: Final = _row("gpu_tensor_active_ratio")
ROW_DRAM: Final = _row("gpu_dram_active_ratio")
ROW_MEMORY: Final = Query(
    f"max by (uuid) ({_gpu('gpu_memory_used_bytes')} / {_gpu('gpu_memory_total_bytes')})"
)
ROW_REMAP: Final = Query(
    f"max by (uuid) ({_gpu('gpu_row_remap_pending')} + 2 * {_gpu('gpu_row_remap_failed')})"
)
ROW_ACTION: Final = _row("gpu_recovery_action")
CONFLICTS: Final = Query(series("gpu_count_conflict") + " > 0", "{{target}}")
