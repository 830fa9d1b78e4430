"""GPUs that are broken, throttled, wasted, or misreported.

Read from the names by UUID of recording/gpu_names, so any source of telemetry will do.
"""

from typing import Final

from ..model import Group
from ..recording.workloads import LABELS, with_workload
from ..values import Values
from .family import Family
from .growth import appearance, growth

_HARD: Final = "sw_thermal|hw_thermal|hw_power_brake|hw_slowdown"
# what every source of telemetry shows of a GPU
_WATCHED: Final = "uuid:inferfleet_gpu_utilization_ratio:max"
_GPU: Final = "GPU {{ $labels.uuid }}{{ with $labels.target }} of {{ . }}{{ end }}"


def groups(values: Values) -> tuple[Group, ...]:
    """Return the alerts on GPUs."""
    family = Family("gpu", values)
    _throttled(
        family,
        "InferfleetGpuThrottled",
        _HARD,
        f"{_GPU} is held down ({{{{ $labels.reason }}}}) under load",
        f"{_GPU} spent {{{{ $value | humanizePercentage }}}} of the last five minutes with its "
        "clocks held down for {{ $labels.reason }}, while it had work: it is slower than its "
        "peers, and so is every server that waits for it.",
    )
    _throttled(
        family,
        "InferfleetGpuPowerCapped",
        "sw_power_cap",
        f"{_GPU} runs at its power limit",
        f"{_GPU} spent {{{{ $value | humanizePercentage }}}} of the last five minutes at its power "
        "limit: prefill is slower than the GPU could be.",
    )
    family.add(
        "InferfleetGpuLost",
        _served(values, f"max by {values.labels('uuid')} ({values.metric('gpu_up')}) == 0"),
        f"{_GPU} does not answer its driver",
        f"{_GPU} is lost or needs a reset (`inferfleet_gpu_up` is {{{{ $value }}}}): work on it "
        "has ended, and the server that uses it hangs or is down.",
        "gpu",
    )
    _xid(family)
    _memory(family)
    _links(family)
    family.add(
        "InferfleetGpuRecoveryNeeded",
        _served(values, "uuid:inferfleet_gpu_recovery_action:max > 0"),
        f"{_GPU} asks to be recovered",
        f"The driver asks for recovery of {_GPU}: action {{{{ $value }}}} (1 reset the GPU, 2 "
        "reboot the node, 3 drain it, 4 drain and reset).",
        "gpu",
    )
    _idle(family)
    _broken(family)
    return family.groups()


def _served(values: Values, expr: str) -> str:
    """Return an alert on a GPU with its server beside it, where one is known."""
    uuid = values.labels("uuid")
    link = f"max by {values.labels('uuid', 'target')} ({values.metric('server_gpu_info')})"
    # a shared GPU has several servers, and a join takes one
    server = f"topk by {uuid} (1, {with_workload(values, link)})"
    labels = ", ".join(("target", *LABELS))
    return (
        f"(({expr}) * on {uuid} group_left ({labels}) {server}) or ({expr}) unless on {uuid} {link}"
    )


def _throttled(family: Family, name: str, reasons: str, summary: str, description: str) -> None:
    uuid = family.values.labels("uuid")
    throttled = f'uuid_reason:inferfleet_gpu_throttled:ratio_rate5m{{reason=~"{reasons}"}}'
    family.add(
        name,
        _served(
            family.values,
            f"{throttled} > {family.limit(name, 'share')} and on {uuid}"
            f" uuid:inferfleet_gpu_utilization_ratio:max >= {family.limit(name, 'utilization')}",
        ),
        summary,
        description,
        "gpu",
    )


def _xid(family: Family) -> None:
    name, values = "InferfleetGpuXidError", family.values
    by, uuid = values.labels("uuid", "xid"), values.labels("uuid")
    window = family.limit(name, "window")
    codes = f'{{xid=~"{family.limit(name, "codes")}"}}'
    count = f"uuid_xid:inferfleet_gpu_xid_errors:max{codes}"
    last = f"uuid_xid:inferfleet_gpu_xid_last:info{codes}"
    # both begin to exist with the first event
    counted, shown = (appearance(series, window, by, _WATCHED, uuid) for series in (count, last))
    family.add(
        name,
        _served(
            values, f"{growth(count, window)} or {counted} or ({shown} unless on {by} {count})"
        ),
        f"{_GPU} reported XID {{{{ $labels.xid }}}}",
        f"{_GPU} reported XID {{{{ $labels.xid }}}} ({{{{ $value }}}} times, first seen within "
        f"the last {window}): the hardware or its driver failed, and processes on it have been or "
        "will be killed.",
        "gpu",
    )


def _memory(family: Family) -> None:
    name, values = "InferfleetGpuMemoryErrors", family.values
    uuid, window = values.labels("uuid"), family.limit(name, "window")
    errors = growth("uuid:inferfleet_gpu_ecc_uncorrected_errors:max", window)
    family.add(
        name,
        _served(values, f"{errors} or on {uuid} (uuid:inferfleet_gpu_row_remap_failed:max > 0)"),
        f"{_GPU} has memory it cannot correct",
        f"{_GPU} had {{{{ $value }}}} uncorrectable memory errors or rows that cannot be replaced "
        f"within {window}: work on it may crash, and it needs a reset at least.",
        "gpu",
    )
    family.add(
        "InferfleetGpuRowRemapPending",
        _served(values, "uuid:inferfleet_gpu_row_remap_pending:max > 0"),
        f"{_GPU} waits for a reset to replace a row of memory",
        f"{_GPU} has a row of memory to be replaced, which its next reset does; until then it "
        "works, without the memory around the row.",
        "gpu",
    )


def _links(family: Family) -> None:
    """NVLink and PCIe that make errors; `kind` says which, all are counted over the window."""
    name, values = "InferfleetGpuLinkErrors", family.values
    uuid, by = values.labels("uuid"), values.labels("uuid", "kind")
    window, seconds = family.limit(name, "window"), family.seconds(name, "window")
    replays = "uuid:inferfleet_gpu_pcie_replays:max"
    errors = "uuid_kind:inferfleet_gpu_nvlink_errors:max"
    crc, severe = f'{errors}{{kind="crc"}}', f'{errors}{{kind=~"replay|recovery"}}'
    # DCGM shows a count from its first error on, which has no increase
    first = appearance(severe, window, by, _WATCHED, uuid)
    parts = (
        f'label_replace(round(increase({replays}[{window}])), "kind", "pcie_replay", "", "")'
        f" > {family.limit(name, 'pcie_replays_per_minute')} * {seconds} / 60",
        f"round(increase({crc}[{window}])) > {family.limit(name, 'crc_per_second')} * {seconds}",
        f"({growth(severe, window)} or {first}) >= {family.limit(name, 'nvlink_errors')}",
    )
    family.add(
        name,
        _served(values, " or ".join(f"({part})" for part in parts)),
        f"{_GPU} has errors on its links ({{{{ $labels.kind }}}})",
        f"{_GPU} had {{{{ $value }}}} errors of the kind {{{{ $labels.kind }}}} within {window}, "
        "more than a sound link makes: traffic between GPUs, or with the host, is slower than it "
        "could be, and the link may fail.",
        "gpu",
    )


def _idle(family: Family) -> None:
    name, values = "InferfleetGpuIdleAllocated", family.values
    server, window = values.labels("target"), family.limit(name, "window")
    running = f"max_over_time(target:inferfleet_requests_running:mean5m[{window}])"
    # a server that was just started had no time to be used
    old = f"max by {server} (time() - {values.metric('server_start_time_seconds')})"
    old += f" > {family.seconds(name, 'window')}"
    family.add(
        name,
        f"target:inferfleet_gpus:max and on {server} ({running} == 0) and on {server} ({old})",
        "{{ $labels.target }} holds {{ $value }} GPUs and does nothing",
        f"{{{{ $labels.target }}}} has held {{{{ $value }}}} GPUs for {window} without one running "
        "request.",
        "server",
    )


def _broken(family: Family) -> None:
    name, values = "InferfleetGpuTelemetryBroken", family.values
    uuid = values.labels("uuid")
    family.add(
        name,
        _served(
            values,
            f"uuid:inferfleet_gpu_utilization_ratio:max > {family.limit(name, 'utilization')}"
            f" and on {uuid} (uuid:inferfleet_gpu_graphics_active_ratio:max == 0"
            f" or on {uuid} uuid:inferfleet_gpu_dram_active_ratio:max == 0)",
        ),
        f"{_GPU} is busy, says one counter, and idle, says another",
        f"{_GPU} is {{{{ $value | humanizePercentage }}}} utilised while its engine or memory "
        "activity reads exactly 0: the profiling counters are broken, and what is made from them "
        "is wrong.",
        "gpu",
    )
