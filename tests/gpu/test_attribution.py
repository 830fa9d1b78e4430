"""Which GPUs are a server's: by pod, by process, by declaration, in that order."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.gpu.attribution import GpuInventory, GpuUser, Link, ProcessOrigin, process_origin
from exporter.gpu.reading import GpuReading, Pod

API, ENGINE, WORKER, OTHER = 100, 110, 111, 900
POD_A = Pod("prod", "vllm-a")


def gpu(uuid: str, *pids: int, pods: tuple[Pod, ...] = (), shared: bool = False) -> GpuReading:
    return GpuReading(uuid, "NVIDIA H200", "nvml", 0.0, {}, pids=pids, pods=pods, shared=shared)


def found(
    user: GpuUser, *gpus: GpuReading, containers: dict[int, str] | None = None
) -> Link | None:
    """Attribute with a process tree of API server, engine core and worker, and a stranger."""
    parents = {WORKER: (ENGINE, API, 1), ENGINE: (API, 1), API: (1,), OTHER: (1,)}
    named = containers or {}

    def of(pid: int) -> ProcessOrigin:
        return ProcessOrigin((pid, *parents.get(pid, ())), named.get(pid, ""))

    return GpuInventory({one.uuid: one for one in gpus}, of).link(user)


def test_the_context_belongs_to_a_worker_of_the_server_that_listens() -> None:
    gpus = gpu("GPU-0", OTHER), gpu("GPU-1", WORKER), gpu("GPU-2", ENGINE)
    answer = found(GpuUser("t", pid=API), *gpus)
    assert answer is not None
    assert (answer.uuids, answer.via, answer.shared) == (("GPU-1", "GPU-2"), "process", "")
    assert answer.model == "NVIDIA H200"


def test_a_container_ties_processes_that_no_tree_ties() -> None:
    inside = {API: "c1", 500: "c1", OTHER: "c2"}
    gpus = gpu("GPU-0", OTHER), gpu("GPU-1", 500)
    answer = found(GpuUser("t", pid=API), *gpus, containers=inside)
    assert answer is not None
    assert (answer.uuids, answer.via) == (("GPU-1",), "process")


def test_the_tree_goes_before_the_container() -> None:
    # one container with two servers in it
    inside = {API: "c1", WORKER: "c1", 500: "c1"}
    gpus = gpu("GPU-0", 500), gpu("GPU-1", WORKER)
    answer = found(GpuUser("t", pid=API), *gpus, containers=inside)
    assert answer is not None
    assert answer.uuids == ("GPU-1",)


def test_processes_outside_containers_share_none() -> None:
    assert found(GpuUser("t", pid=API), gpu("GPU-0", OTHER)) is None


def test_a_gpu_with_a_strangers_process_is_shared() -> None:
    answer = found(GpuUser("t", pid=API), gpu("GPU-1", WORKER, OTHER))
    assert answer is not None
    assert answer.shared == "processes of others use GPU-1 too"


def test_the_pod_goes_before_the_process_and_that_before_the_declaration() -> None:
    gpus = gpu("GPU-0", pods=(POD_A,)), gpu("GPU-1", WORKER), gpu("GPU-2")
    every = GpuUser("t", pod=("prod", "vllm-a"), pid=API, uuids=("GPU-2",))
    ways = []
    for user in (every, replace(every, pod=None), replace(every, pod=None, pid=None)):
        answer = found(user, *gpus)
        assert answer is not None
        ways.append((answer.via, answer.uuids))
    assert ways == [("pod", ("GPU-0",)), ("process", ("GPU-1",)), ("declared", ("GPU-2",))]
    assert found(GpuUser("t"), *gpus) is None
    assert found(GpuUser("t", pod=("prod", "vllm-b"), uuids=("GPU-9",)), *gpus) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda one: replace(one, shared=True), "several workloads"),
        (lambda one: replace(one, mig_profile="1g.10gb"), "known only as a whole"),
    ],
)
def test_a_part_of_a_gpu_says_so(change: Callable[[GpuReading], GpuReading], why: str) -> None:
    answer = found(GpuUser("t", uuids=("GPU-0",)), change(gpu("GPU-0")))
    assert answer is not None
    assert why in answer.shared


def test_an_instance_is_taken_and_not_the_whole_gpu_around_it() -> None:
    whole = gpu("GPU-0", WORKER, OTHER, shared=True)
    mine = replace(gpu("MIG-1", WORKER), mig_profile="1g.10gb")
    answer = found(GpuUser("t", pid=API), whole, mine)
    assert answer is not None
    assert answer.uuids == ("MIG-1",)


def test_models_that_differ_are_no_model() -> None:
    other = replace(gpu("GPU-1"), model="NVIDIA H100")
    answer = found(GpuUser("t", uuids=("GPU-0", "GPU-1")), gpu("GPU-0"), other)
    assert answer is not None
    assert answer.model is None


def test_a_real_process_has_its_ancestors() -> None:
    who = process_origin(os.getpid())
    assert who.lineage[:2] == (os.getpid(), os.getppid())
