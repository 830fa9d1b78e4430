"""One reading a GPU, whoever told of it."""

from exporter.gpu.merge import merged
from exporter.gpu.reading import GpuReading, GpuSource, Pod


def told(source: GpuSource, pids: tuple[int, ...] = (), **values: float) -> GpuReading:
    return GpuReading(
        "GPU-1", "NVIDIA H200", source, 0.0, {(k, ()): v for k, v in values.items()}, pids=pids
    )


def test_nvml_is_believed_first_and_others_fill_in() -> None:
    dcgm = told("dcgm", gpu_power_watts=1, gpu_xid_last_code=79)
    nvml = told("nvml", pids=(7,), gpu_power_watts=2)
    (one,) = merged([dcgm, nvml]).values()
    assert one.source == "nvml"
    assert one.value("gpu_power_watts") == 2
    assert one.value("gpu_xid_last_code") == 79
    assert one.pids == (7,)


def test_pods_and_sharing_are_put_together() -> None:
    pod = Pod("prod", "vllm-a")
    dcgm = GpuReading("GPU-1", "", "dcgm", 0.0, {}, host="node-1", pods=(pod,), shared=True)
    (one,) = merged([told("nvml"), dcgm]).values()
    assert (one.pods, one.shared, one.host) == ((pod,), True, "node-1")


def test_gpus_stand_in_order_and_need_a_uuid() -> None:
    gpus = [GpuReading(uuid, "", "dcgm", 0.0, {}) for uuid in ("GPU-2", "", "GPU-1")]
    assert list(merged(gpus)) == ["GPU-1", "GPU-2"]
