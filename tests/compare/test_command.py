"""`inferfleet compare` and `judge` as commands: output, exit codes, one sentence a fault."""

import json
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.values import load
from exporter.base.errors import CompareError
from exporter.cli.app import app
from exporter.compare import extra
from exporter.compare.fleet.windows import Fleet
from tests.compare.fake_api import FakeApi
from tests.sim.comparison import NEW, OLD, START, simulate_comparison

SLOWER = simulate_comparison(21, -0.10, servers=4, before=8, after=5)
FASTER = simulate_comparison(21, 0.30, servers=4, before=8, after=5)
SPAN = ["--from", str(START - 8 * 3600), "--to", str(START + 5 * 3600)]
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
        ([], "give --prometheus URL, or --recording twice"),
        (["--prometheus", "http://127.0.0.1:9"], "give both --baseline and --candidate"),
        (["--prometheus", "prom", *SIDES], "is no address"),
        (["--prometheus", "http://a", "--baseline", "x", "--candidate", "y"], "no label matcher"),
        (["--prometheus", "http://a", *SIDES, "--margin", "much"], "is no share"),
        (["--prometheus", "http://a", *SIDES, "--margin", "0"], "is no margin"),
        (["--prometheus", "http://a", *SIDES, "--claim", "more"], "is no change in percent"),
        (["--prometheus", "http://a", *SIDES, "--from", "then"], "is no time"),
        (["--prometheus", "http://a", *SIDES, "--from", "nan"], "is no time"),
        (["--prometheus", "http://a", *SIDES, "--from", "20", "--to", "10"], "before --to"),
        (["--prometheus", "http://a", *SIDES, "--http-config", __file__], "test_command.py is no"),
        (["--recording", "a", "--recording", "b", "--model", "m"], "--candidate and --model"),
        (["--recording", "none", "--recording", "b"], "none is not there; give a path, or one of"),
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


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    with FakeApi(SLOWER) as fake:
        words = ["compare", "--prometheus", fake.url, *SIDES, *SPAN]
        code, _, error = run(*words, "--report", str(tmp_path / "none" / "out.html"))
    assert code == 4
    assert "cannot be written: No such file" in error


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> ModuleSpec | None:
        return None if name in ("numpy", "matplotlib") else find_spec(name)

    monkeypatch.setattr("exporter.compare.extra.find_spec", without)
    code, _, error = run("compare", "--recording", "a", "--recording", "b", "--report", "c")
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
