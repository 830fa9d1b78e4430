"""What fails or cannot be written is left out and counted; all else stands as if it were not."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf

import pytest

from exporter.config import Config, Target
from exporter.derive.figure import Figures
from exporter.derive.meter import LoadCells
from exporter.fetch import HttpClient
from exporter.gpu.reading import GpuReading
from exporter.publish.fleet import fleet_report
from exporter.publish.page import Publisher
from exporter.sampling.reading import ServerReading
from exporter.sampling.view import GpuView, ServerView
from exporter.sampling.watched_server import WatchedServer


class Broken(dict[str, float]):
    """Figures that cannot be read: a fault of the exporter's own."""

    def get(self, *_: object) -> float:
        raise RuntimeError("a fault\n2026-01-01 of ours")


def view(name: str, **changes: object) -> ServerView:
    config = Config()
    server = WatchedServer(Target(url="http://h:1", name=name), HttpClient(config.http, 1), config)
    reading = replace(ServerReading(time=1.0), **changes)  # type: ignore[arg-type]
    return ServerView(server.models[0], reading, True, 2.0)


def lines(page: bytes, target: str) -> list[str]:
    return [line for line in page.decode().splitlines() if f'target="{target}"' in line]


LOAD = LoadCells((("release", "1\ud800"),), {("0", "8"): {"seconds": 1.0}})
FAULTS: Mapping[str, tuple[str, object, str]] = {
    "figures that raise": ("figures", Broken(window_seconds=1.0), "internal"),
    "an infinite figure": ("figures", {"window_seconds": inf}, "no_number"),
    "a release that is no text": ("load", LOAD, "no_text"),
    "an engine that is no text": ("engine_figures", {"\ud800": {"bound": "demand"}}, ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_one_server_leaves_the_others_whole(fault: str) -> None:
    name, content, reason = FAULTS[fault]
    sound: Figures = {"window_seconds": 30.0}
    alone = Publisher().page([view("good", figures=sound)], {})
    bad = view("bad", **{name: content})
    page = Publisher().page([bad, view("good", figures=sound)], {})
    assert lines(page, "good") == lines(alone, "good")
    assert 'inferfleet_target_up{target="bad"} 1.0' in lines(page, "bad")
    if reason:
        counted = [line for line in lines(page, "bad") if f'reason="{reason}"' in line]
        assert [line.rpartition(" ")[2] for line in counted if "left_out" in line] != ["0.0"]
    report = fleet_report([bad, view("good", figures=sound)], [], 5.0, 60.0)
    servers = report["servers"]
    assert isinstance(servers, list)
    assert servers[1]["window_seconds"] == 30.0
    assert servers[0]["target"] == "bad"


def test_a_server_that_cannot_be_shown_says_so(caplog: pytest.LogCaptureFixture) -> None:
    report = fleet_report([view("bad", figures=Broken())], [], 5.0, 60.0)
    servers = report["servers"]
    assert isinstance(servers, list)
    assert servers[0]["error_reason"] == "internal"
    assert r"a fault\n2026-01-01" in servers[0]["error"]
    assert "bad cannot be shown" in caplog.text


def gpus() -> Iterator[GpuReading]:
    for uuid, model in (("GPU-a", "H100"), ("GPU-b", "H\ud800")):
        yield GpuReading(uuid, model, "nvml", 0.0, {("gpu_power_watts", ()): 300.0})


def test_a_gpu_that_cannot_be_written_leaves_the_others_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    page = Publisher().page([], {}, GpuView({gpu.uuid: gpu for gpu in gpus()})).decode()
    assert 'inferfleet_gpu_power_watts{uuid="GPU-a"} 300.0' in page
    assert "GPU-b" not in page
    assert "GPU GPU-b is left out" in caplog.text
