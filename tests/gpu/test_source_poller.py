"""A source of its own thread: it fails, hangs and comes back, and nobody waits for it."""

import logging
from collections.abc import Sequence
from threading import Event

import pytest

from exporter.base.errors import GpuError
from exporter.gpu.reading import GpuReading
from exporter.gpu.source_poller import SourcePoller
from tests.waiting import until

GPU = GpuReading(uuid="GPU-1", model="NVIDIA H200", source="nvml", time=0.0, values={})


class Source:
    """A source that answers, fails or hangs as the test says."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.open = Event()
        self.open.set()
        self.begun = 0

    def read(self, time: float) -> Sequence[GpuReading]:
        self.begun += 1
        assert self.open.wait(30)
        if self.error:
            raise self.error
        return [GPU]


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def watch(source: Source) -> SourcePoller:
    return SourcePoller("nvml", source.read, interval=2.0, deadline=5.0, retry=60.0)


def read(watch: SourcePoller, source: Source, now: float) -> None:
    """Let the watch read at a time, and wait until it has."""
    begun = source.begun
    watch.tick(now)
    until(lambda: source.begun > begun and watch._began is None)


def test_a_source_is_read_when_it_is_due(watch: SourcePoller, source: Source) -> None:
    assert not watch.live(0.0)
    read(watch, source, 0.0)
    assert watch.live(0.0)
    assert watch.state.readings == (GPU,)
    assert watch.tick(1.9) == 2.0
    assert source.begun == 1
    read(watch, source, 2.0)
    assert watch.state.time == 2.0


def test_no_driver_is_told_once_and_asked_for_seldom(
    watch: SourcePoller, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    source.error = GpuError("NVML does not answer: there is no driver")
    read(watch, source, 0.0)
    watch.tick(59.0)
    assert source.begun == 1
    read(watch, source, 60.0)
    assert [r.message for r in caplog.records] == [
        "GPU source nvml: NVML does not answer: there is no driver"
    ]
    assert not watch.live(60.0)
    source.error = None
    read(watch, source, 120.0)
    assert watch.live(120.0)
    assert caplog.records[-1].message == "GPU source nvml answers again"


def test_a_driver_lost_in_mid_run_leaves_no_old_values(watch: SourcePoller, source: Source) -> None:
    read(watch, source, 0.0)
    source.error = GpuError("NVML does not answer")
    read(watch, source, 2.0)
    assert not watch.live(2.0)
    assert watch.state.readings == ()
    assert watch.state.time == 0.0


def test_a_hung_driver_is_told_once_and_never_joined(
    watch: SourcePoller, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    read(watch, source, 0.0)
    source.open.clear()
    watch.tick(2.0)
    until(lambda: source.begun == 2)
    watch.tick(6.0)
    assert watch.live(6.0)
    for now in (7.5, 8.0, 30.0):
        watch.tick(now)
        assert not watch.live(now)
    assert source.begun == 2
    assert [r.message for r in caplog.records] == [
        "GPU source nvml: it has not answered for 6 s and is not asked again"
    ]
    source.open.set()
    until(lambda: watch._began is None)
    read(watch, source, 31.0)
    assert watch.live(31.0)


def test_what_was_read_grows_old(watch: SourcePoller, source: Source) -> None:
    read(watch, source, 0.0)
    assert watch.live(9.0)
    assert not watch.live(9.1)


def test_a_fault_of_the_exporter_itself_is_told_too(watch: SourcePoller, source: Source) -> None:
    source.error = KeyError("x")
    read(watch, source, 0.0)
    assert "the exporter failed" in watch.state.error
