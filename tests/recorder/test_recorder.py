"""A live server recorded: what is read back is what the exporter saw."""

import asyncio
import json
import signal
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from types import SimpleNamespace

import pytest

from exporter.base.errors import RecordingError
from exporter.cli.process import interrupt_on_termination
from exporter.cli.record import record, summary
from exporter.compare.fleet.recorded_server import read_server
from exporter.config import Config, GpuSettings, Target
from exporter.gpu.reading import GpuReading
from exporter.gpu.source_poller import SourcePoller, State
from exporter.gpu.telemetry import Telemetry
from exporter.recorder import recorder
from exporter.replay.recording import Recording, bundled_recordings, load_recording
from exporter.replay.server import ReplayServer
from exporter.replay.snapshots import snapshots

from .conftest import archives

INTERVAL = 0.2
SECONDS = 0.5


def silent(share: float) -> None:
    """Nobody looks at the progress."""


class InstantWatch(SourcePoller):
    """Two GPUs that answer at once, in the caller's thread."""

    def __init__(self) -> None:
        super().__init__("nvml", self.readings, 2.0, 5.0, 60.0)

    def readings(self, now: float) -> Sequence[GpuReading]:
        """Return the two GPUs."""
        return [
            GpuReading(
                uuid=uuid,
                model="NVIDIA H200",
                source="nvml",
                time=now,
                values={("gpu_power_watts", ()): watts, ("gpu_energy_joules_total", ()): now},
            )
            for uuid, watts in (("GPU-a", 350.0), ("GPU-b", 400.0))
        ]

    def tick(self, now: float) -> float:
        """Take a reading; another is due at once."""
        self.state = State(tuple(self.readings(now)), now)
        return now


def two_gpus(config: Config) -> Telemetry:
    """Return telemetry that has been read once."""
    telemetry = Telemetry(config, pollers=[InstantWatch()])
    telemetry.tick(monotonic())
    return telemetry


@pytest.fixture
def dense() -> Recording:
    return load_recording(bundled_recordings()["vllm-dense-0.26.0"])


@pytest.fixture(params=["sglang-0.5.23-basic-cpu", "vllm-0.20.2-dp2-cpu", "vllm-0.32.0-basic-cpu"])
def recorded(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Recording, Recording]:
    """A real recording, and what is recorded of its replay."""
    real = load_recording(archives()[request.param])
    path = tmp_path / "again.tar.xz"
    with ReplayServer([real], speed=20.0) as servers:
        record(servers.urls[0], path, SECONDS, INTERVAL, None, silent)
    return real, load_recording(path)


def test_a_recording_of_a_replay_reads_like_the_recording(
    recorded: tuple[Recording, Recording],
) -> None:
    original, again = recorded
    assert again.engine == original.engine
    assert again.engine_version == original.engine_version
    first, last = list(snapshots(again))[:: len(again.pages) - 1][:2]
    known = next(iter(snapshots(original)))
    assert first.plan.model == known.plan.model
    assert set(first.plan.origins) >= set(known.plan.origins)
    assert last.time > first.time
    assert read_server(again, 1.0).key.server_class


def test_what_is_no_server_is_said_and_no_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "none.tar.xz"
    with pytest.raises(RecordingError, match="refused"):
        record("http://127.0.0.1:9", path, 1.0, INTERVAL, None, silent)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["recording.zip", ".tar.xz"])
def test_another_kind_of_file_is_refused_before_anything_is_asked(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(RecordingError, match=r"must be called NAME\.tar\.xz"):
        record("http://127.0.0.1:9", tmp_path / name, 1.0, INTERVAL, None, silent)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "no" / "folder.tar.xz"
    with pytest.raises(RecordingError, match="cannot be written: No such file"):
        record("http://127.0.0.1:9", path, 1.0, INTERVAL, None, silent)


def test_a_folder_in_the_file_s_place_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "folder.tar.xz"
    path.mkdir()
    with pytest.raises(RecordingError, match="cannot be written: it is a folder"):
        record("http://127.0.0.1:9", path, 1.0, INTERVAL, None, silent)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "run.tar.xz"
    path.write_bytes(b"hours of work")
    with pytest.raises(RecordingError, match=r"run\.tar\.xz is there already; delete it, or name"):
        record("http://127.0.0.1:9", path, 1.0, INTERVAL, None, silent)
    assert path.read_bytes() == b"hours of work"


@pytest.mark.parametrize("seconds", [0.01, SECONDS])
def test_it_ends_with_its_last_page(
    seconds: float, tmp_path: Path, dense: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(seconds)

    monkeypatch.setattr(recorder, "asyncio", SimpleNamespace(run=asyncio.run, sleep=pause))
    with ReplayServer([dense]) as servers:
        result = record(servers.urls[0], tmp_path / "run.tar.xz", seconds, INTERVAL, None, silent)
    assert len(pauses) == result.pages - 1


def test_ctrl_c_keeps_what_has_come(tmp_path: Path, dense: Recording) -> None:
    calls = list[float]()

    def interrupt(share: float) -> None:
        calls.append(share)
        if len(calls) == 3:
            raise KeyboardInterrupt

    path = tmp_path / "cut.tar.xz"
    with ReplayServer([dense]) as servers:
        result = record(servers.urls[0], path, 60.0, INTERVAL, None, interrupt)
    assert result.answered == len(load_recording(path).pages) == 2
    assert "2 of 2 pages of vllm 0.26.0" in summary(path, result)


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Signals that end a process by default, as they stand in a fresh one."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_has_come(
    tmp_path: Path, dense: Recording, number: signal.Signals
) -> None:
    calls = list[float]()

    def end(share: float) -> None:
        calls.append(share)
        if len(calls) == 3:
            signal.raise_signal(number)

    interrupt_on_termination()
    path = tmp_path / "cut.tar.xz"
    with ReplayServer([dense]) as servers:
        result = record(servers.urls[0], path, 60.0, INTERVAL, None, end)
    assert 2 <= result.answered == len(load_recording(path).pages) <= 3
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("default_signals")
def test_nohup_outlives_the_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interrupt_on_termination()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_the_gpus_of_the_server_are_in_it_and_their_energy_counts_whole(
    tmp_path: Path, dense: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gpus.tar.xz"
    with ReplayServer([dense]) as servers:
        target = Target.model_validate(
            {"url": servers.urls[0], "declare": {"gpu_uuids": ["GPU-a", "GPU-b"], "gpus": 2}}
        )
        config = Config(targets=[target], interval=INTERVAL, gpu=GpuSettings(nvml=False))
        monkeypatch.setattr(recorder, "Telemetry", two_gpus)
        result = recorder.record(target, path, SECONDS, config, silent)
    assert result.gpus == 2
    again = load_recording(path)
    assert {line.get("gpu") for line in again.nvml} == {0, 1}
    with tarfile.open(path) as archive:
        text = archive.extractfile("nvml.jsonl").read().decode()  # type: ignore[union-attr]
    assert "GPU-a" not in text
    samples = [json.loads(line) for line in text.splitlines()]
    assert {line["power_mw"] for line in samples if "t" in line} == {350e3, 400e3}


def test_a_recording_ends_with_the_results_of_the_load_clients(
    tmp_path: Path, dense: Recording
) -> None:
    path, first, second = (tmp_path / name for name in ("a.tar.xz", "a-one.json", "a-two.json"))
    result = {"duration": 0.1, "output_throughput": 50.0, "mean_ttft_ms": 30.0}
    calls = list[float]()

    def load(share: float) -> None:
        calls.append(share)
        if len(calls) in (2, 3):
            (first if len(calls) == 2 else second).write_text(json.dumps(result))

    with ReplayServer([dense]) as servers:
        done = record(servers.urls[0], path, 60.0, INTERVAL, None, load, [first, second])
    again = load_recording(path)
    assert (done.phases, done.faults) == (2, ())
    assert "no GPU, 2 load phases." in summary(path, done)
    assert [phase["name"] for phase in again.phases] == ["one", "two"]
    assert again.phases[0]["ttft_mean"] == pytest.approx(0.03)
    # a page after the last result, and no more
    assert len(again.pages) == 4
    assert again.pages[-1].time > again.phases[-1]["end"] > again.phases[-1]["start"]


def test_a_result_that_does_not_come_is_said_and_the_recording_stays(
    tmp_path: Path, dense: Recording
) -> None:
    path, result = tmp_path / "a.tar.xz", tmp_path / "a-one.json"
    with ReplayServer([dense]) as servers:
        done = record(servers.urls[0], path, SECONDS, INTERVAL, None, silent, [result])
    assert load_recording(path).phases == ()
    assert done.faults == (f"{result}: it was not written",)
