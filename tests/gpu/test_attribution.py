"""Which GPUs are a server's: by pod, by process, by declaration, in that order."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.gpu.attribution import GpuInventory, GpuUser, Link, NoLink, RayPage
from exporter.gpu.processes import ProcessOrigin
from exporter.gpu.reading import GpuReading, Pod
from exporter.procfs.port_holder import PortHolder

MAIN, API, ENGINE, WORKER, OTHER = 90, 100, 110, 111, 900
POD_A, POD_B = Pod("prod", "vllm-a"), Pod("prod", "vllm-b")
TREE = {
    pid: ProcessOrigin(lineage)
    for pid, lineage in {
        WORKER: (WORKER, ENGINE, API, MAIN, 1),
        ENGINE: (ENGINE, API, MAIN, 1),
        API: (API, MAIN, 1),
        OTHER: (OTHER, 1),
    }.items()
}
SERVER = PortHolder(8000, (API,), (API,), "python my_server.py")


def gpu(uuid: str, *pids: int, pods: tuple[Pod, ...] = (), shared: bool = False) -> GpuReading:
    return GpuReading(uuid, "NVIDIA H200", "nvml", 0.0, {}, pids=pids, pods=pods, shared=shared)


def inventory(*gpus: GpuReading, origins: dict[int, ProcessOrigin] | None = None) -> GpuInventory:
    """Return GPUs beside a process tree of launcher, API server, engine core, worker, stranger."""
    pids = {pid for gpu in gpus for pid in gpu.pids}
    seen = {pid: origin for pid, origin in (origins or TREE).items() if pid in pids}
    return GpuInventory({gpu.uuid: gpu for gpu in gpus}, seen)


def link(user: GpuUser, *gpus: GpuReading) -> Link:
    answer = inventory(*gpus).link(user)
    assert isinstance(answer, Link)
    return answer


def reason(answer: Link | NoLink) -> str:
    assert isinstance(answer, NoLink)
    return answer.reason


def test_the_context_belongs_to_a_worker_of_the_server_that_listens() -> None:
    gpus = gpu("GPU-0", OTHER), gpu("GPU-1", WORKER), gpu("GPU-2", ENGINE)
    answer = link(GpuUser("t", process=SERVER), *gpus)
    assert (answer.uuids, answer.via, answer.shared) == (("GPU-1", "GPU-2"), "process", "")
    assert answer.model == "NVIDIA H200"


def test_a_root_above_the_holder_is_asked_where_nothing_is_below_it() -> None:
    holder = PortHolder(8000, (105,), (105, API), "VLLM::APIServer_0")
    answer = link(GpuUser("t", process=holder), gpu("GPU-0", OTHER), gpu("GPU-1", ENGINE))
    assert answer.uuids == ("GPU-1",)


@pytest.mark.parametrize("name", ["docker-proxy", "pd-sidecar", "haproxy", "python -m x.frontend"])
def test_what_only_stands_before_an_engine_has_no_gpu_and_is_named(name: str) -> None:
    proxy = PortHolder(8000, (500,), (500,), name)
    answer = inventory(gpu("GPU-0", WORKER)).link(GpuUser("t", process=proxy))
    assert reason(answer) == (
        f"no process on a GPU descends from {name} (process 500), which holds port 8000: it may "
        "stand before the engine"
    )


def test_the_nearest_holder_keeps_a_gpu_below_two_servers() -> None:
    router = GpuUser("router", process=PortHolder(30000, (MAIN,), (MAIN,), "python router"))
    gpus = inventory(gpu("GPU-1", WORKER))
    assert isinstance(gpus.link(GpuUser("t", process=SERVER), [MAIN]), Link)
    assert "are those of other servers" in reason(gpus.link(router, [API]))
    both = inventory(gpu("GPU-0", 91), gpu("GPU-1", WORKER), origins=TREE | {91: _below(MAIN, 91)})
    answer = both.link(router, [API])
    assert isinstance(answer, Link)
    assert answer.uuids == ("GPU-0",)


def _below(parent: int, pid: int) -> ProcessOrigin:
    return ProcessOrigin((pid, parent, 1))


def test_processes_of_another_namespace_are_said_and_not_joined() -> None:
    answer = inventory(gpu("GPU-0", 31337)).link(GpuUser("t", process=SERVER))
    assert "do not exist in the exporter's PID namespace" in reason(answer)


def test_nothing_is_missed_where_no_driver_reports_processes() -> None:
    assert reason(inventory(gpu("GPU-0")).link(GpuUser("t", process=SERVER))) == ""
    assert reason(inventory(gpu("GPU-0", WORKER)).link(GpuUser("t"))) == ""


def test_a_port_without_a_server_says_why() -> None:
    unknown = PortHolder(8000, problem="two servers listen")
    answer = inventory(gpu("GPU-0", WORKER)).link(GpuUser("t", process=unknown))
    assert reason(answer) == "two servers listen"


def test_a_gpu_with_a_strangers_process_is_shared() -> None:
    answer = link(GpuUser("t", process=SERVER), gpu("GPU-1", WORKER, OTHER))
    assert answer.shared == "processes of others use GPU-1 too"


def test_the_pod_goes_before_the_process_and_that_before_the_declaration() -> None:
    gpus = gpu("GPU-0", pods=(POD_A,)), gpu("GPU-1", WORKER), gpu("GPU-2")
    every = GpuUser("t", pod=("prod", "vllm-a"), process=SERVER, uuids=("GPU-2",))
    ways = []
    for user in (every, replace(every, pod=None), replace(every, pod=None, process=None)):
        answer = link(user, *gpus)
        ways.append((answer.via, answer.uuids))
    assert ways == [("pod", ("GPU-0",)), ("process", ("GPU-1",)), ("declared", ("GPU-2",))]
    assert isinstance(inventory(*gpus).link(GpuUser("t")), NoLink)
    stale = GpuUser("t", pod=("prod", "vllm-b"), uuids=("GPU-9",))
    assert isinstance(inventory(*gpus).link(stale), NoLink)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda gpu: replace(gpu, shared=True), "several workloads"),
        (lambda gpu: replace(gpu, mig_profile="1g.10gb"), "known only as a whole"),
        (lambda gpu: replace(gpu, pods=(POD_A, POD_B)), "workloads: prod/vllm-a, prod/vllm-b"),
    ],
)
def test_a_part_of_a_gpu_says_so(change: Callable[[GpuReading], GpuReading], why: str) -> None:
    answer = link(GpuUser("t", uuids=("GPU-0",)), change(gpu("GPU-0")))
    assert why in answer.shared


def test_an_instance_is_taken_and_not_the_whole_gpu_around_it() -> None:
    whole = gpu("GPU-0", WORKER, OTHER, shared=True)
    part = replace(gpu("MIG-1", WORKER), mig_profile="1g.10gb")
    assert link(GpuUser("t", process=SERVER), whole, part).uuids == ("MIG-1",)


def test_models_that_differ_are_no_model() -> None:
    other = replace(gpu("GPU-1"), model="NVIDIA H100")
    answer = link(GpuUser("t", uuids=("GPU-0", "GPU-1")), gpu("GPU-0"), other)
    assert answer.model is None


AGENT = PortHolder(8080, (300,), (300,), "ray::DashboardAgent")
RAY = {
    pid: ProcessOrigin((pid, 200, 1), ray=True, ray_worker=worker)
    for pid, worker in {401: "aa", 402: "bb", 403: "cc"}.items()
}


def ray_link(page: RayPage | None, *pids: int) -> Link | NoLink:
    gpus = [gpu(f"GPU-{pid}", pid) for pid in pids]
    return inventory(*gpus, origins=RAY | TREE).link(GpuUser("t", process=AGENT, ray=page))


def test_the_only_engine_of_a_ray_node_has_the_gpus_of_its_workers() -> None:
    # workers for tensor parallelism have ids that no page names
    answer = ray_link(RayPage(1, frozenset({"ff"})), 401, 402)
    assert isinstance(answer, Link)
    assert answer.uuids == ("GPU-401", "GPU-402")


def test_engines_of_a_ray_node_have_the_gpus_of_workers_the_page_names() -> None:
    answer = ray_link(RayPage(2, frozenset({"aa", "bb"})), 401, 402)
    assert isinstance(answer, Link)
    assert answer.uuids == ("GPU-401", "GPU-402")


@pytest.mark.parametrize(
    ("page", "pids"),
    [
        (RayPage(2, frozenset({"aa", "bb"})), (401, 402, 403)),
        (RayPage(2, frozenset({"ff"})), (401, 402)),
        (RayPage(1, frozenset({"ff"})), (401, OTHER)),
    ],
)
def test_what_may_be_another_engines_on_a_ray_node_is_nobodys(
    page: RayPage, pids: tuple[int, ...]
) -> None:
    assert "whose GPU is whose is unknown" in reason(ray_link(page, *pids))


def test_a_node_without_ray_workers_on_gpus_says_so() -> None:
    assert "no Ray worker on this node" in reason(ray_link(RayPage(1), OTHER))
    assert "descends from ray::DashboardAgent" in reason(ray_link(None, 401))
