"""`inferfleet compare` and `judge` as commands: output, exit codes, one sentence a fault."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.values import load
from exporter.base.errors import CompareError
from exporter.cli.app import app
from exporter.compare import extra
from exporter.compare.command import main
from exporter.compare.fleet.windows import Fleet
from tests.compare.fake_api import FakeApi, success
from tests.full_disk import full_disk
from tests.sim.comparison import NEW, OLD, START, simulate_comparison
from tests.virtual_time import SleepingClock

SLOWER = simulate_comparison(21, -0.10, servers=4, before=8, after=5)
FASTER = simulate_comparison(21, 0.30, servers=4, before=8, after=5)
SPAN = ["--from", str(START - 8 * 3600), "--to", str(START + 5 * 3600)]
RUNS = ["--baseline-recording", "a", "--candidate-recording", "b"]
SIDES = ["--baseline", f'version="{OLD}"', "--candidate", f'version="{NEW}"']


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(("fleet", "code"), [(SLOWER, 1), (FASTER, 0)], ids=["slower", "faster"])
def test_a_gate_goes_by_the_exit_code(fleet: Fleet, code: int, tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    with FakeApi(fleet) as fake:
        words = ["compare", "--prometheus", fake.url, *SIDES, *SPAN, "--json"]
        status, output, _ = run(*words, "--gate", "--report", str(report))
        assert status == code
    data = json.loads(output)
    assert data["verdict"] == ("regression" if code else "improvement")
    assert data["margin"] == pytest.approx(load().matched.margin)
    assert report.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 0),
        (["--fail-on", "regression"], 0),
        (["--fail-on", "regression,inconclusive"], 0),
        (["--fail-on", "not_comparable, regression"], 3),
        (["--gate"], 3),
    ],
)
def test_a_gate_fails_on_the_verdicts_it_is_told(words: list[str], code: int) -> None:
    # in the first minutes of a release nothing can be said
    early = ["--from", str(START - 8 * 3600), "--to", str(START + 900)]
    with FakeApi(SLOWER) as fake:
        status, _, _ = run("compare", "--prometheus", fake.url, *SIDES, *early, *words)
    assert status == code


def test_a_regression_is_failed_on_by_name() -> None:
    with FakeApi(SLOWER) as fake:
        words = ["compare", "--prometheus", fake.url, *SIDES, *SPAN]
        assert run(*words, "--fail-on", "regression")[0] == 1
        assert run(*words, "--fail-on", "inconclusive,not_comparable")[0] == 0


def test_the_warm_up_is_no_longer_than_asked() -> None:
    early = ["--from", str(START - 8 * 3600), "--to", str(START + 2.4 * 3600)]
    with FakeApi(SLOWER) as fake:
        words = ["compare", "--prometheus", fake.url, *SIDES, *early, "--json"]
        starts = [
            json.loads(run(*words, "--warm-up", warm_up)[1])["comparisons"][0]["candidate_start"]
            for warm_up in ("5m", "40m")
        ]
    assert starts[0] < starts[1] <= starts[0] + 2100


def test_waiting_asks_again_on_the_clock_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SleepingClock(START + 60.0)
    simulated = partial(main, now=clock.now, sleep=clock.sleep)
    monkeypatch.setattr("exporter.compare.command.main", simulated)
    with FakeApi(SLOWER) as fake:
        words = ["compare", "--prometheus", fake.url, *SIDES, "--window", "8h", "--json"]
        code, output, error = run(*words, "--wait", "5h", "--fail-on", "regression")
    assert code == 1
    report = json.loads(output)
    assert report["verdict"] == "regression"
    assert report["alpha"] < 0.05
    assert START + 2 * 3600 < clock.time < START + 5 * 3600
    assert all(line.startswith("inferfleet: ") for line in error.splitlines())
    assert "next look at" in error


def test_for_people_and_as_markdown() -> None:
    with FakeApi(SLOWER) as fake:
        words = ["compare", "--prometheus", fake.url, *SIDES, *SPAN, "--model", "m"]
        code, output, _ = run(*words)
        assert code == 0
        assert "is slower than" in output
        code, output, _ = run(*words, "--markdown", "--margin", "20%")
        assert "not clear yet" in output or "as fast as" in output
        assert output.startswith("## inferfleet compare")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "give --prometheus URL, or --baseline-recording and --candidate-recording"),
        (["--prometheus", "http://127.0.0.1:9"], "give both --baseline and --candidate"),
        (["--prometheus", "prom", *SIDES], "is no address"),
        (["--prometheus", "http://a", "--baseline", "x", "--candidate", "y"], "no label matcher"),
        (["--prometheus", "http://a", *SIDES, "--margin", "much"], "is no share"),
        (["--prometheus", "http://a", *SIDES, "--margin", "0"], "is no margin"),
        (
            ["--prometheus", "http://a", *SIDES, "--claim", "more"],
            "is no change; write it like",
        ),
        (["--prometheus", "http://a", *SIDES, "--from", "then"], "is no time"),
        (["--prometheus", "http://a", *SIDES, "--from", "nan"], "is no time"),
        (["--prometheus", "http://a", *SIDES, "--from", "20", "--to", "10"], "before --to"),
        (["--prometheus", "http://a", *SIDES, "--http-config", __file__], "test_command.py is no"),
        (["--prometheus", "http://a", *SIDES, "--fail-on", "worse"], "worse is none of regression"),
        (
            ["--prometheus", "http://a", *SIDES, "--gate", "--fail-on", "regression"],
            "one of the two",
        ),
        (["--prometheus", "http://a", *SIDES, "--wait", "soon"], "write 8h or 2026-05-10T12:00"),
        (["--prometheus", "http://a", *SIDES, "--wait", "8h", "--to", "9"], "leave out --to"),
        ([*RUNS, "--report", "a.pdf"], "--report: a.pdf: the report is HTML; name it a.html"),
        (RUNS, "a is not there; give a path, or one of"),
    ],
)
def test_faults_are_one_sentence_and_exit_4(words: list[str], fault: str) -> None:
    code, output, error = run("compare", *words)
    assert code == 4
    assert output == ""
    assert fault in error
    assert error.startswith("inferfleet: ")


@pytest.mark.parametrize("words", [["--step", "0s"], ["--window", "soon"], ["--no-such"]])
def test_a_wrong_option_is_no_verdict(words: list[str]) -> None:
    code, output, error = run("compare", "--prometheus", "http://a", *SIDES, "--gate", *words)
    assert code == 4
    assert output == ""
    assert words[0] in error or words[1] in error


def matrix(*samples: object, **metric: object) -> str:
    data = {"resultType": "matrix", "result": [{"metric": metric, "values": samples}]}
    return success(data)


ANSWERS: dict[str, tuple[str, int, str | bytes, str]] = {
    "a web page": (
        "series",
        200,
        "<html>\n<h1>Log in</h1>",
        "<html> <h1>Log in</h1>; it is no JSON",
    ),
    "nothing": ("series", 200, "", "answered 200: nothing; it is no JSON"),
    "half an answer": ("series", 200, '{"status": "success", "data": [{"tar', "it is no JSON"),
    "no text": ("series", 200, b"\xff\xfe\x00{", "it is no JSON"),
    "a terminal's escape": ("series", 200, "\x1b[2J", "answered 200: \\x1b[2J; it is no JSON"),
    "deep": ("series", 200, "[" * 60_000, "it is nested too deep"),
    "too many values": ("series", 200, "[" + "1," * 9_000_000, "it holds more than 8000000 values"),
    "a list": ("series", 200, "[]", "it is no object"),
    "no data": ("series", 200, '{"status": "success"}', "nothing where a list of label sets"),
    "an error with 200": ("series", 200, '{"status": "error", "error": "odd"}', "odd"),
    "an error that is a mapping": ("series", 400, '{"error": {"a": [1]}}', "answered 400: {'a'"),
    "a redirect without an end": ("series", 404, "gone", "answered 404: gone; it is no JSON"),
    "no labels": ("series", 200, success([None]), "nothing where labels belong"),
    "labels that are numbers": ("series", 200, success([{"target": 1}]), "value of the label"),
    "a vector": ("query_range", 200, success({"resultType": "vector"}), "where a matrix belongs"),
    "a value that is none": ("query_range", 200, matrix([START, "many"]), "where a value belongs"),
    "a sample alone": ("query_range", 200, matrix(START), "where a time and a value belong"),
    "another time": ("query_range", 200, matrix([1, "1"]), "a sample of the time 1, not asked for"),
    "a label that is null": ("query_range", 200, matrix(target=None), "value of the label"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_none_is_one_sentence_and_no_verdict(
    answer: tuple[str, int, str | bytes, str],
) -> None:
    endpoint, status, body, fault = answer
    with FakeApi(
        SLOWER, fault=lambda n, path: (status, body) if endpoint in path else None
    ) as fake:
        code, output, error = run("compare", "--prometheus", fake.url, *SIDES, *SPAN, "--gate")
    assert (code, output) == (4, "")
    assert fault in error
    assert error.startswith("inferfleet: ")
    assert error.count("\n") == 1
    assert error.strip().isprintable()


@pytest.mark.parametrize("fault", [RuntimeError("odd"), MemoryError(), KeyboardInterrupt()])
def test_no_fault_of_its_own_is_a_verdict(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise fault

    monkeypatch.setattr("exporter.compare.run.fetch_fleet", fail)
    code, output, _ = run("compare", "--prometheus", "http://127.0.0.1:1", *SIDES, "--gate")
    assert (code, output) == (4, "")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@prom:9090",
        "secret:secret@prom",
        "http://prom:9090?token=secret",
        "http://prom:9090/#secret",
        "https://secret@[::1",
    ],
)
def test_no_secret_in_an_address_is_shown(url: str) -> None:
    for command in ("compare", "judge"):
        code, output, error = run(command, "--prometheus", url, *SIDES)
        assert code in (4, 2)
        assert "credentials in a file with --http-config" in error
        assert "secret" not in output + error


def test_no_secret_in_a_header_is_shown() -> None:
    _, output, error = run(
        "compare", "--prometheus", "http://a", *SIDES, "--header", "Authorization Bearer secret"
    )
    assert "--header: without a colon" in error
    assert "secret" not in output + error


@pytest.mark.parametrize("form", [[], ["--json"], ["--markdown"]])
def test_a_full_disk_is_no_verdict(form: list[str]) -> None:
    words = [sys.executable, "-m", "exporter", "compare", *SIDES, *SPAN, "--gate", *form]
    with FakeApi(FASTER) as fake, open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*words, "--prometheus", fake.url], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 4
    assert ended.stderr == (
        "inferfleet: the answer cannot be written to standard output: No space left on device\n"
    )


@pytest.mark.parametrize("form", [[], ["--json"], ["--markdown"]])
def test_a_reader_that_has_gone_away_leaves_the_code_of_the_verdict(form: list[str]) -> None:
    words = [sys.executable, "-m", "exporter", "compare", *SIDES, *SPAN, "--gate", *form]
    reading, writing = os.pipe()
    os.close(reading)
    with FakeApi(FASTER) as fake, os.fdopen(writing, "w") as pipe:
        ended = subprocess.run(
            [*words, "--prometheus", fake.url], stdout=pipe, stderr=subprocess.PIPE, text=True
        )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("form", [[], ["--markdown"], ["--json"]])
def test_names_from_outside_are_shown_as_they_are(form: list[str], tmp_path: Path) -> None:
    name, report = "[/red]|<script>\x1b[2J\u202e:100:", tmp_path / "out.html"
    odd = simulate_comparison(21, -0.10, servers=4, before=8, after=5, model=name)
    with FakeApi(odd) as fake:
        words = ["compare", "--prometheus", fake.url, *SIDES, *SPAN, "--report", str(report)]
        code, output, error = run(*words, *form)
    assert (code, error) == (0, f"inferfleet: the report is in {report}\n")
    for text in (output, report.read_text()):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert ":100:" in text
    assert "<script>" not in report.read_text()
    if form == ["--json"]:
        assert json.loads(output)["comparisons"][0]["model"] == name
    elif not form:
        assert "[/red]|<script>\\x1b[2J\\u202e:100:" in output


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    with FakeApi(SLOWER) as fake:
        words = ["compare", "--prometheus", fake.url, *SIDES, *SPAN]
        code, _, error = run(*words, "--report", str(tmp_path / "none" / "out.html"))
    assert code == 4
    assert "cannot be written: No such file" in error


def test_a_full_disk_leaves_the_old_report(tmp_path: Path) -> None:
    report = tmp_path / "out.html"
    report.write_text("old")
    with FakeApi(SLOWER) as fake, full_disk():
        words = ["compare", "--prometheus", fake.url, *SIDES, *SPAN, "--gate"]
        code, _, error = run(*words, "--report", str(report))
    assert code == 4
    assert error == f"inferfleet: --report: {report} cannot be written: File too large\n"
    assert list(tmp_path.iterdir()) == [report]
    assert report.read_text() == "old"


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> ModuleSpec | None:
        return None if name in ("numpy", "matplotlib") else find_spec(name)

    monkeypatch.setattr("exporter.compare.extra.find_spec", without)
    code, _, error = run("compare", *RUNS, "--report", "c.html")
    assert code == 4
    assert error == (
        "inferfleet: comparing needs numpy and matplotlib: run pip install 'inferfleet[compare]'\n"
    )
    with pytest.raises(CompareError, match="needs numpy: run"):
        extra.require("numpy")


def test_judge_once() -> None:
    with FakeApi(SLOWER) as fake:
        # a window that reaches back to the simulated time, whenever the test runs
        code, output, _ = run("judge", "--prometheus", fake.url, "--window", "30d", "--once")
        assert code == 0
        assert "inferfleet_judge_last_success_timestamp_seconds" in output
    code, _, error = run(
        "judge", "--prometheus", "http://127.0.0.1:1", "--listen", "x", "--margin", "a"
    )
    assert code == 2
    assert "is no share" in error


def without_work(fleet: Fleet) -> Fleet:
    """Return a fleet whose candidate is known and has had nothing counted yet."""
    old = [server.release == OLD for server in fleet.windows.servers]
    return replace(fleet, windows=fleet.windows.of_servers(old))


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (
            ["--baseline", 'version="0.20.2"', "--candidate", 'version="0.26.1"'],
            '--candidate: no server has version="0.26.1"; known are 0.20.2, 0.26.0; did you mean '
            "0.26.0?",
        ),
        (
            ["--baseline", 'release="9"', "--candidate", 'version="0.26.0"'],
            '--baseline: no server has release="9"; known are 0.20.2, 0.26.0\n',
        ),
        ([*SIDES, "--model", "n"], '--model: no server has model="n"; known are m\n'),
        (
            ["--baseline", 'version="0.20.2"', "--candidate", 'version="0.20.2"'],
            "every server it chooses is on the other side as well",
        ),
        (
            ["--baseline", 'version="0.20.2",release="0.26.0"', "--candidate", 'release="0.26.0"'],
            'no server has all of version="0.20.2", release="0.26.0" at once; the releases known',
        ),
    ],
)
def test_a_side_that_nobody_is_is_an_error(words: list[str], fault: str) -> None:
    with FakeApi(SLOWER) as fake:
        code, output, error = run("compare", "--prometheus", fake.url, *SPAN, *words)
    assert (code, output) == (4, "")
    assert fault in error


def test_an_empty_prometheus_is_an_error() -> None:
    empty = SLOWER.windows.of_servers([False] * len(SLOWER.windows.servers))
    empty = replace(empty, servers=())
    with FakeApi(replace(SLOWER, windows=empty, facts=(), lookups=None)) as fake:
        code, _, error = run("compare", "--prometheus", fake.url, *SPAN, *SIDES)
    assert code == 4
    assert "there are no series of inferfleet in this time" in error


def test_a_candidate_without_work_yet_is_no_error() -> None:
    with FakeApi(without_work(SLOWER)) as fake:
        code, output, _ = run("compare", "--prometheus", fake.url, *SPAN, *SIDES)
    assert code == 0
    assert "no work of the candidate (0.26.0) has been counted" in " ".join(output.split())
    assert "60 min of warm-up at most and 15 min in which both run" in " ".join(output.split())


def test_what_ran_before_the_window_alone_is_said() -> None:
    late = ["--from", str(START + 4 * 3600), "--to", str(START + 5 * 3600)]
    with FakeApi(simulate_comparison(21, share=1.0, servers=2, before=2, after=5)) as fake:
        code, _, error = run("compare", "--prometheus", fake.url, *late, *SIDES)
    assert code == 4
    assert 'version="0.20.2" ran before this time alone; widen --window' in error
