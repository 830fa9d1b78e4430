"""All sources together: what is fresh, whose it is, what it drew."""

from pathlib import Path

import pytest

from exporter.base.errors import GpuError
from exporter.config import Config, GpuSettings, parse_config
from exporter.gpu.attribution import GpuUser, Link, NoLink
from exporter.gpu.processes import GpuProcesses
from exporter.gpu.reading import GpuReading, Key, Pod
from exporter.gpu.source_poller import SourcePoller
from exporter.gpu.telemetry import Telemetry
from exporter.procfs.port_holder import PortHolder
from tests.proc_tree import ProcTree
from tests.waiting import until


class Board:
    """A source with two GPUs that draw 100 and 400 W."""

    def __init__(self) -> None:
        self.error: GpuError | None = None

    def read(self, time: float) -> list[GpuReading]:
        if self.error:
            raise self.error
        return [
            GpuReading(
                f"GPU-{i}",
                "NVIDIA H200",
                "nvml",
                time,
                {("gpu_energy_joules_total", ()): watts * time, ("gpu_power_watts", ()): watts},
            )
            for i, watts in enumerate((100.0, 400.0))
        ]


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def telemetry(board: Board) -> Telemetry:
    watch = SourcePoller("nvml", board.read, interval=2.0, deadline=5.0, retry=60.0)
    return Telemetry(Config(), [watch])


def run(telemetry: Telemetry, *times: float) -> None:
    """Read the source at some times, and take what it said."""
    (watch,) = telemetry._pollers
    for time in times:
        telemetry.tick(time)
        until(lambda: watch._began is None)
        telemetry.tick(time)


def test_what_gpus_drew_together(telemetry: Telemetry) -> None:
    run(telemetry, 10.0, 12.0, 14.0)
    link = telemetry.link(GpuUser("a", uuids=("GPU-0", "GPU-1")))
    assert isinstance(link, Link)
    drawn = telemetry.energy_use(link, 11.0, 13.0)
    assert drawn is not None
    assert drawn.joules == pytest.approx(1000)


def test_a_gpu_of_two_servers_is_nobodys_alone(telemetry: Telemetry) -> None:
    run(telemetry, 10.0, 12.0)
    one, both = GpuUser("a", uuids=("GPU-0",)), GpuUser("b", uuids=("GPU-0", "GPU-1"))
    telemetry.link(one)
    second = telemetry.link(both)
    assert isinstance(second, Link)
    assert second.shared == "a uses them too"
    assert telemetry.energy_use(second, 10.0, 12.0) is None
    telemetry.forget("a")
    again = telemetry.link(both)
    assert isinstance(again, Link)
    assert telemetry.energy_use(again, 10.0, 12.0) is not None


def test_old_values_are_absent_and_the_source_says_why(telemetry: Telemetry, board: Board) -> None:
    run(telemetry, 10.0)
    assert len(telemetry.inventory.gpus) == 2
    board.error = GpuError("the driver is gone")
    run(telemetry, 12.0)
    assert telemetry.inventory.gpus == {}
    (source,) = telemetry.sources(15.0)
    assert (source.up, source.age, source.error) == (False, 5.0, "the driver is gone")
    assert isinstance(telemetry.link(GpuUser("a", uuids=("GPU-0",))), NoLink)


def test_a_page_that_fails_is_a_problem() -> None:
    config = parse_config({"gpu": {"pages": ["http://127.0.0.1:1"], "nvml": False}}, "x")
    telemetry = Telemetry(config)
    run(telemetry, 0.0)
    (problem,) = telemetry.problems()
    assert "gpu source 127.0.0.1:1: http://127.0.0.1:1/metrics cannot be reached" in problem


def test_a_machine_without_a_gpu_is_no_problem(telemetry: Telemetry, board: Board) -> None:
    board.error = GpuError("there is no driver")
    run(telemetry, 0.0)
    assert telemetry.problems() == []


def test_without_sources_nothing_runs() -> None:
    telemetry = Telemetry(Config(gpu=GpuSettings(nvml=False)))
    telemetry.start()
    assert telemetry.sources(0.0) == []
    telemetry.stop()


def test_pods_that_are_named_in_turn_share_the_gpu_as_long_as_both_work() -> None:
    named = [Pod("llm", "vllm-a"), Pod("llm", "vllm-b")]

    def read(time: float) -> list[GpuReading]:
        joules: dict[Key, float] = {("gpu_energy_joules_total", ()): 300 * time}
        pod = named[int(time >= 10)]
        return [GpuReading("GPU-0", "NVIDIA L4", "dcgm", time, joules, pods=(pod,))]

    telemetry = Telemetry(Config(), [SourcePoller("page", read, 2.0, 5.0, 60.0)])
    users = [GpuUser(name, pod=("llm", f"vllm-{name}")) for name in "ab"]
    run(telemetry, 0.0)
    assert [type(telemetry.link(user)) for user in users] == [Link, NoLink]
    for time in (10.0, 200.0, 400.0, 600.0):
        run(telemetry, time)
        for user in users:
            link = telemetry.link(user)
            assert isinstance(link, Link)
            assert "given to several workloads: llm/vllm-a, llm/vllm-b" in link.shared
            assert telemetry.energy_use(link, time - 1, time) is None


def test_a_server_below_another_keeps_its_gpus(tmp_path: Path) -> None:
    proc = ProcTree(tmp_path)
    proc.process(10, ["python", "router.py"])
    proc.process(20, ["python", "my_server.py"], parent=10)
    proc.process(21, ["VLLM::EngineCore"], parent=20)

    def read(time: float) -> list[GpuReading]:
        return [GpuReading("GPU-0", "NVIDIA L4", "nvml", time, {}, pids=(21,))]

    watch = SourcePoller("nvml", read, 2.0, 5.0, 60.0)
    telemetry = Telemetry(Config(), [watch], GpuProcesses(proc.root))
    run(telemetry, 0.0)
    router = GpuUser("router", process=PortHolder(8000, (10,), (10,), "python router.py"))
    server = GpuUser("server", process=PortHolder(8001, (20,), (20,), "python my_server.py"))
    assert isinstance(telemetry.link(router), Link)
    telemetry.link(server)
    answer = telemetry.link(router)
    assert isinstance(answer, NoLink)
    assert "are those of other servers" in answer.reason
    link = telemetry.link(server)
    assert isinstance(link, Link)
    assert (link.uuids, link.shared) == (("GPU-0",), "")


def test_devices_left_out_of_a_page_are_a_problem() -> None:
    watch = SourcePoller(
        "page", lambda _: [], 2.0, 5.0, 60.0, lambda: ["8 GPUs are left out: a reason"]
    )
    telemetry = Telemetry(Config(), [watch])
    run(telemetry, 0.0)
    assert telemetry.problems() == ["gpu source page: 8 GPUs are left out: a reason"]


def test_nothing_wakes_before_a_source_is_due(telemetry: Telemetry, board: Board) -> None:
    assert telemetry.tick(10.0) == 0.0
    run(telemetry, 10.0)
    assert telemetry.tick(10.5) == 12.0
    board.error = GpuError("there is no driver")
    run(telemetry, 12.0)
    assert telemetry.tick(12.5) == 72.0
