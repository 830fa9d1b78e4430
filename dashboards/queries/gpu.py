"""The GPU dashboard's queries; GPUs are joined to servers by UUID, never by index."""

from typing import Final

from .base import EXPORTER_MATCHERS, RELEASE_OF_CLUSTER, Query, joules_per_token, rate, selector

_GPU_LABELS: Final = "cluster, job, instance, uuid"
_GPUS_IN_USE: Final = f"max by ({_GPU_LABELS}, target) ({selector('server_gpu_info')})"
_ALL_GPUS: Final = (
    f"max by ({_GPU_LABELS}, gpu_model) ({selector('gpu_info', base=EXPORTER_MATCHERS)})"
)
# lines of one panel: the highest (clocks: the lowest), more are not readable
MOST_SERIES: Final = 20
NAME: Final = "{{target}} {{uuid}} {{cluster}}"


def _gpu(name: str, *matchers: str) -> str:
    return selector(name, *matchers, base=EXPORTER_MATCHERS)


def _with_target(expr: str) -> str:
    """Return a GPU's series with the server on it; the GPU variables choose."""
    return f"{expr} * on ({_GPU_LABELS}) group_left (target) {_GPUS_IN_USE}"


def _highest(name: str, *matchers: str, legend: str = NAME) -> Query:
    return Query(f"topk({MOST_SERIES}, {_with_target(_gpu(name, *matchers))})", legend)


def _highest_share(numerator: str, denominator: str, aggregation: str = "topk") -> Query:
    share = f"{_gpu(numerator)} / on ({_GPU_LABELS}) {_gpu(denominator)}"
    return Query(f"{aggregation}({MOST_SERIES}, {_with_target(share)})", NAME)


_LIMITING: Final = 'reason!~"gpu_idle|display|applications_clocks"'
_THROTTLED: Final = _gpu("gpu_throttled", _LIMITING)

GPUS: Final = Query(f"count({_ALL_GPUS})", "GPUs")
UNUSED: Final = Query(
    f"count({_ALL_GPUS} unless on ({_GPU_LABELS}) {_GPUS_IN_USE}) or vector(0)", "without a server"
)
TOTAL_POWER: Final = Query(f"sum({_gpu('gpu_power_watts')})", "drawn")
THROTTLED_NOW: Final = Query(
    f"count(max by ({_GPU_LABELS}) ({_THROTTLED}) > 0) or vector(0)",
    "held down",
)
HOTTEST: Final = Query(f"max({_gpu('gpu_temperature_celsius')})", "hottest")
FAULTS: Final = Query(
    f"sum(increase({_gpu('gpu_xid_errors_total')}[$__range])) or vector(0)", "XID errors"
)
SOURCES_DOWN: Final = Query(f"sum(1 - {_gpu('gpu_source_up')})", "sources down")

JOULES: Final = Query(
    joules_per_token(RELEASE_OF_CLUSTER),
    "{{model}} {{release}} {{gpu_model}} {{cluster}}",
)
JOULES_PROCESSED: Final = Query(
    f"topk({MOST_SERIES}, {selector('joules_per_processed_token')})", "{{target}} {{cluster}}"
)
IDLE_POWER: Final = Query(
    f"topk({MOST_SERIES}, {selector('idle_power_watts')})", "{{target}} {{cluster}}"
)
POWER: Final = _highest("gpu_power_watts")
POWER_SHARE: Final = _highest_share("gpu_power_watts", "gpu_power_limit_watts")
UTILIZATION: Final = _highest("gpu_utilization_ratio")
TENSOR: Final = _highest("gpu_tensor_active_ratio")
DRAM: Final = _highest("gpu_dram_active_ratio")
SM: Final = _highest("gpu_sm_active_ratio")
MEMORY: Final = _highest_share("gpu_memory_used_bytes", "gpu_memory_total_bytes")
CLOCK: Final = _highest_share("gpu_sm_clock_hertz", "gpu_sm_clock_max_hertz", "bottomk")
TEMPERATURE: Final = _highest("gpu_temperature_celsius", legend=NAME + " {{sensor}}")
THROTTLED: Final = Query(
    f"max by (reason) ({_THROTTLED})",
    "{{reason}}",
)
THROTTLED_SHARE: Final = Query(
    f"sum by (reason) ({rate('gpu_throttled_seconds_total', base=EXPORTER_MATCHERS)})"
    f" / on () group_left () count({_ALL_GPUS})",
    "{{reason}}",
)
PCIE: Final = Query(
    f"sum by (direction) ({rate('gpu_pcie_bytes_total', base=EXPORTER_MATCHERS)})",
    "PCIe {{direction}}",
)
NVLINK: Final = Query(
    f"sum by (direction) ({rate('gpu_nvlink_bytes_total', base=EXPORTER_MATCHERS)})",
    "NVLink {{direction}}",
)
XID: Final = Query(
    f"sum by (xid) (increase({_gpu('gpu_xid_errors_total')}[$__rate_interval])) > 0", "XID {{xid}}"
)
ECC: Final = Query(
    f"sum by (kind) (increase({_gpu('gpu_ecc_errors_total')}[$__rate_interval]))", "{{kind}}"
)

ROW_INFO: Final = Query(
    f"max by (cluster, uuid, gpu_model, host, index, driver) ({_gpu('gpu_info')})"
)
ROW_SERVER: Final = Query(f"max by (cluster, uuid, target) ({selector('server_gpu_info')})")


def _row(name: str) -> Query:
    return Query(f"max by (cluster, uuid) ({_gpu(name)})")


ROW_POWER: Final = _row("gpu_power_watts")
ROW_LIMIT: Final = _row("gpu_power_limit_watts")
ROW_TEMPERATURE: Final = _row("gpu_temperature_celsius")
ROW_TENSOR: Final = _row("gpu_tensor_active_ratio")
ROW_DRAM: Final = _row("gpu_dram_active_ratio")
ROW_MEMORY: Final = Query(
    f"max by (cluster, uuid) ({_gpu('gpu_memory_used_bytes')} / {_gpu('gpu_memory_total_bytes')})"
)
ROW_REMAP: Final = Query(
    f"max by (cluster, uuid) ({_gpu('gpu_row_remap_pending')} + 2 * {_gpu('gpu_row_remap_failed')})"
)
ROW_ACTION: Final = _row("gpu_recovery_action")
CONFLICTS: Final = Query(selector("gpu_count_conflict") + " > 0", "{{target}} {{cluster}}")
