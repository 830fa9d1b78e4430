"""One reading a GPU, whichever sources report it."""

from exporter.gpu.merge import merged
from exporter.gpu.reading import GpuReading, GpuSource, Pod


def reading(source: GpuSource, pids: tuple[int, ...] = (), **values: float) -> GpuReading:
    return GpuReading(
        "GPU-1", "NVIDIA H200", source, 0.0, {(k, ()): v for k, v in values.items()}, pids=pids
    )


def test_nvml_is_believed_first_and_others_fill_in() -> None:
    dcgm = reading("dcgm", gpu_power_watts=1, gpu_xid_last_code=79)
    nvml = reading("nvml", pids=(7,), gpu_power_watts=2)
    gpus, problems = merged([dcgm, nvml])
    gpu = gpus["GPU-1"]
    assert gpu.source == "nvml"
    assert gpu.value("gpu_power_watts") == 2
    assert gpu.value("gpu_xid_last_code") == 79
    assert gpu.pids == (7,)
    assert problems == ()


def test_pods_and_sharing_are_put_together() -> None:
    pod = Pod("prod", "vllm-a")
    dcgm = GpuReading("GPU-1", "", "dcgm", 0.0, {}, host="node-1", pods=(pod,), shared=True)
    gpu = merged([reading("nvml"), dcgm])[0]["GPU-1"]
    assert (gpu.pods, gpu.shared, gpu.host) == ((pod,), True, "node-1")


def test_gpus_stand_in_order_and_need_a_uuid() -> None:
    gpus = [GpuReading(uuid, "", "dcgm", 0.0, {}) for uuid in ("GPU-2", "", "GPU-1")]
    assert list(merged(gpus)[0]) == ["GPU-1", "GPU-2"]


def test_one_uuid_on_two_hosts_is_no_identity() -> None:
    hosts = ("node-1", "node-2", "node-1")
    gpus = [GpuReading("GPU-1", "", "amd", 0.0, {}, host=host) for host in hosts]
    readings, (problem,) = merged([*gpus, GpuReading("GPU-2", "", "amd", 0.0, {}, host="node-2")])
    assert list(readings) == ["GPU-2"]
    assert "GPU GPU-1 is reported from node-2 and from node-1" in problem


def test_exporters_of_two_kinds_may_call_a_host_differently() -> None:
    nvml = GpuReading("GPU-1", "", "nvml", 0.0, {}, host="ip-10-0-0-5")
    dcgm = GpuReading("GPU-1", "", "dcgm", 0.0, {}, host="node-1")
    readings, problems = merged([nvml, dcgm, GpuReading("GPU-1", "", "dcgm", 0.0, {})])
    assert (list(readings), problems) == (["GPU-1"], ())
