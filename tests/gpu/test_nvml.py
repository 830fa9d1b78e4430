"""NVML: what a recorded H100 told, and every way in which a driver or GPU fails to."""

import json
import logging
import sys
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from exporter.base.errors import GpuError
from exporter.gpu import nvml
from exporter.gpu.nvml import Nvml
from exporter.gpu.reading import GpuReading
from exporter.vocabulary.gpu import BY_NAME

from .fake_nvml import RECORDED, FakeNvml, field

NO_PERMISSION, LOST, RESET, UNKNOWN = 4, 15, 16, 999


def readings(fake: FakeNvml, times: int) -> list[GpuReading]:
    """Return the one GPU of the recording, read each second."""
    nvml = Nvml(fake)
    return [gpu for second in range(times) for gpu in nvml.read(float(second))]


def recorded(function: str, number: int) -> Any:
    """Return the answer to the nth call of a function in the recording."""
    calls = [c for c in json.loads(RECORDED.read_text()) if c.get("call") == function]
    return calls[number]["answer"]


@pytest.mark.parametrize(
    ("name", "model"), [("h100-580", "NVIDIA H100 80GB HBM3"), ("h200-580", "NVIDIA H200")]
)
def test_a_recorded_gpu_tells_every_series_that_nvml_has(name: str, model: str) -> None:
    gpu = readings(FakeNvml(RECORDED.with_name(f"{name}.json")), 6)[-1]
    assert gpu.model == model
    told = {family for family, _ in gpu.values}
    by_other_sources = {"gpu_xid_errors_total", "gpu_xid_last_code"}
    # not asked for when these were recorded
    later = {"gpu_nvlink_errors_total", "gpu_pcie_replays_total"}
    assert told == BY_NAME.keys() - by_other_sources - later


def test_values_are_in_base_units() -> None:
    fake = FakeNvml()
    gpu = readings(fake, 6)[-1]
    fields = {number: value for number, _, _, _, value in recorded("nvmlDeviceGetFieldValues", 5)}
    assert gpu.model == "NVIDIA H100 80GB HBM3"
    assert gpu.driver == "580.159.04"
    assert gpu.value("gpu_energy_joules_total") == fields[83] / 1000
    assert gpu.value("gpu_power_watts") == fields[185] / 1000
    assert gpu.value("gpu_power_limit_watts") == 700
    assert gpu.value("gpu_sm_clock_max_hertz") == 1.98e9
    assert gpu.value("gpu_memory_total_bytes") == 85520809984
    assert gpu.value("gpu_throttled_seconds_total", reason="sw_power_cap") == fields[74] / 1e9
    ratios = dict((number, value) for number, _, value in recorded("nvmlGpmMetricsGet", 4))
    assert gpu.value("gpu_tensor_active_ratio") == ratios[5] / 100
    assert 0.9 < ratios[5] / 100 < 1


def test_the_power_cap_holds_the_clocks_of_the_loaded_gpu() -> None:
    rest, *_, load = readings(FakeNvml(), 6)
    assert rest.value("gpu_throttled", reason="gpu_idle") == 1
    assert load.value("gpu_throttled", reason="sw_power_cap") == 1
    assert load.value("gpu_throttled", reason="gpu_idle") == 0


def test_performance_counters_need_two_samples_and_traffic_adds_up() -> None:
    first, second, third = readings(FakeNvml(), 3)
    assert first.value("gpu_tensor_active_ratio") is None
    assert second.value("gpu_tensor_active_ratio") is not None
    rates = [dict((n, v) for n, _, v in recorded("nvmlGpmMetricsGet", i))[21] for i in (0, 1)]
    moved = [gpu.value("gpu_pcie_bytes_total", direction="receive") for gpu in (second, third)]
    assert moved == pytest.approx([rates[0] * 2**20, sum(rates) * 2**20])


def test_nvlink_counts_what_was_copied_from_one_gpu_to_the_other() -> None:
    # recorded while 3580 GiB went from the first to the second
    nvml = Nvml(FakeNvml(RECORDED.with_name("h100-x2-nvlink-580.json")))
    _, before, after = (nvml.read(time) for time in (0.0, 1.0, 11.0))
    moved = {
        (gpu.index, direction): (gpu.value("gpu_nvlink_bytes_total", direction=direction) or 0.0)
        - (old.value("gpu_nvlink_bytes_total", direction=direction) or 0.0)
        for old, gpu in zip(before, after, strict=True)
        for direction in ("transmit", "receive")
    }
    copied = 3580 * 2**30
    assert moved == {
        ("0", "transmit"): copied,
        ("0", "receive"): 0,
        ("1", "transmit"): 0,
        ("1", "receive"): copied,
    }
    assert [gpu.uuid for gpu in after] == ["GPU-recorded-0", "GPU-recorded-1"]
    assert [gpu.pids for gpu in after] == [(1001,), (1001,)]


def test_samples_too_near_are_not_paired() -> None:
    nvml = Nvml(FakeNvml())
    nvml.read(0.0)
    (gpu,) = nvml.read(0.05)
    assert gpu.value("gpu_tensor_active_ratio") is None


def test_the_driver_is_opened_once() -> None:
    fake = FakeNvml()
    readings(fake, 6)
    assert fake.asked.count("nvmlInit") == 1
    assert fake.asked.count("nvmlDeviceGetHandleByIndex") == 1
    assert fake.asked.count("nvmlDeviceGetMaxClockInfo") == 2


def test_what_costs_the_driver_most_is_asked_seldom_and_energy_always() -> None:
    fake, driver, asked = FakeNvml(), FakeNvml(), list[list[int]]()

    def values(handle: Any, fields: list[tuple[int, int]]) -> Any:
        asked.append([number for number, _ in fields])
        return driver.nvmlDeviceGetFieldValues(handle, fields)

    fake.faults["nvmlDeviceGetFieldValues"] = values
    nvml = Nvml(fake)
    times = [2.0 * number for number in range(12)]
    for time in times:
        (gpu,) = nvml.read(time)
        assert gpu.value("gpu_throttled_seconds_total", reason="hw_thermal") == 0
        if time:
            assert gpu.value("gpu_graphics_active_ratio") is not None
    assert sum(83 in fields for fields in asked) == len(times)
    for costly in (161, 270):
        assert sum(costly in fields for fields in asked) == 3


def test_a_field_is_read_by_its_own_verdict_and_type() -> None:
    fake = FakeNvml()
    fake.faults["nvmlDeviceGetFieldValues"] = lambda *_: [
        field(185, 0, 0, 0, 123456.0),
        field(186, 0, 3, 1, 99.0),
        field(230, 0, 0, 5, 2),
        SimpleNamespace(fieldId=83, nvmlReturn=0, valueType=42, value=None),
    ]
    (gpu,) = readings(fake, 1)
    assert gpu.value("gpu_power_watts") == 123.456
    assert gpu.value("gpu_power_instant_watts") is None
    assert gpu.value("gpu_recovery_action") == 2
    # the field could not be read, so the older call was asked
    assert "nvmlDeviceGetTotalEnergyConsumption" in fake.asked


@pytest.mark.parametrize(
    ("answered", "errors"),
    [
        ({38: 3, 45: 4, 52: 5, 59: 6}, {"crc": 7, "replay": 5, "recovery": 6}),
        ({161: 5, 162: 6, 163: 7}, {"crc": 7, "replay": 5, "recovery": 6}),
        ({215: 6}, {"crc": None, "replay": None, "recovery": 6}),
        ({}, {"crc": None, "replay": None, "recovery": None}),
    ],
    ids=["before Hopper", "Hopper", "Blackwell", "no NVLink"],
)
def test_link_errors_of_every_generation(
    answered: dict[int, int], errors: dict[str, float | None]
) -> None:
    fake, scopes = FakeNvml(), dict[int, int]()

    def values(_: Any, fields: list[tuple[int, int]]) -> list[Any]:
        scopes.update(fields)
        known = {**answered, 94: 8}
        return [field(n, s, 0 if n in known else 3, 3, known.get(n, 0)) for n, s in fields]

    fake.faults["nvmlDeviceGetFieldValues"] = values
    (gpu,) = readings(fake, 1)
    assert {kind: gpu.value("gpu_nvlink_errors_total", kind=kind) for kind in errors} == errors
    assert gpu.value("gpu_pcie_replays_total") == 8
    assert {scopes[number] for number in (161, 162, 163, 215)} == {0xFFFFFFFF}
    assert {scopes[number] for number in (38, 45, 52, 59, 94)} == {0}


@pytest.fixture
def older() -> FakeNvml:
    """A driver that knows neither fields nor performance counters."""
    fake = FakeNvml()
    for name in ("nvmlDeviceGetFieldValues", "nvmlGpmQueryDeviceSupport"):
        fake.faults[name] = 13
    fake.faults["nvmlDeviceGetTemperatureV"] = 13
    fake.faults["nvmlDeviceGetTemperature"] = lambda *_: 40
    fake.faults["nvmlDeviceGetPowerUsage"] = lambda *_: 70500
    fake.faults["nvmlDeviceGetTotalEnergyConsumption"] = lambda *_: 1500
    return fake


def test_an_older_driver_tells_less(older: FakeNvml) -> None:
    gpu = readings(older, 2)[-1]
    assert gpu.value("gpu_power_watts") == 70.5
    assert gpu.value("gpu_energy_joules_total") == 1.5
    assert gpu.value("gpu_temperature_celsius", sensor="gpu") == 40
    assert gpu.value("gpu_tensor_active_ratio") is None
    assert gpu.value("gpu_up") == 1


@pytest.mark.parametrize(
    ("code", "mend"),
    [
        (12, "install the driver"),
        (9, "load the driver"),
        (18, "reboot it, or restart the container"),
        (4, "/dev/nvidia"),
    ],
)
def test_no_driver_is_one_sentence_with_its_mend(code: int, mend: str) -> None:
    fake = FakeNvml()
    fake.faults["nvmlInit"] = code
    with pytest.raises(GpuError, match=mend) as caught:
        Nvml(fake).read(0.0)
    assert str(pynvml.NVMLError(code)) in str(caught.value)


def test_a_driver_lost_in_mid_run_is_opened_anew() -> None:
    fake = FakeNvml()
    nvml = Nvml(fake)
    nvml.read(0.0)
    fake.faults["nvmlDeviceGetFieldValues"] = 1
    with pytest.raises(GpuError):
        nvml.read(1.0)
    fake.faults = {"nvmlInit": 9}
    with pytest.raises(GpuError):
        nvml.read(2.0)
    fake.faults = {}
    assert nvml.read(3.0)[0].value("gpu_up") == 1
    assert fake.asked.count("nvmlInit") == 3


@pytest.mark.parametrize("code", [LOST, RESET])
def test_a_lost_gpu_is_told_and_comes_back(code: int, caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeNvml()
    nvml = Nvml(fake)
    nvml.read(0.0)
    fake.faults["nvmlDeviceGetClockInfo"] = code
    for second in (1.0, 2.0):
        (gpu,) = nvml.read(second)
        assert dict(gpu.values) == {("gpu_up", ()): 0.0}
        assert gpu.pids == ()
    lines = [r.message for r in caplog.records if r.levelno == logging.ERROR]
    assert lines == [
        f"GPU GPU-recorded-0 is lost: {pynvml.NVMLError(code)}; reset it or reboot the node"
    ]
    fake.faults = {}
    assert nvml.read(3.0)[0].value("gpu_up") == 1


def test_a_gpu_that_answers_nothing_is_no_healthy_gpu(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeNvml()
    nvml = Nvml(fake)
    nvml.read(0.0)
    for name in set(fake.asked) - {"nvmlDeviceGetCount"}:
        fake.faults[name] = UNKNOWN
    for name in ("PowerUsage", "TotalEnergyConsumption", "Temperature"):
        fake.faults[f"nvmlDeviceGet{name}"] = UNKNOWN
    (gpu,) = nvml.read(1.0)
    assert dict(gpu.values) == {("gpu_up", ()): 0.0}
    assert "answers no question" in caplog.text


def test_a_refused_call_costs_its_series_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeNvml()
    fake.faults["nvmlGpmSampleGet"] = NO_PERMISSION
    gpu = readings(fake, 3)[-1]
    assert gpu.value("gpu_tensor_active_ratio") is None
    assert gpu.value("gpu_power_watts") is not None
    lines = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert len(lines) == 1
    assert "nvmlGpmSampleGet is refused" in lines[0]
    # the sample that was not filled is tried again, not left behind
    assert fake.asked.count("nvmlGpmSampleAlloc") == 1


def test_a_gpu_refused_from_the_start_leaves_the_others() -> None:
    fake = FakeNvml()
    handles = {0: "handle 0"}

    def handle(index: int) -> str:
        if index not in handles:
            raise pynvml.NVMLError(LOST)
        return handles[index]

    fake.faults["nvmlDeviceGetCount"] = lambda: 2
    fake.faults["nvmlDeviceGetHandleByIndex"] = handle
    assert [gpu.index for gpu in readings(fake, 1)] == ["0"]


def test_a_lost_gpu_is_looked_up_anew_after_a_while() -> None:
    fake = FakeNvml()
    nvml = Nvml(fake)
    nvml.read(0.0)
    fake.faults |= {"nvmlDeviceGetClockInfo": LOST, "nvmlDeviceGetHandleByIndex": LOST}
    nvml.read(1.0)
    assert fake.asked.count("nvmlDeviceGetHandleByIndex") == 1
    (gpu,) = nvml.read(61.0)
    assert fake.asked.count("nvmlDeviceGetHandleByIndex") == 2
    assert (gpu.uuid, gpu.value("gpu_up")) == ("GPU-recorded-0", 0)
    fake.faults = {}
    (gpu,) = nvml.read(122.0)
    assert gpu.value("gpu_up") == 1
    nvml.read(300.0)
    assert fake.asked.count("nvmlDeviceGetHandleByIndex") == 3


def test_a_gpu_lost_before_the_start_comes_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake = FakeNvml()
    fake.faults["nvmlDeviceGetHandleByIndex"] = LOST
    nvml = Nvml(fake)
    assert [nvml.read(float(second)) for second in range(0, 121, 30)] == [[]] * 5
    assert len(caplog.records) == 1
    fake.faults = {}
    assert nvml.read(180.0)[0].value("gpu_up") == 1


def test_a_driver_that_loses_all_is_an_error_with_words() -> None:
    fake = FakeNvml()
    fake.faults["nvmlDeviceGetCount"] = LOST
    with pytest.raises(GpuError, match="lost"):
        Nvml(fake).read(0.0)


def test_a_driver_that_does_not_count_its_gpus_fails() -> None:
    fake = FakeNvml()
    fake.faults["nvmlDeviceGetCount"] = UNKNOWN
    with pytest.raises(GpuError, match="how many"):
        Nvml(fake).read(0.0)


def test_gpus_that_come_later_are_found() -> None:
    fake = FakeNvml()
    count = [0]
    fake.faults["nvmlDeviceGetCount"] = lambda: count[0]
    nvml = Nvml(fake)
    assert nvml.read(0.0) == []
    count[0] = 1
    assert len(nvml.read(1.0)) == 1


def test_a_divided_gpu_and_its_instances() -> None:
    fake = FakeNvml()
    part = {"UUID": "MIG-1", "Name": "NVIDIA H100 80GB HBM3 MIG 3g.40gb"}
    whole = {"UUID": "GPU-1", "Name": "NVIDIA H100 80GB HBM3"}

    def instance(_: str, number: int) -> str:
        if number:
            raise pynvml.NVMLError(6)
        return "part"

    def memory(handle: str, _: int) -> SimpleNamespace:
        return SimpleNamespace(used=1, total=40 if handle == "part" else 80, reserved=0)

    fake.faults |= {
        "nvmlDeviceGetMigMode": lambda _: [1, 1],
        "nvmlDeviceGetMaxMigDeviceCount": lambda _: 7,
        "nvmlDeviceGetMigDeviceHandleByIndex": instance,
        "nvmlDeviceGetGpuInstanceId": lambda _: 2,
        "nvmlDeviceGetUUID": lambda handle: (part if handle == "part" else whole)["UUID"],
        "nvmlDeviceGetName": lambda handle: (part if handle == "part" else whole)["Name"],
        "nvmlDeviceGetMemoryInfo": memory,
        "nvmlDeviceGetUtilizationRates": 3,
        "nvmlGpmMigSampleGet": lambda *_: None,
        "nvmlDeviceGetComputeRunningProcesses": lambda _: [SimpleNamespace(pid=7)],
    }
    nvml = Nvml(fake)
    nvml.read(0.0)
    gpu, mig = nvml.read(1.0)
    assert (gpu.uuid, gpu.shared, gpu.mig_profile) == ("GPU-1", True, "")
    assert gpu.value("gpu_energy_joules_total") is not None
    assert gpu.value("gpu_utilization_ratio") is None
    assert (mig.uuid, mig.mig_profile, mig.index) == ("MIG-1", "3g.40gb", "0")
    assert mig.value("gpu_memory_total_bytes") == 40
    assert mig.value("gpu_energy_joules_total") is None
    assert mig.value("gpu_tensor_active_ratio") is not None
    assert mig.pids == (7,)


def test_the_recording_names_no_machine() -> None:
    for path in RECORDED.parent.glob("*.json"):
        calls = json.loads(path.read_text(encoding="utf-8"))
        uuids = {c["answer"] for c in calls if c.get("call") == "nvmlDeviceGetUUID"}
        assert uuids
        assert all(uuid.startswith("GPU-recorded-") for uuid in uuids)


def test_without_a_driver_its_binding_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "_LIBRARY", "libno-such-driver.so.1")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(GpuError, match=r"libno-such-driver\.so\.1.*; install the driver, or set"):
        Nvml().read(0.0)
