"""The run on real GPUs: what can be held without any."""

import json
from pathlib import Path

import pytest

from exporter.replay.recording import load_recording
from scripts.gpu_fleet.__main__ import Result, table
from scripts.gpu_fleet.boards import Board
from scripts.gpu_fleet.recording import Recorder


def board() -> Board:
    """Return a GPU that draws 200 W, read every tenth of a second."""
    times = [100 + i / 10 for i in range(100)]
    energy = [(when, 200 * when) for when in times]
    samples = [{"t": when, "energy_mj": 2e5 * when} for when in times[::10]]
    return Board(None, {"name": "NVIDIA H100", "uuid": "GPU-recorded-0"}, energy, samples)


def test_the_counter_is_read_between_its_samples() -> None:
    assert board().joules(101.23, 104.56) == pytest.approx(200 * 3.33)


def test_a_recording_can_be_played_and_names_no_folder(tmp_path: Path) -> None:
    page = '# HELP vllm:num_requests_running x\nvllm:num_requests_running{engine="0"} 1\n'
    recorder = Recorder("http://127.0.0.1:1", [(101.0, page), (103.0, page)])
    recorder.answers["/v1/models"] = json.dumps({"root": f"{tmp_path}/small-1b"})
    description = {
        "name": "wrapper-0.20.2",
        "engine": "vllm",
        "engine_version": "0.20.2",
        "model": "small-1b",
        "args": [f"{tmp_path}/my_server.py"],
    }
    path = tmp_path / "wrapper.tar.xz"
    assert 0 < recorder.save(path, description, [board()], tmp_path) < 100_000
    recording = load_recording(path)
    assert [page.time for page in recording.pages] == [101.0, 103.0]
    assert "HELP" not in (recording.pages[0].text or "HELP")
    assert recording.manifest["args"] == ["PATH/my_server.py"]
    assert recording.answers["/v1/models"].body == '{"root": "PATH/small-1b"}'
    assert recording.nvml[0]["meta"]["uuid"] == "GPU-recorded-0"


def test_joules_that_differ_by_more_than_two_in_a_hundred_are_wrong() -> None:
    results = [
        Result(
            "a", "wrapper script", "process", 1, "telemetry", 900.0, 0.25, joules, 1000, 5, 1, 0, ()
        )
        for joules in (981.0, 970.0)
    ]
    assert [result.right for result in results] == [True, False]
    unknown = Result("b", "wrapper script", "", None, "", None, None, 0, 1000, 5, 1, 0, ("why",))
    assert not unknown.right
    assert "| b | wrapper script | none | unknown | unknown | unknown |" in table([unknown])
    assert table([unknown]).endswith("b: why")
