"""Origins of the processes that the driver names."""

import os
from pathlib import Path

import pytest

from exporter.gpu.processes import GpuProcesses, ProcessOrigin, process_origin
from tests.proc_tree import ProcTree

WORKER = "/tmp/ray/session_2026/logs/worker-{}-01000000-401.out"


def test_a_process_comes_with_its_ancestors(tmp_path: Path) -> None:
    proc = ProcTree(tmp_path)
    proc.process(42, ["python", "my_server.py"])
    proc.process(43, ["VLLM::EngineCore"], parent=42)
    assert GpuProcesses(proc.root).origins({43, 99}) == {43: ProcessOrigin((43, 42, 1))}


def test_a_ray_worker_is_known_by_where_its_output_goes(tmp_path: Path) -> None:
    proc = ProcTree(tmp_path)
    output = WORKER.format("8c1f")
    proc.process(10, ["/opt/raylet"], name="raylet")
    proc.process(401, ["ray::ServeReplica:app"], parent=10, output=output)
    proc.process(402, ["VLLM::EngineCore"], parent=401, output=output)
    proc.process(500, ["python"], output=output)
    origins = GpuProcesses(proc.root).origins({402, 500})
    assert (origins[402].ray, origins[402].ray_worker) == (True, "8c1f")
    assert (origins[500].ray, origins[500].ray_worker) == (False, "")


@pytest.mark.parametrize(
    ("files", "pids", "known"),
    [
        # every number exists here: they are this namespace's
        ((), {43}, {43}),
        # one is not of here, so others may be a stranger's number too
        ((), {43, 31337}, set()),
        (("/dev/nvidiactl", "/dev/nvidia0"), {43, 31337}, {43}),
        (("/dev/nvidia0",), {31337}, set()),
    ],
)
def test_numbers_in_a_container_are_taken_only_beyond_doubt(
    tmp_path: Path, files: tuple[str, ...], pids: set[int], known: set[int]
) -> None:
    proc = ProcTree(tmp_path, namespace="pid:[4026532999]")
    proc.process(43, ["VLLM::EngineCore"], files=files)
    processes = GpuProcesses(proc.root)
    for _ in range(2):
        assert set(processes.origins(pids)) == known


def test_a_number_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    proc = ProcTree(tmp_path)
    proc.process(43, ["VLLM::EngineCore"], parent=42)
    processes = GpuProcesses(proc.root)
    assert processes.origins({43})[43].lineage == (43, 42)
    stat = proc.root / "43" / "stat"
    stat.write_text(stat.read_text().replace(" S 42 ", " S 50 "))
    assert processes.origins({43})[43].lineage == (43, 42)
    stat.write_text(stat.read_text().replace("00 0 0\n", "01 0 0\n"))
    assert processes.origins({43})[43].lineage == (43, 50)


def test_a_real_process_has_its_ancestors() -> None:
    assert process_origin(os.getpid()).lineage[:2] == (os.getpid(), os.getppid())
