"""GPU telemetry under one name a quantity, from the exporter or from DCGM scraped directly.

DCGM renamed its fields and changed their units between releases; a fleet in the middle of that has
both. Each quantity is read from every spelling and recorded by UUID in base units: rates are taken
before names are changed, and copies of a GPU's series (one for each pod that ever had it) count
once. Which DCGM fields carry a quantity, in what order and unit, is the DCGM catalog's.
"""

from typing import Final

from exporter.gpu.catalog import GpuTerm, gpu_catalog

from ..model import Group, Record
from ..values import Values

# quantities of one value a GPU, canonical names without `gpu_`
_GAUGES: Final = (
    "utilization_ratio",
    "memory_used_bytes",
    "memory_total_bytes",
    "sm_clock_hertz",
    "temperature_celsius",
    "power_limit_watts",
    "graphics_active_ratio",
    "tensor_active_ratio",
    "dram_active_ratio",
    "row_remap_pending",
    "row_remap_failed",
    "recovery_action",
)
_INFO: Final = "gpu_utilization_ratio"
"""The family whose series name a GPU's host, model and pod: every dcgm-exporter shows it."""
# DCGM writes numbers from 2^31 - 16 and from 2^63 - 16 on where it has no value
_BLANK: Final = "< 2147483632"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the rules that give each quantity its one name."""
    rules = [_gauge(values, name) for name in _GAUGES]
    energy = f"rate({values.metric('gpu_energy_joules_total')}[5m])"
    raw = [_rate(values, term) for term in _terms("gpu_energy_joules_total")]
    rules.append(
        Record(record="uuid:inferfleet_gpu_power_watts:rate5m", expr=_either(values, energy, *raw))
    )
    rules += [_info(values), _throttled(values), *_xids(values), _ecc(values), *_links(values)]
    return (Group(name="inferfleet-gpu-names", interval=values.interval, rules=tuple(rules)),)


def _terms(family: str, **labels: str) -> list[GpuTerm]:
    """Return the DCGM fields that carry a family with these labels, the preferred one first."""
    terms = gpu_catalog("dcgm").families[family]
    return [term for term in terms if labels.items() <= term.label.items()]


def _gauge(values: Values, name: str) -> Record:
    labels = {"sensor": "gpu"} if name == "temperature_celsius" else {}
    own = values.metric(f"gpu_{name}", *(f'{key}="{value}"' for key, value in labels.items()))
    # a MIG slice has its own engines and memory, but no name of its own here
    raw = (_base_units(_value(values, term), term) for term in _terms(f"gpu_{name}", **labels))
    return Record(record=f"uuid:inferfleet_gpu_{name}:max", expr=_either(values, own, *raw))


def _value(values: Values, term: GpuTerm) -> str:
    """Return a field's value, blanks and what stands for nothing left out; parts are added up."""
    above_zero = "> 0 " if term.absent == "zero" else ""
    parts = [f"({_dcgm(values, field)} {above_zero}{_BLANK})" for field in (term.raw, *term.plus)]
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"


def _rate(values: Values, term: GpuTerm) -> str:
    return _base_units(f"rate({_dcgm(values, term.raw)}[5m])", term)


def _base_units(expr: str, term: GpuTerm) -> str:
    """Return an expression of raw values in base units; a division keeps round figures round."""
    if term.scale == 1:
        return expr
    if term.scale > 1:
        return f"{expr} * {_digits(round(term.scale))}"
    return f"{expr} / {_digits(round(1 / term.scale))}"


def _digits(factor: int) -> str:
    zeros = len(str(factor)) - len(str(factor).rstrip("0"))
    return f"{factor // 10**zeros}e{zeros}" if zeros > 3 else str(factor)


def _dcgm(values: Values, field: str) -> str:
    return f"{field}{{{values.dcgm_selector}}}" if values.dcgm_selector else field


def _either(values: Values, own: str, *raw: str, by: tuple[str, ...] = ()) -> str:
    """Return the exporter's own figure by GPU, else the first DCGM spelling that has one."""
    labels = values.labels("uuid", *by)
    parts = [f"max by {labels} ({own})"]
    parts += [f"max by {labels} ({_uuid(expr)})" for expr in raw]
    return " or ".join(parts)


def _uuid(expr: str) -> str:
    return f'label_replace({expr}, "uuid", "$1", "UUID", "(.+)")'


def _info(values: Values) -> Record:
    """Return which pod a GPU belongs to, however Prometheus was configured to keep the label."""
    text = " or ".join(_dcgm(values, term.raw) for term in _terms(_INFO))
    text = f'label_replace({text}, "host", "$1", "Hostname", "(.+)")'
    text = f'label_replace({text}, "host", "$1", "hostname", "(.+)")'
    text = f'label_replace({text}, "gpu_model", "$1", "modelName", "(.+)")'
    for name in ("pod", "namespace"):
        text = f'label_replace({text}, "gpu_{name}", "$1", "exported_{name}", "(.+)")'
    labels = values.labels("uuid", "host", "gpu_model", "gpu_pod", "gpu_namespace")
    return Record(record="uuid:inferfleet_gpu:info", expr=f"group by {labels} ({_uuid(text)})")


def _throttled(values: Values) -> Record:
    own = f"rate({values.metric('gpu_throttled_seconds_total')}[5m])"
    state = f"avg_over_time({values.metric('gpu_throttled')}[5m])"
    raw = [
        f'label_replace({_rate(values, term)}, "reason", "{term.label["reason"]}", "", "")'
        for term in _terms("gpu_throttled_seconds_total")
    ]
    labels = values.labels("uuid", "reason")
    expr = _either(values, own, *raw, by=("reason",))
    return Record(
        record="uuid_reason:inferfleet_gpu_throttled:ratio_rate5m",
        expr=f"{expr} or max by {labels} ({state})",
    )


def _xids(values: Values) -> tuple[Record, ...]:
    labels = values.labels("uuid", "xid")
    own = values.metric("gpu_xid_errors_total")
    (counter,) = _terms("gpu_xid_errors_total")
    counted = f"max by {labels} ({own}) or max by {labels} ({_uuid(_dcgm(values, counter.raw))})"
    last = _either(
        values,
        values.metric("gpu_xid_last_code"),
        *(_value(values, term) for term in _terms("gpu_xid_last_code")),
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
    raw = (_value(values, term) for term in _terms("gpu_ecc_errors_total", kind="uncorrected"))
    return Record(
        record="uuid:inferfleet_gpu_ecc_uncorrected_errors:max", expr=_either(values, own, *raw)
    )


def _links(values: Values) -> tuple[Record, Record]:
    """Return the counts of what went wrong on a GPU's links, in whole numbers."""
    errors, replays = "gpu_nvlink_errors_total", "gpu_pcie_replays_total"
    by_kind = [
        f'label_replace({_value(values, term)}, "kind", "{term.label["kind"]}", "", "")'
        for term in _terms(errors)
    ]
    return (
        Record(
            record="uuid_kind:inferfleet_gpu_nvlink_errors:max",
            expr=_either(values, values.metric(errors), *by_kind, by=("kind",)),
        ),
        Record(
            record="uuid:inferfleet_gpu_pcie_replays:max",
            expr=_either(
                values, values.metric(replays), *(_value(values, term) for term in _terms(replays))
            ),
        ),
    )
