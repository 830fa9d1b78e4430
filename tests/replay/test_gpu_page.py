"""A replayed server's GPU: told as nvidia_gpu_exporter tells one, its energy never falling."""

import urllib.error
import urllib.request

import pytest

from exporter.gpu.page import reader
from exporter.gpu.reading import GpuReading
from exporter.replay.playlist import Playlist
from exporter.replay.recording import Recording, bundled_recordings, load_recording
from exporter.replay.server import ReplayServer

from .conftest import archives


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def dense() -> Recording:
    return load_recording(bundled_recordings()["vllm-dense-0.26.0"])


def gpu(url: str) -> GpuReading:
    with urllib.request.urlopen(f"{url}/gpu/metrics", timeout=10) as answer:
        (found,) = reader.read(answer.read().decode(), 0.0)
    return found


def test_it_tells_what_was_recorded(dense: Recording) -> None:
    clock = Clock()
    with ReplayServer([dense], clock=clock) as server:
        clock.now = 60.0
        found = gpu(server.urls[0])
        assert [found.uuid] == server.gpu_uuids
    scraped = max(page.time for page in dense.pages if page.time <= dense.pages[0].time + 60)
    sample = [one for one in dense.nvml if "t" in one and one["t"] <= scraped][-1]
    assert (found.model, found.driver) == ("NVIDIA H200", "580.159.04")
    assert found.value("gpu_power_watts") == sample["power_mw"] / 1000
    assert found.value("gpu_memory_total_bytes") == sample["mem_total"]
    assert found.value("gpu_sm_clock_hertz") == sample["sm_mhz"] * 1e6
    capped = float(sample["reasons"] >> 2 & 1)
    assert found.value("gpu_throttled", reason="sw_power_cap") == capped


def test_energy_goes_on_through_loops_and_upgrades(dense: Recording) -> None:
    clock = Clock()
    playlist = Playlist((dense, load_recording(bundled_recordings()["vllm-dense-0.20.2-mrv1"])))
    with ReplayServer([dense, playlist], clock=clock) as server:
        for url in server.urls:
            joules = []
            for seconds in range(0, 700, 7):
                clock.now = float(seconds)
                try:
                    joules.append(gpu(url).value("gpu_energy_joules_total") or 0.0)
                except (urllib.error.URLError, ConnectionError):
                    # the server is down for its upgrade, and its GPU's page with it
                    continue
            assert joules == sorted(joules)
            assert joules[0] == 0
            assert len(set(joules)) == len(joules)


def test_copies_have_gpus_of_their_own(dense: Recording) -> None:
    with ReplayServer([dense, dense], copies=2) as server:
        assert [gpu(url).uuid for url in server.urls] == server.gpu_uuids
        assert len(set(server.gpu_uuids)) == 4


def test_a_server_without_gpu_has_no_page() -> None:
    recording = load_recording(archives()["vllm-0.32.0-basic-cpu"])
    with (
        ReplayServer([recording]) as server,
        pytest.raises(urllib.error.HTTPError, match="404"),
    ):
        gpu(server.urls[0])
