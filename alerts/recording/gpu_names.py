"""GPU telemetry under one name a quantity, whether the exporter tells it or DCGM, scraped directly.

DCGM renamed its fields and changed their units between releases; a fleet in the middle of that has
both. Each quantity is read from every spelling and recorded by UUID in base units: rates are taken
before names are changed, and copies of a GPU's series (one for each pod that ever had it) count
once. Raw DCGM names stand in this file only; the source is DCGM's field list.
"""

from typing import Final

from ..model import Group, Record
from ..values import Values

_MIB: Final = "* 1048576"
# quantity -> DCGM fields, newest spelling first, with what makes base units of them
_GAUGES: Final = {
    "utilization_ratio": (("DCGM_FI_DEV_GPU_UTIL_RATIO", ""), ("DCGM_FI_DEV_GPU_UTIL", "/ 100")),
    "memory_used_bytes": (("DCGM_FI_DEV_FB_USED_BYTES", ""), ("DCGM_FI_DEV_FB_USED", _MIB)),
    "memory_total_bytes": (("DCGM_FI_DEV_FB_CAPACITY_BYTES", ""), ("DCGM_FI_DEV_FB_TOTAL", _MIB)),
    "sm_clock_hertz": (("DCGM_FI_DEV_SM_CLOCK_HERTZ", ""), ("DCGM_FI_DEV_SM_CLOCK", "* 1e6")),
    "temperature_celsius": (("DCGM_FI_DEV_GPU_TEMP_CELSIUS", ""), ("DCGM_FI_DEV_GPU_TEMP", "")),
    "power_limit_watts": (
        ("DCGM_FI_DEV_BOARD_POWER_LIMIT_ENFORCED_WATTS", ""),
        ("DCGM_FI_DEV_ENFORCED_POWER_LIMIT", ""),
    ),
    "graphics_active_ratio": (
        ("DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO", ""),
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", ""),
    ),
    "tensor_active_ratio": (
        ("DCGM_FI_PROF_TENSOR_UTIL_RATIO", ""),
        ("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", ""),
    ),
    "dram_active_ratio": (
        ("DCGM_FI_PROF_DRAM_UTIL_RATIO", ""),
        ("DCGM_FI_PROF_DRAM_ACTIVE", ""),
    ),
    "row_remap_pending": (("DCGM_FI_DEV_ROW_REMAP_PENDING", ""),),
    "row_remap_failed": (
        ("DCGM_FI_DEV_ROW_REMAP_FAILED", ""),
        ("DCGM_FI_DEV_ROW_REMAP_FAILURE", ""),
    ),
    "recovery_action": (
        ("DCGM_FI_DEV_GPU_RECOVERY_ACTION", ""),
        ("DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION", ""),
    ),
}
_ENERGY: Final = (
    ("DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL", ""),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "/ 1000"),
)
_THROTTLED: Final = {
    "sw_power_cap": (
        ("DCGM_FI_DEV_GPU_POWER_THROTTLE_SECONDS_TOTAL", ""),
        ("DCGM_FI_DEV_CLOCKS_EVENT_REASON_SW_POWER_CAP_NS", "/ 1e9"),
        ("DCGM_FI_DEV_POWER_VIOLATION", "/ 1e9"),
    ),
    "sync_boost": (
        ("DCGM_FI_DEV_GPU_SYNC_BOOST_THROTTLE_SECONDS_TOTAL", ""),
        ("DCGM_FI_DEV_CLOCKS_EVENT_REASON_SYNC_BOOST_NS", "/ 1e9"),
        ("DCGM_FI_DEV_SYNC_BOOST_VIOLATION", "/ 1e9"),
    ),
    "sw_thermal": (("DCGM_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_NS", "/ 1e9"),),
    "hw_thermal": (("DCGM_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_NS", "/ 1e9"),),
    "hw_power_brake": (("DCGM_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_NS", "/ 1e9"),),
}
_LAST_XID: Final = ("DCGM_FI_DEV_XID_ERROR", "DCGM_FI_DEV_XID_ERRORS")
# values DCGM writes for "blank": 2^31 - 16 and up, 2^63 - 16 and up
_BLANK: Final = "< 2147483632"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the rules that give each quantity its one name."""
    rules = [_gauge(values, name, spellings) for name, spellings in _GAUGES.items()]
    energy = f"rate({values.metric('gpu_energy_joules_total')}[5m])"
    rules.append(
        Record(
            record="uuid:inferfleet_gpu_power_watts:rate5m",
            expr=_either(values, energy, *(_rate(values, *one) for one in _ENERGY)),
        )
    )
    rules += [_info(values), _throttled(values), *_xids(values), _ecc(values)]
    return (Group(name="inferfleet-gpu-names", interval=values.interval, rules=tuple(rules)),)


def _gauge(values: Values, name: str, spellings: tuple[tuple[str, str], ...]) -> Record:
    sensor = ('sensor="gpu"',) if name == "temperature_celsius" else ()
    own = values.metric(f"gpu_{name}", *sensor)
    # a MIG slice has its own engines and memory, but no name of its own here
    raw = (f"({_dcgm(values, field)} {_BLANK}) {scale}".rstrip() for field, scale in spellings)
    return Record(record=f"uuid:inferfleet_gpu_{name}:max", expr=_either(values, own, *raw))


def _rate(values: Values, field: str, scale: str) -> str:
    return f"rate({_dcgm(values, field)}[5m]) {scale}".rstrip()


def _dcgm(values: Values, field: str, *matchers: str) -> str:
    found = ", ".join(filter(None, (*matchers, values.dcgm_selector)))
    return f"{field}{{{found}}}" if found else field


def _either(values: Values, own: str, *raw: str, by: tuple[str, ...] = ()) -> str:
    """Return the exporter's own figure by GPU, else the first DCGM spelling that has one."""
    kept = values.labels("uuid", *by)
    parts = [f"max by {kept} ({own})"]
    parts += [f"max by {kept} ({_uuid(one)})" for one in raw]
    return " or ".join(parts)


def _uuid(expr: str) -> str:
    return f'label_replace({expr}, "uuid", "$1", "UUID", "(.+)")'


def _info(values: Values) -> Record:
    """Return which pod a GPU belongs to, whichever way Prometheus was told to keep the label."""
    field = _dcgm(values, "DCGM_FI_DEV_GPU_UTIL_RATIO"), _dcgm(values, "DCGM_FI_DEV_GPU_UTIL")
    text = f"{field[0]} or {field[1]}"
    text = f'label_replace({text}, "host", "$1", "Hostname", "(.+)")'
    text = f'label_replace({text}, "host", "$1", "hostname", "(.+)")'
    text = f'label_replace({text}, "gpu_model", "$1", "modelName", "(.+)")'
    for name in ("pod", "namespace"):
        text = f'label_replace({text}, "gpu_{name}", "$1", "exported_{name}", "(.+)")'
    kept = values.labels("uuid", "host", "gpu_model", "gpu_pod", "gpu_namespace")
    return Record(record="uuid:inferfleet_gpu:info", expr=f"group by {kept} ({_uuid(text)})")


def _throttled(values: Values) -> Record:
    own = f"rate({values.metric('gpu_throttled_seconds_total')}[5m])"
    state = f"avg_over_time({values.metric('gpu_throttled')}[5m])"
    raw = [
        f'label_replace({_rate(values, *one)}, "reason", "{reason}", "", "")'
        for reason, spellings in _THROTTLED.items()
        for one in spellings
    ]
    kept = values.labels("uuid", "reason")
    expr = _either(values, own, *raw, by=("reason",))
    return Record(
        record="uuid_reason:inferfleet_gpu_throttled:ratio_rate5m",
        expr=f"{expr} or max by {kept} ({state})",
    )


def _xids(values: Values) -> tuple[Record, ...]:
    kept = values.labels("uuid", "xid")
    own = values.metric("gpu_xid_errors_total")
    counted = f"max by {kept} ({own}) or max by {kept} "
    counted += f"({_uuid(_dcgm(values, 'DCGM_EXP_XID_ERRORS_TOTAL'))})"
    last = _either(
        values,
        values.metric("gpu_xid_last_code"),
        *(f"({_dcgm(values, field)} > 0) {_BLANK}" for field in _LAST_XID),
    )
    by = values.labels("uuid")
    return (
        Record(record="uuid_xid:inferfleet_gpu_xid_errors:max", expr=counted),
        Record(
            record="uuid_xid:inferfleet_gpu_xid_last:info",
            expr=f'count_values by {by} ("xid", {last})',
        ),
    )


def _ecc(values: Values) -> Record:
    own = values.metric("gpu_ecc_errors_total", 'kind="uncorrected"')
    raw = f"{_dcgm(values, 'DCGM_FI_DEV_ECC_DBE_AGG_TOTAL')} {_BLANK}"
    return Record(
        record="uuid:inferfleet_gpu_ecc_uncorrected_errors:max", expr=_either(values, own, raw)
    )
