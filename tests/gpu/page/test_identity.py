"""Identities of GPUs that are none, on pages of every exporter."""

from collections.abc import Iterable

import pytest

from exporter.base.errors import GpuPageError
from exporter.gpu.page.reader import GpuPages, read
from exporter.gpu.reading import GpuReading, Pod

ZERO = "00000000-0000-0000-0000-000000000000"
REAL = "GPU-7d2c0f6e-5a1b-4c3d-8e9f-0a1b2c3d4e5f"


def row(name: str, value: float, **labels: object) -> str:
    written = ",".join(f'{key}="{label}"' for key, label in labels.items())
    return f"{name}{{{written}}} {value}\n"


def amd(index: int, watts: float = 300, host: str = "node-1", **labels: object) -> str:
    """Return the rows of one GPU of AMD's exporter, whole and with nothing to tell it by."""
    given: dict[str, object] = {
        "gpu_id": index,
        "hostname": host,
        "serial_number": "",
        "card_model": "",
        "card_series": "AMD Instinct MI300X VF",
        "gpu_partition_id": 4294967295,
        "gpu_compute_partition_type": "spx",
        "namespace": "llm",
        "pod": f"vllm-{index}",
        **labels,
    }
    power = row("gpu_package_power", watts, **given)
    return power + row("gpu_used_vram", 1000 * (index + 1), **given)


def dcgm(index: int, watts: float = 300, host: str = "node-1", **labels: object) -> str:
    given = {"gpu": index, "Hostname": host, **labels}
    return row("DCGM_FI_DEV_POWER_USAGE", watts, **given)


def bus(index: int) -> str:
    return f"00000000:{index:02X}:00.0"


def watts(readings: Iterable[GpuReading]) -> dict[str, float | None]:
    return {
        gpu.uuid: gpu.value("gpu_power_watts") or gpu.value("gpu_power_instant_watts")
        for gpu in readings
    }


@pytest.mark.parametrize(
    "uuid", [ZERO, "GPU-" + ZERO, "N/A", "", "ffffffff-ffff-ffff-ffff-ffffffffffff", "0x0"]
)
def test_what_is_no_uuid_is_refused_with_the_number_of_gpus(uuid: str) -> None:
    for page in (
        "".join(amd(i, gpu_uuid=uuid) for i in range(8)),
        "".join(dcgm(i, UUID=uuid) for i in range(8)),
    ):
        with pytest.raises(GpuPageError, match=r"8 GPUs are left out: .* is no identity"):
            read(page, 0)


def test_a_value_that_several_devices_share_is_no_identity_whatever_it_is() -> None:
    page = "".join(amd(i, serial_number="PCB01", gpu_uuid="17ff74b5-0001") for i in range(2))
    with pytest.raises(GpuPageError, match="2 GPUs are left out: several devices have serial_nu"):
        read(page, 0)


def test_gpus_of_two_nodes_with_one_uuid_are_not_one() -> None:
    page = "".join(amd(0, host=host, gpu_uuid="17ff74b5-0001") for host in ("node-1", "node-2"))
    with pytest.raises(GpuPageError, match="2 GPUs are left out"):
        read(page, 0)


@pytest.mark.parametrize("uuid", [ZERO, "GPU-same", ""])
def test_the_bus_address_tells_apart_what_the_uuid_does_not(uuid: str) -> None:
    page = "".join(
        dcgm(i, 100 * i + 10 * int(host), f"node-{host}", UUID=uuid, pci_bus_id=bus(i))
        for i in range(2)
        for host in "12"
    )
    assert watts(read(page, 0)) == {
        "node-1/00000000:00:00.0": 10,
        "node-2/00000000:00:00.0": 20,
        "node-1/00000000:01:00.0": 110,
        "node-2/00000000:01:00.0": 120,
    }


def test_one_uuid_at_one_address_of_two_nodes_is_two_gpus() -> None:
    page = "".join(
        dcgm(0, 10 * int(host), f"node-{host}", UUID="GPU-same", pci_bus_id=bus(0)) for host in "12"
    )
    assert set(watts(read(page, 0)).values()) == {10, 20}


def test_another_true_identity_of_the_page_is_taken() -> None:
    page = "".join(
        amd(i, 100 + i, serial_number="0000", gpu_uuid=f"17ff74b5-000{i}") for i in range(2)
    )
    assert watts(read(page, 0)) == {"17ff74b5-0000": 100, "17ff74b5-0001": 101}


def test_true_identities_beside_none_are_kept_and_the_rest_is_said() -> None:
    pages = GpuPages()
    page = dcgm(0, 100, UUID=REAL) + "".join(dcgm(i, UUID=ZERO) for i in (1, 2))
    assert watts(pages.read(page, 0)) == {REAL: 100}
    assert pages.problems == (
        f'2 GPUs are left out: UUID="{ZERO}" is no identity, and no other label tells which is '
        "which",
    )
    assert watts(pages.read(dcgm(0, 100, UUID=REAL), 1)) == {REAL: 100}
    assert not pages.problems


def test_an_index_may_change_while_the_bus_address_stays() -> None:
    page = "".join(dcgm(i, 100, UUID=REAL, pci_bus_id=bus(7)) for i in range(2))
    assert watts(read(page, 0)) == {REAL: 100}


def test_series_of_links_switches_and_processors_make_no_gpu() -> None:
    page = (
        dcgm(0, 100, UUID=REAL)
        + row("DCGM_FI_DEV_GPU_TEMP", 40, nvswitch="nvswitch0", Hostname="node-1")
        + row("DCGM_FI_DEV_POWER_USAGE", 50, cpu="0", Hostname="node-1")
        + row("DCGM_FI_DEV_POWER_USAGE", 60, Hostname="node-1")
        + row("DCGM_FI_DEV_NVLINK_COUNT_TX_BYTES", 1, nvlink="3", gpu_uuid=REAL, gpu="0")
    )
    pages = GpuPages()
    assert watts(pages.read(page, 0)) == {REAL: 100}
    assert pages.problems == ()


def test_a_model_is_named_by_its_series_where_its_number_is_empty() -> None:
    (gpu,) = read(amd(0, gpu_uuid="17ff74b5-0000"), 0)
    assert gpu.model == "AMD Instinct MI300X VF"
    assert gpu.mig_profile == ""
    assert gpu.pods == (Pod("llm", "vllm-0"),)


def test_partitions_of_a_board_share_its_serial_number() -> None:
    page = "".join(
        amd(
            i,
            480 if i == 0 else 0,
            serial_number="PCB01",
            gpu_partition_id=i,
            gpu_compute_partition_type="cpx",
        )
        for i in range(8)
    )
    found = {gpu.uuid: gpu for gpu in read(page, 0)}
    assert found.keys() == {"PCB01", *(f"PCB01/{i}" for i in range(8))}
    assert found["PCB01"].value("gpu_power_instant_watts") == 480
    assert found["PCB01"].shared
    assert found["PCB01/3"].value("gpu_power_instant_watts") is None
    assert found["PCB01/3"].pods == (Pod("llm", "vllm-3"),)


def test_collectors_that_write_every_name_in_lower_case() -> None:
    labels = {"gpu": 0, "uuid": REAL, "modelname": "NVIDIA H200", "hostname": "node-1"}
    part = {**labels, "gpu_i_id": "7", "gpu_i_profile": "1g.18gb"}
    page = (
        row("dcgm_fi_dev_power_usage", 300, **labels)
        + row("dcgm_fi_dev_fb_used", 1000, **part)
        + row("dcgm_fi_dev_gpu_temp", 40, **labels, dcgm_fi_driver_version="580.1")
    )
    board, part_reading = read(page, 0)
    assert (board.uuid, board.model, board.host) == (REAL, "NVIDIA H200", "node-1")
    assert board.driver == "580.1"
    assert board.value("gpu_power_watts") == 300
    assert (part_reading.uuid, part_reading.mig_profile) == (f"{REAL}/7", "1g.18gb")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"hpc_job": "17"}, {"hpc_job": "18"}),
        ({"pod": "a", "namespace": "n", "vgpu": "0"}, {"pod": "b", "namespace": "n", "vgpu": "1"}),
        (
            {"pod": "a", "namespace": "n", "dra_claim_name": "c"},
            {"pod": "b", "namespace": "n", "dra_claim_name": "c"},
        ),
        ({"pod": "gpu-reservation-x", "namespace": "runai-reservation"}, {}),
    ],
)
def test_a_gpu_of_several_workloads_is_shared(
    first: dict[str, str], second: dict[str, str]
) -> None:
    name = "DCGM_FI_DEV_POWER_USAGE"
    rows = (row(name, 300, UUID=REAL, gpu="0", **workload) for workload in (first, second))
    (gpu,) = read("".join(rows), 0)
    assert gpu.shared
    assert gpu.value("gpu_power_watts") == 300
    assert "runai-reservation" not in str(gpu.pods)


def test_one_job_and_one_pod_are_not_several() -> None:
    rows = dcgm(0, 300, UUID=REAL, hpc_job="17") + dcgm(0, 300, UUID=REAL, pod="a", namespace="n")
    (gpu,) = read(rows, 0)
    assert not gpu.shared


def test_a_gpus_own_memory_stands_beside_what_each_pod_uses_of_it() -> None:
    name = "DCGM_FI_DEV_FB_USED"
    page = "".join(
        row(name, used, UUID=REAL, gpu="0", **pod)
        for used, pod in (
            (70000, {"pod": "a", "namespace": "n"}),
            (60000, {}),
            (20000, {"pod": "b", "namespace": "n"}),
        )
    )
    (gpu,) = read(page, 0)
    assert gpu.value("gpu_memory_used_bytes") == 60000 * 2**20


def test_the_exporters_own_pod_uses_no_gpu() -> None:
    # an idle fleet behind a Prometheus: no series has exported_pod
    (gpu,) = read(dcgm(0, UUID=REAL, pod="dcgm-exporter-x7k2p", namespace="gpu-operator"), 0)
    assert gpu.pods == ()


@pytest.mark.parametrize(
    ("name", "family", "labels"),
    [
        ("DCGM_FI_DEV_MEMORY_TEMP", "gpu_temperature_celsius", {"sensor": "memory"}),
        ("DCGM_FI_DEV_MEMORY_TEMP_CELSIUS", "gpu_temperature_celsius", {"sensor": "memory"}),
        ("DCGM_FI_DEV_POWER_USAGE", "gpu_power_watts", {}),
        ("DCGM_FI_DEV_POWER_USAGE_INSTANT", "gpu_power_instant_watts", {}),
        ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "gpu_energy_joules_total", {}),
        ("nvidia_smi_temperature_memory", "gpu_temperature_celsius", {"sensor": "memory"}),
        ("nvidia_smi_power_draw_watts", "gpu_power_watts", {}),
        ("nvidia_smi_energy_joules_total", "gpu_energy_joules_total", {}),
    ],
)
def test_what_no_gpu_can_measure_as_zero_is_absent(
    name: str, family: str, labels: dict[str, str]
) -> None:
    for value, absent in ((0, True), (9, False)):
        uuid = {"uuid": REAL} if name.startswith("nvidia") else {"UUID": REAL}
        (gpu,) = read(row(name, value, **uuid), 0)
        assert (gpu.value(family, **labels) is None) is absent
