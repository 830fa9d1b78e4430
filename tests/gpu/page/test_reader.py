"""Pages of GPU exporters, written in their words, against what they must come to."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.base.errors import GpuPageError, PageError
from exporter.exposition import ParserLimits
from exporter.gpu.page.reader import GpuPages, read
from exporter.gpu.reading import GpuReading, Pod
from exporter.vocabulary.gpu import BY_NAME

BUSY = "GPU-7d2c0f6e-5a1b-4c3d-8e9f-0a1b2c3d4e5f"
IDLE = "GPU-11f0aa22-33bb-44cc-55dd-66ee77ff8899"
LLAMA = Pod("serving", "llama-0", "vllm")
FOLDER = Path(__file__).parents[1] / "pages"
MIB = 1048576


def text(name: str) -> str:
    return (FOLDER / f"{name}.prom").read_text(encoding="utf-8")


def page(name: str) -> dict[str, GpuReading]:
    found = read(text(name), 12.5)
    assert all(one.time == 12.5 for one in found)
    by_uuid = {one.uuid: one for one in found}
    assert len(by_uuid) == len(found)
    return by_uuid


def dcgm(name: str, value: object, kind: str = "gauge", **labels: str) -> str:
    told = ",".join(f'{k}="{v}"' for k, v in {"UUID": BUSY, "gpu": "0", **labels}.items())
    return f"# TYPE {name} {kind}\n{name}{{{told}}} {value}\n"


def test_the_same_load_reads_the_same_in_both_dcgm_vocabularies() -> None:
    classic, new = page("dcgm-classic"), page("dcgm-4.9")
    assert classic.keys() == new.keys() == {BUSY, IDLE}
    for uuid, old in classic.items():
        assert new[uuid].values.keys() == old.values.keys()
        assert new[uuid].values == pytest.approx(dict(old.values), rel=1e-12)
        for one in (old, new[uuid]):
            assert (one.model, one.host, one.driver) == ("NVIDIA H200", "node-a", "580.65.06")
            assert one.source == "dcgm"
            assert not one.shared
    assert classic[BUSY].pods == new[BUSY].pods == (LLAMA,)
    assert classic[IDLE].pods == new[IDLE].pods == ()
    assert (classic[BUSY].index, classic[IDLE].index) == ("0", "1")


def test_a_dcgm_page_in_base_units() -> None:
    one = page("dcgm-classic")[BUSY]
    assert one.value("gpu_energy_joules_total") == 8123456
    assert one.value("gpu_power_watts") == 627.4
    assert one.value("gpu_power_limit_watts") == 700
    assert one.value("gpu_memory_used_bytes") == 131072 * MIB
    assert one.value("gpu_memory_total_bytes") == 143771 * MIB
    assert one.value("gpu_memory_reserved_bytes") == 699 * MIB
    assert one.value("gpu_sm_clock_hertz") == 1.98e9
    assert one.value("gpu_temperature_celsius", sensor="memory") == 61
    assert one.value("gpu_utilization_ratio") == pytest.approx(0.87)
    assert one.value("gpu_dram_active_ratio") == 0.553
    assert one.value("gpu_throttled_seconds_total", reason="sw_power_cap") == pytest.approx(
        15814.595384
    )
    assert one.value("gpu_remapped_rows", cause="corrected") == 1


def test_clocks_event_bits_become_reasons() -> None:
    busy, idle = page("dcgm-classic")[BUSY], page("dcgm-classic")[IDLE]
    told = {key: value for key, value in busy.values.items() if key[0] == "gpu_throttled"}
    assert len(told) == 9
    assert [key for key, value in told.items() if value] == [
        ("gpu_throttled", (("reason", "sw_power_cap"),))
    ]
    assert idle.value("gpu_throttled", reason="gpu_idle") == 1
    both = read(dcgm("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", 0x40 | 0x8), 0)[0]
    assert both.value("gpu_throttled", reason="hw_thermal") == 1
    assert both.value("gpu_throttled", reason="hw_slowdown") == 1
    assert both.value("gpu_throttled", reason="display") == 0


def test_the_last_xid_is_absent_before_the_first() -> None:
    assert page("dcgm-classic")[BUSY].value("gpu_xid_last_code") is None
    assert page("dcgm-classic")[IDLE].value("gpu_xid_last_code") == 31


def test_behind_a_prometheus_pod_is_the_exporters_own() -> None:
    found = page("dcgm-federated")
    assert found[BUSY].pods == (LLAMA,)
    assert found[IDLE].pods == ()
    assert found[IDLE].value("gpu_power_watts") == 78.1


def test_an_old_exporters_names_for_a_pod() -> None:
    old = {"pod_name": "llama-0", "pod_namespace": "serving", "container_name": "vllm"}
    assert read(dcgm("DCGM_FI_DEV_GPU_TEMP", 40, **old), 0)[0].pods == (LLAMA,)


def test_a_gpu_whose_pod_came_is_one_gpu() -> None:
    (one,) = page("dcgm-pod-came").values()
    assert one.pods == (LLAMA,)
    assert not one.shared
    assert one.value("gpu_energy_joules_total") == 8123456


def test_two_containers_of_a_pod_do_not_share_a_gpu() -> None:
    rows = [
        dcgm("DCGM_FI_DEV_POWER_USAGE", 1, pod="a", namespace="n", container=box).split("\n")[1]
        for box in ("engine", "router")
    ]
    (one,) = read("\n".join(rows) + "\n", 0)
    assert one.pods == (Pod("n", "a", "router"),)
    assert not one.shared


def test_copies_for_pods_that_share_a_gpu_are_not_added_up() -> None:
    (one,) = page("dcgm-shared").values()
    assert one.shared
    assert [pod.name for pod in one.pods] == ["small-a", "small-b"]
    assert one.value("gpu_power_watts") == 402.5
    assert one.value("gpu_energy_joules_total") == 8123456
    assert one.value("gpu_utilization_ratio") == pytest.approx(0.9)
    assert one.value("gpu_memory_used_bytes") == 61000 * MIB
    assert one.value("gpu_memory_total_bytes") == 143771 * MIB


def test_mig_instances_have_their_own_memory_and_the_board_its_energy() -> None:
    found = page("dcgm-mig")
    assert found.keys() == {BUSY, f"{BUSY}/7", f"{BUSY}/2"}
    board, used, free = found[BUSY], found[f"{BUSY}/7"], found[f"{BUSY}/2"]
    assert board.shared
    assert board.pods == ()
    assert board.mig_profile == ""
    assert {key[0] for key in board.values} == {
        "gpu_power_watts",
        "gpu_energy_joules_total",
        "gpu_sm_clock_hertz",
    }
    assert (used.mig_profile, free.mig_profile) == ("1g.18gb", "2g.35gb")
    assert used.pods == (Pod("serving", "tiny-0", "vllm"),)
    assert free.pods == ()
    assert used.value("gpu_memory_used_bytes") == 15000 * MIB
    assert used.value("gpu_memory_total_bytes") == 18060 * MIB
    assert used.value("gpu_graphics_active_ratio") == 0.91
    for part in (used, free):
        assert part.model == "NVIDIA H200"
        assert part.value("gpu_energy_joules_total") is None
        assert part.value("gpu_power_watts") is None
        assert part.value("gpu_utilization_ratio") is None


def test_a_gpu_in_mig_mode_is_shared_before_its_instances_are_told() -> None:
    power = dcgm("DCGM_FI_DEV_POWER_USAGE", 100)
    for mode, shared in ((1, True), (0, False)):
        (one,) = read(power + dcgm("DCGM_FI_DEV_MIG_MODE", mode), 0)
        assert one.shared is shared


def test_blanks_are_absent() -> None:
    found = page("dcgm-blanks")
    assert set(found[BUSY].values) == {("gpu_memory_reserved_bytes", ())}
    idle = found[IDLE]
    assert idle.value("gpu_power_watts") == 78.1
    assert idle.value("gpu_memory_used_bytes") == 0
    for family in ("gpu_energy_joules_total", "gpu_utilization_ratio", "gpu_memory_total_bytes"):
        assert idle.value(family) is None
    assert idle.value("gpu_memory_reserved_bytes") is None


def test_a_ratio_above_one_is_in_another_unit_and_absent() -> None:
    assert read(dcgm("DCGM_FI_DEV_GPU_UTIL_RATIO", 87), 0)[0].values == {}
    rounded = read(dcgm("DCGM_FI_PROF_DRAM_ACTIVE", 1.0004), 0)[0]
    assert rounded.value("gpu_dram_active_ratio") == 1
    assert read(dcgm("DCGM_FI_DEV_GPU_UTIL", 100), 0)[0].value("gpu_utilization_ratio") == 1


def test_link_bytes_only_where_the_page_calls_them_a_counter() -> None:
    found = page("dcgm-links")
    assert found.keys() == {BUSY}
    one = found[BUSY]
    assert one.value("gpu_nvlink_bytes_total", direction="transmit") == 1.5e9
    assert one.value("gpu_nvlink_bytes_total", direction="receive") is None
    assert one.value("gpu_pcie_bytes_total", direction="transmit") == 70000
    assert one.value("gpu_pcie_bytes_total", direction="receive") is None
    assert one.value("gpu_xid_errors_total", xid="79") == 3


@pytest.mark.parametrize(
    "rows",
    [
        {"NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL": 3, "NVLINK_CRC_DATA_ERROR_COUNT_TOTAL": 4}
        | {"NVLINK_REPLAY_ERROR_COUNT_TOTAL": 5, "NVLINK_RECOVERY_ERROR_COUNT_TOTAL": 6}
        | {"PCIE_REPLAY_COUNTER": 8},
        {"NVLINK_CRC_FLIT_ERROR_TOTAL": 3, "NVLINK_CRC_DATA_ERROR_TOTAL": 4}
        | {"NVLINK_REPLAY_ERROR_TOTAL": 5, "NVLINK_RECOVERY_ERROR_TOTAL": 6}
        | {"PCIE_REPLAY_TOTAL": 8},
        {"NVLINK_ERROR_DL_CRC": 7, "NVLINK_ERROR_DL_REPLAY": 5, "NVLINK_ERROR_DL_RECOVERY": 6}
        # Hopper shows the older counters too, which stand still there
        | {"NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL": 0, "NVLINK_CRC_DATA_ERROR_COUNT_TOTAL": 0}
        | {"NVLINK_REPLAY_ERROR_COUNT_TOTAL": 0, "PCIE_REPLAY_COUNTER": 8},
        {"NVLINK_CRC_ERROR_TOTAL": 7, "NVLINK_REPLAY_TOTAL": 5, "NVLINK_RECOVERY_TOTAL": 6}
        | {"PCIE_REPLAY_TOTAL": 8},
    ],
    ids=["before Hopper", "the same from 4.9 on", "Hopper", "Hopper from 4.9 on"],
)
def test_link_errors_in_every_spelling(rows: dict[str, float]) -> None:
    (gpu,) = read("".join(dcgm(f"DCGM_FI_DEV_{name}", rows[name]) for name in rows), 0)
    assert gpu.value("gpu_nvlink_errors_total", kind="crc") == 7
    assert gpu.value("gpu_nvlink_errors_total", kind="replay") == 5
    assert gpu.value("gpu_nvlink_errors_total", kind="recovery") == 6
    assert gpu.value("gpu_pcie_replays_total") == 8


def test_links_of_blackwell_count_recoveries() -> None:
    for name in ("NVLINK_RECOVERY_EVENT_TOTAL", "NVLINK_COUNT_LINK_RECOVERY_EVENTS"):
        (gpu,) = read(dcgm(f"DCGM_FI_DEV_{name}", 2), 0)
        assert gpu.value("gpu_nvlink_errors_total", kind="recovery") == 2
        assert gpu.value("gpu_nvlink_errors_total", kind="crc") is None


def test_rates_that_call_themselves_counters_are_left_out() -> None:
    for name in ("dcgm-classic", "dcgm-4.9"):
        told = {key[0] for one in page(name).values() for key in one.values}
        assert not told & {"gpu_nvlink_bytes_total", "gpu_pcie_bytes_total"}


def test_the_new_name_is_preferred_and_the_old_one_stands_in() -> None:
    new, old = "DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL", "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
    pages = GpuPages()
    both = dcgm(new, 5000, "counter") + dcgm(old, 5000123, "counter")
    assert pages.read(both, 0)[0].value("gpu_energy_joules_total") == 5000
    blank = dcgm(new, 9223372036854775794, "counter") + dcgm(old, 5000123, "counter")
    assert pages.read(blank, 1)[0].value("gpu_energy_joules_total") == pytest.approx(5000.123)


def test_nodes_of_both_vocabularies_on_one_page() -> None:
    new = dcgm("DCGM_FI_DEV_SM_CLOCK_HERTZ", 1.2e9, UUID=IDLE)
    found = {one.uuid: one for one in read(dcgm("DCGM_FI_DEV_SM_CLOCK", 1980) + new, 0)}
    assert found[BUSY].value("gpu_sm_clock_hertz") == 1.98e9
    assert found[IDLE].value("gpu_sm_clock_hertz") == 1.2e9


def test_amd_by_serial_number() -> None:
    found = page("amd")
    assert found.keys() == {"PCB0712345", "PCB0799999"}
    busy, idle = found["PCB0712345"], found["PCB0799999"]
    assert (busy.source, busy.model, busy.host, busy.index) == ("amd", "0x74a1", "node-b", "0")
    assert busy.mig_profile == ""
    assert busy.pods == (Pod("serving", "mixtral-0", "vllm"),)
    assert idle.pods == ()
    assert busy.value("gpu_energy_joules_total") == pytest.approx(9876543.21)
    assert busy.value("gpu_power_instant_watts") == 712
    assert busy.value("gpu_power_watts") is None
    assert busy.value("gpu_utilization_ratio") == pytest.approx(0.96)
    assert busy.value("gpu_tensor_active_ratio") == pytest.approx(0.335)
    assert busy.value("gpu_memory_total_bytes") == 196592 * MIB
    assert busy.value("gpu_sm_clock_hertz") == 2.1e9
    assert busy.value("gpu_memory_clock_hertz") == 1.3e9
    assert busy.value("gpu_ecc_errors_total", kind="corrected") == 2


def test_amd_partitions_share_a_board_that_partition_0_speaks_for() -> None:
    found = page("amd-cpx")
    assert found.keys() == {"PCB0712345", "PCB0712345/0", "PCB0712345/1"}
    board = found["PCB0712345"]
    assert board.shared
    assert board.value("gpu_power_instant_watts") == 503
    assert board.value("gpu_energy_joules_total") == pytest.approx(9876543.21)
    assert board.value("gpu_utilization_ratio") is None
    part = found["PCB0712345/1"]
    assert part.mig_profile == "cpx"
    assert {key[0] for key in part.values} == {"gpu_memory_used_bytes", "gpu_memory_total_bytes"}


def test_a_board_no_partition_speaks_for_tells_nothing() -> None:
    row = 'gpu_partition_id="1",gpu_compute_partition_type="cpx",serial_number="S",gpu_id="1"'
    found = read(f'gpu_clock{{clock_type="system",{row}}} 0\ngpu_used_vram{{{row}}} 1\n', 0)
    assert [(one.uuid, dict(one.values)) for one in found] == [
        ("S", {}),
        ("S/1", {("gpu_memory_used_bytes", ()): MIB}),
    ]


def test_nvidia_gpu_exporter_takes_identity_from_its_info_series() -> None:
    (one,) = page("nvidia_gpu_exporter").values()
    assert (one.uuid, one.model, one.driver) == (BUSY, "NVIDIA H200", "580.65.06")
    assert one.source == "nvidia_gpu_exporter"
    assert one.pods == ()
    told = page("dcgm-classic")[BUSY]
    for key in one.values.keys() & told.values.keys():
        assert one.values[key] == pytest.approx(told.values[key]), key
    assert len(one.values.keys() & told.values.keys()) > 15
    assert one.value("gpu_processes") == 2


def test_nvidia_gpu_exporter_names_mig_instances_by_their_own_uuid() -> None:
    found = page("nvidia_gpu_exporter-mig")
    own = "MIG-aaaaaaaa-0000-5000-8000-000000000001"
    # two compute instances share one memory: the GPU instance is nobody's UUID
    assert found.keys() == {BUSY, own, f"{BUSY}/2"}
    assert found[own].mig_profile == "1g.18gb"
    assert found[own].driver == "580.65.06"
    assert found[own].value("gpu_memory_used_bytes") == 1.6e10
    assert found[own].value("gpu_graphics_active_ratio") == 0.91
    assert found[BUSY].shared
    assert found[BUSY].value("gpu_energy_joules_total") == 8123456


def test_a_federation_page_of_a_mixed_fleet() -> None:
    found = page_of("dcgm-classic", "amd", "nvidia_gpu_exporter")
    assert [one.source for one in found] == ["dcgm", "dcgm", "amd", "amd", "nvidia_gpu_exporter"]


def page_of(*names: str) -> list[GpuReading]:
    return read("".join(map(text, names)), 0)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.prom")), ids=lambda path: path.stem)
def test_readings_speak_the_canonical_vocabulary_only(path: Path) -> None:
    for one in page(path.stem).values():
        for (family, labels), value in one.values.items():
            assert tuple(name for name, _ in labels) == BY_NAME[family].labels
            assert value >= 0
            assert not family.endswith("_ratio") or value <= 1


def test_a_page_of_something_else_is_refused_in_words() -> None:
    with pytest.raises(GpuPageError, match=r"DCGM_FI_\*.*gpu_\*.*nvidia_smi_\*.*looked for"):
        read("vllm:num_requests_running 1\n", 0)
    with pytest.raises(GpuPageError, match="no GPU metrics"):
        read("", 0)


def test_a_page_without_uuids_is_refused_in_words() -> None:
    with pytest.raises(GpuPageError, match="none says of which GPU: the label UUID"):
        read('DCGM_FI_DEV_GPU_TEMP{gpu="0"} 40\n', 0)


def test_an_unreadable_page_says_where() -> None:
    with pytest.raises(PageError, match="line 2: DCGM_FI_DEV_POWER_USAGE has no readable value"):
        read(text("dcgm-pod-came").replace("610.0", "x"), 0)
    with pytest.raises(PageError, match="larger than"):
        GpuPages(ParserLimits(page_bytes=10)).read(text("amd"), 0)
    with pytest.raises(PageError, match="# EOF"):
        read(text("amd"), 0, openmetrics=True)


def test_pages_in_a_row_read_as_each_would_alone() -> None:
    pages = GpuPages()
    first = text("dcgm-classic")
    moved = first.replace(" 8123456000", " 8200000000")
    blank = first.replace(" 8123456000", " 9223372036854775794")
    for one in (first, moved, blank, first, text("dcgm-shared"), moved):
        assert pages.read(one, 1) == read(one, 1)


def test_a_refused_page_does_not_spoil_the_next() -> None:
    pages = GpuPages()
    good = text("dcgm-classic")
    pages.read(good, 0)
    with pytest.raises(GpuPageError):
        pages.read("other 1\n", 1)
    assert pages.read(good, 2) == read(good, 2)


@given(
    joules=st.integers(1, 10**10),
    megahertz=st.integers(0, 4000),
    percent=st.integers(0, 100),
    mebibytes=st.integers(0, 300_000),
    microseconds=st.integers(0, 10**14),
)
def test_both_vocabularies_come_to_the_same_numbers(
    joules: int, megahertz: int, percent: int, mebibytes: int, microseconds: int
) -> None:
    classic = read(
        dcgm("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", joules * 1000, "counter")
        + dcgm("DCGM_FI_DEV_SM_CLOCK", megahertz)
        + dcgm("DCGM_FI_DEV_GPU_UTIL", percent)
        + dcgm("DCGM_FI_DEV_FB_USED", mebibytes)
        + dcgm("DCGM_FI_DEV_POWER_VIOLATION", microseconds * 1000, "counter"),
        0,
    )
    new = read(
        dcgm("DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL", joules, "counter")
        + dcgm("DCGM_FI_DEV_SM_CLOCK_HERTZ", megahertz * 10**6)
        + dcgm("DCGM_FI_DEV_GPU_UTIL_RATIO", percent / 100)
        + dcgm("DCGM_FI_DEV_FB_USED_BYTES", mebibytes * MIB)
        + dcgm("DCGM_FI_DEV_GPU_POWER_THROTTLE_SECONDS_TOTAL", microseconds / 1e6, "counter"),
        0,
    )
    assert len(classic[0].values) == 5
    assert new[0].values == pytest.approx(dict(classic[0].values), rel=1e-12)
