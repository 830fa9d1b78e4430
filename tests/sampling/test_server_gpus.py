"""GPU telemetry end to end: a replayed server with its GPU's page, through sampling to the page."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import Config, Declaration, GpuPageSettings, GpuSettings, Target
from exporter.derive.figure import number_of
from exporter.fetch import HttpClient
from exporter.gpu.nvml import Nvml
from exporter.gpu.source_poller import SourcePoller, State
from exporter.gpu.telemetry import SourceState, Telemetry
from exporter.publish.families import PUBLISHED
from exporter.publish.fleet import server_report
from exporter.publish.page import Publisher
from exporter.replay.server import ReplayServer
from exporter.sampling.view import GpuView, ServerView
from exporter.sampling.watched_server import WatchedServer
from exporter.vocabulary.family import PREFIX
from tests.conftest import RECORDINGS, cached_load
from tests.fakes import FakeServer, page
from tests.gpu.fake_nvml import FakeNvml
from tests.loop import run
from tests.waiting import until

NAME = "vllm-dense-0.26.0"


class Clock:
    """A clock that stands where it is put."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """A replayed server and its GPU, read together at recorded seconds."""

    def __init__(self, replay: ReplayServer, clock: Clock, declare: Declaration) -> None:
        (url,) = replay.urls
        target = Target(url=url, name="s", declare=declare)
        page = GpuPageSettings(url=f"{url}/gpu/metrics")
        config = Config(window=1000, gpu=GpuSettings(nvml=False, pages=[page], pages_interval=0.5))
        self.telemetry = Telemetry(config)
        self.server = WatchedServer(
            target, HttpClient(config.http, 1 << 24), config, self.telemetry
        )
        self._clock = clock

    def read(self, seconds: float) -> None:
        """Read GPU and server at a recorded second, on their own clock too."""
        self._clock.now = seconds
        (watch,) = self.telemetry._pollers
        self.telemetry.tick(seconds)
        until(lambda: watch._began is None)
        self.telemetry.tick(seconds)
        run(self.server.sample())
        if self.server.reading.identity is None:
            run(self.server.identify())

    def shown(self) -> ServerView:
        return ServerView(
            self.server.models[0], self.server.reading, True, self.server.reading.time or 0.0
        )

    def page(self) -> dict[str, dict[str, float]]:
        """Return family -> labels (uuid and target left out) -> value."""
        gpus = GpuView(self.telemetry.inventory.gpus, self.telemetry.sources(self._clock.now))
        text = Publisher().page([self.shown()], {}, gpus).decode()
        return {
            sample.name.removeprefix(PREFIX): {
                ",".join(f"{k}={v}" for k, v in s.labels.items() if k not in ("uuid", "target")): (
                    s.value
                )
                for s in family.samples
                if s.name == sample.name
            }
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replay(clock: Clock) -> Iterator[ReplayServer]:
    with ReplayServer([cached_load(RECORDINGS[NAME])], clock=clock, loop=False) as server:
        yield server


def test_a_server_and_its_gpu_are_one_story(replay: ReplayServer, clock: Clock) -> None:
    stage = Stage(replay, clock, Declaration(gpu_uuids=tuple(replay.gpu_uuids)))
    for second in range(60, 70):
        stage.read(float(second))
    page = stage.page()
    assert page["gpu_source_up"] == {f"source={replay.urls[0][7:]}/gpu": 1}
    assert page["server_gpu_info"] == {"gpu_model=NVIDIA H200,source=declared": 1}
    assert page["gpus_claimed"] == {"source=server_info": 1, "source=telemetry": 1}
    assert page["gpu_count_conflict"] == {"": 0}
    assert 300 < page["gpu_power_watts"][""] <= page["gpu_power_limit_watts"][""] + 10
    (info,) = page["server_info"]
    assert "gpu_model=NVIDIA H200" in info
    one = server_report(stage.shown(), stage.telemetry.inventory.gpus)
    assert one["gpu_link"] == "declared"
    gpus = one["gpu_telemetry"]
    assert isinstance(gpus, list)
    assert gpus[0]["power_watts"] == page["gpu_power_watts"][""]
    assert gpus[0]["throttled"] == ["sw_power_cap"]
    assert gpus[0]["tensor_active_ratio"] is None


@pytest.mark.parametrize(
    ("page_name", "pod", "shared"),
    [
        ("dcgm-classic", "serving/llama-0", ""),
        ("dcgm-4.9", "serving/llama-0", ""),
        ("dcgm-shared", "serving/small-a", "given to several workloads"),
    ],
)
def test_dcgms_pod_ties_a_gpu_to_the_server_that_declares_it(
    page_name: str, pod: str, shared: str
) -> None:
    text = (Path(__file__).parents[1] / "gpu" / "pages" / f"{page_name}.prom").read_bytes()
    with FakeServer(metrics=(200, page(1)), gpu=(200, text)) as fake:
        gpus = GpuSettings(nvml=False, pages=[GpuPageSettings(url=f"{fake.url}/gpu")])
        target = Target(url=fake.url, name="s", declare=Declaration(pod=pod))
        config = Config(targets=[target], gpu=gpus)
        telemetry = Telemetry(config)
        server = WatchedServer(target, HttpClient(config.http, 1 << 20), config, telemetry)
        telemetry.tick(0.0)
        (watch,) = telemetry._pollers
        until(lambda: watch._began is None)
        telemetry.tick(0.0)
        run(server.sample())
    link = server.reading.link
    assert link is not None
    assert (link.via, link.model) == ("pod", "NVIDIA H200")
    assert link.uuids == ("GPU-7d2c0f6e-5a1b-4c3d-8e9f-0a1b2c3d4e5f",)
    assert shared in link.shared
    assert bool(link.shared) == bool(shared)
    told = str(server_report(ServerView(server.models[0], server.reading, True, 1.0))["notes"])
    assert ("energy is left out" in told) == bool(shared)


ENGINE = """
import subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

worker = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
page = (
    'vllm:num_requests_running{engine="0",model_name="m"} 1\\n'
    'vllm:generation_tokens_total{engine="0",model_name="m"} %d\\n'
)
scrapes = 0

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        global scrapes
        scrapes += self.path == "/metrics"
        body = (page % (1000 * scrapes)).encode()
        self.send_response(200 if self.path == "/metrics" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], worker.pid, flush=True)
server.serve_forever()
"""
LAUNCHERS = {
    "console script": ["vllm", "serve", "m", "--max-num-seqs", "8"],
    "wrapper script": ["my_server.py", "--port", "8000"],
    "python -c": ["-c", ENGINE],
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_servers_worker_ties_its_gpu_to_it_whatever_started_it(
    launcher: str, tmp_path: Path
) -> None:
    program, *arguments = LAUNCHERS[launcher]
    if program != "-c":
        (tmp_path / program).write_text(ENGINE, encoding="utf-8")
        program = str(tmp_path / program)
    line = [sys.executable, program, *arguments]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, worker = process.stdout.readline().split()
            server = local_server(port, int(worker))
            run(server.sample())
            assert server.reading.link is None
            run(server.identify())
            run(server.sample())
            run(server.sample())
            reading = server.reading
        finally:
            process.kill()
    link, identity = reading.link, reading.identity
    assert link is not None
    assert (link.via, link.uuids, link.shared) == ("process", ("GPU-recorded-0",), "")
    assert identity is not None
    assert identity.text("gpu_model") == "NVIDIA H100 80GB HBM3"
    assert identity.source("gpu_model") == "telemetry"
    assert identity.number("gpus") == 1
    assert number_of(reading.figures["generation_tokens_per_second_per_gpu"])


def local_server(port: str, pid: int) -> WatchedServer:
    """Return a server on this machine beside a driver that names one process."""
    fake = FakeNvml()
    fake.faults["nvmlDeviceGetComputeRunningProcesses"] = lambda _: [SimpleNamespace(pid=pid)]
    watch = SourcePoller("nvml", Nvml(fake).read, 2.0, 5.0, 60.0)
    config = Config(gpu=GpuSettings(nvml=False))
    telemetry = Telemetry(config, [watch])
    target = Target(url=f"127.0.0.1:{port}", name="s")
    server = WatchedServer(target, HttpClient(config.http, 1 << 20), config, telemetry)
    telemetry.tick(0.0)
    until(lambda: watch._began is None)
    telemetry.tick(0.0)
    return server


def test_a_server_that_has_no_gpu_says_who_holds_its_port(tmp_path: Path) -> None:
    program = tmp_path / "frontend.py"
    program.write_text(ENGINE, encoding="utf-8")
    line = [sys.executable, str(program)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, _ = process.stdout.readline().split()
            # a process on the GPU that is no descendant of the front end
            server = local_server(port, os.getpid())
            run(server.sample())
            run(server.identify())
            run(server.sample())
        finally:
            process.kill()
    assert server.reading.link is None
    identity = server.reading.identity
    assert identity is not None
    assert identity.number("gpus") is None
    view = ServerView(server.models[0], server.reading, True, 1.0)
    assert f"frontend.py (process {process.pid}), which holds port {port}" in str(
        server_report(view)["notes"]
    )


def test_every_gpu_series_is_documented_and_promtool_finds_nothing_to_say() -> None:
    nvml = Nvml(FakeNvml())
    readings = [gpu for second in range(6) for gpu in nvml.read(float(second))][-1:]
    shown = GpuView({gpu.uuid: gpu for gpu in readings}, [SourceState("nvml", True, 0.5, "")])
    text = Publisher().page([], {}, shown).decode()
    known = {PREFIX + family.name: family for family in PUBLISHED}
    told = [f for f in text_string_to_metric_families(text) if "_gpu_" in f.name]
    for family in told:
        name = family.name + ("_total" if family.type == "counter" else "")
        assert family.documentation == known[name].help
        for sample in family.samples:
            of_source = "source" in sample.labels and "uuid" not in sample.labels
            assert set(sample.labels) == {*known[name].labels, *(() if of_source else ("uuid",))}
    assert len(told) > 30
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    found = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_sources_that_disagree_on_the_number_are_shown_and_energy_is_not(
    replay: ReplayServer, clock: Clock
) -> None:
    two = (*replay.gpu_uuids, "GPU-elsewhere")
    stage = Stage(replay, clock, Declaration(gpu_uuids=two))
    for second in range(60, 66):
        stage.read(float(second))
    page = stage.page()
    assert page["gpus"] == {"source=server_info": 1}
    assert page["gpus_claimed"] == {"source=server_info": 1, "source=telemetry": 2}
    assert page["gpu_count_conflict"] == {"": 1}
    identity = stage.server.reading.identity
    assert identity is not None
    assert any("gpus is 1 by server_info but 2 by telemetry" in c for c in identity.conflicts)


def test_a_source_that_goes_takes_its_values_and_not_the_servers_class(
    replay: ReplayServer, clock: Clock
) -> None:
    stage = Stage(replay, clock, Declaration(gpu_uuids=tuple(replay.gpu_uuids)))
    stage.read(60.0)
    stage.read(61.0)
    before = stage.server.reading.identity
    assert before is not None
    (watch,) = stage.telemetry._pollers
    watch.state = State(error="gone")
    stage.telemetry.tick(61.1)
    run(stage.server.sample())
    page = stage.page()
    assert "gpu_power_watts" not in page
    assert "server_gpu_info" not in page
    after = stage.server.reading.identity
    assert after is not None
    assert after.server_class == before.server_class
