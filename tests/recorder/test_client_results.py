"""Results of load clients become load phases; what is none is said, and none is taken twice."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from exporter.base.errors import RecordingError
from exporter.recorder.client_results import MAX_BYTES, ClientResults, parse_result

# in the form of `vllm bench serve --save-result`
RESULT: dict[str, Any] = {
    "date": "20260101-120000",
    "request_rate": "inf",
    "max_concurrency": 8,
    "duration": 20.0,
    "completed": 100,
    "failed": 1,
    "total_input_tokens": 5000,
    "total_output_tokens": 2000,
    "request_goodput": None,
    "output_throughput": 100.0,
    "mean_ttft_ms": 30.0,
    "median_ttft_ms": 25.0,
    "p99_ttft_ms": 90.0,
    "mean_itl_ms": 8.0,
    "mean_tpot_ms": 7.5,
}


def encoded(result: object) -> bytes:
    return json.dumps(result).encode()


def test_a_result_is_a_phase_in_seconds() -> None:
    assert parse_result(encoded(RESULT), "busy", 1000.0) == pytest.approx(
        {
            "name": "busy",
            "start": 980.0,
            "end": 1000.0,
            "gen_tok_s": 100.0,
            "conc": 8,
            "done": 100,
            "errors": 1,
            "prompt_tokens": 5000,
            "gen_tokens": 2000,
            "ttft_mean": 0.03,
            "ttft_p50": 0.025,
            "ttft_p99": 0.09,
            "itl_mean": 0.008,
            "tpot_mean": 0.0075,
        }
    )


def test_the_newest_of_several_lines_counts() -> None:
    lines = encoded({**RESULT, "output_throughput": 7.0}) + b"\n" + encoded(RESULT) + b"\n"
    assert parse_result(lines, "busy", 1000.0)["gen_tok_s"] == 100.0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "a JSON object"),
        (b"[1]", "a JSON object"),
        (b'{"duration": 1', "no JSON"),
        (encoded({**RESULT, "duration": 0.0}), "lacks duration"),
        (encoded({**RESULT, "duration": "20"}), "lacks duration"),
        (encoded({**RESULT, "output_throughput": float("nan")}), "lacks duration"),
        (encoded({"completed": 3}), "lacks duration"),
    ],
)
def test_what_is_no_result_is_said(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_result(content, "busy", 1000.0)


def test_a_number_that_is_none_is_left_out() -> None:
    phase = parse_result(encoded({**RESULT, "mean_itl_ms": None, "failed": -1}), "busy", 1000.0)
    assert "itl_mean" not in phase
    assert "errors" not in phase


def written(path: Path, content: bytes, time: float) -> None:
    path.write_bytes(content)
    os.utime(path, (time, time))


def test_phases_are_named_by_their_files_and_end_when_these_are_written(tmp_path: Path) -> None:
    quiet, busy = tmp_path / "01-baseline-quiet.json", tmp_path / "other.json"
    results = ClientResults([quiet, busy], "01-baseline", 1000.0)
    results.look(1010.0)
    assert (results.phases, results.complete) == ([], False)
    assert set(results.faults.values()) == {"it was not written"}
    written(quiet, encoded(RESULT), 1031.5)
    results.look(1032.0)
    assert not results.complete
    # written at a time between the looks at which it was not there: the clock is another one
    written(busy, encoded(RESULT), 900.0)
    results.look(1060.0)
    assert results.complete
    phases = [(phase["name"], phase["start"], phase["end"]) for phase in results.phases]
    assert phases == [("quiet", 1011.5, 1031.5), ("other", 1040.0, 1060.0)]


def test_a_file_that_is_half_written_is_read_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    results = ClientResults([path], "run", 1000.0)
    written(path, encoded(RESULT)[:50], 1001.0)
    results.look(1002.0)
    assert "no JSON" in results.faults[path]
    written(path, encoded(RESULT), 1003.0)
    results.look(1004.0)
    assert results.complete


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    results = ClientResults([path], "run", 1000.0)
    path.mkdir()
    results.look(1002.0)
    assert results.faults[path] == "it is no plain file"
    path.rmdir()
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    results.look(1004.0)
    assert "larger than 64 MiB" in results.faults[path]


def test_a_result_from_before_the_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(encoded(RESULT))
    with pytest.raises(RecordingError, match=r"a\.json: is there already"):
        ClientResults([path], "run", 1000.0)


def test_two_results_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="gives the load phase a as well"):
        ClientResults([tmp_path / "a.json", tmp_path / "b" / "a.json"], "run", 1000.0)


def test_no_results_are_never_complete() -> None:
    results = ClientResults([], "run", 1000.0)
    results.look(1002.0)
    assert not results.complete
