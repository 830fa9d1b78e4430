"""The command `preflight` as a user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from exporter.cli.app import app

DEPLOYMENT = Path(__file__).parent.parent / "preflight" / "deployment.yaml"
UPGRADE = ("--from", "vllm==0.19.1", "--to", "vllm==0.20.2")
BOARD = """{
  "title": "KV",
  "panels": [
    {"title": "usage", "targets": [{"expr": "avg(vllm:gpu_cache_usage_perc{model_name=\\"$m\\"})"}]}
  ]
}
"""


def run(*arguments: object, upgrade: tuple[str, ...] = UPGRADE) -> Result:
    return CliRunner().invoke(app, ["preflight", *upgrade, *map(str, arguments)])


def test_a_typical_deployment_fits_a_screen_with_what_breaks_first() -> None:
    result = run("--manifests", DEPLOYMENT)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "vllm 0.19.1 to 0.20.2: 2 errors, 3 warnings, 2 notes"
    assert len(lines) < 55
    breaks = result.stdout.index("Breaks")
    assert breaks < result.stdout.index("VLLM_MOE_DP_CHUNK_SIZE") < result.stdout.index("Good to")
    assert "write vllm:kv_cache_usage_perc, which 0.19.1 has too" in result.stdout
    assert "Upgrade 4 of 8 servers" in result.stdout
    assert "inferfleet compare --prometheus" in result.stdout


def test_the_newest_release_takes_no_more_than_a_screen_either() -> None:
    upgrade = ("--from", "vllm==0.20.2", "--to", "vllm==0.33.0")
    result = run("--manifests", DEPLOYMENT, upgrade=upgrade)
    assert len(result.stdout.splitlines()) < 70
    assert "--calculate-kv-scales is no argument any more" in result.stdout
    assert "not prefix-cache hit rate" in result.stdout


def test_without_files_it_says_what_the_release_changes() -> None:
    result = run()
    assert result.exit_code == 0
    assert "driver from 580" in result.stdout


def test_a_diff_is_printed_and_fix_writes_it(tmp_path: Path) -> None:
    board = tmp_path / "board.json"
    board.write_text(BOARD)
    result = run("--dashboards", tmp_path, "--diff")
    assert result.exit_code == 1
    assert '-    {"title": "usage", "targets": [{"expr": "avg(vllm:gpu_cache' in result.stdout
    assert board.read_text() == BOARD
    run("--dashboards", tmp_path, "--fix")
    assert board.read_text() == BOARD.replace("gpu_cache_usage", "kv_cache_usage")
    again = run("--dashboards", tmp_path)
    assert again.exit_code == 0


def test_a_diff_of_nothing_says_so() -> None:
    result = run("--diff")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing that could be corrected" in result.stderr


@pytest.mark.parametrize(
    ("form", "fail_on", "code"),
    [([], "error", 0), (["--json"], "warning", 1), (["--markdown"], "error", 0)],
    ids=str,
)
def test_a_reader_that_goes_away_changes_no_exit_code(
    form: list[str], fail_on: str, code: int
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "exporter", "preflight", *UPGRADE, "--fail-on", fail_on, *form]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (code, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_told() -> None:
    command = [sys.executable, "-m", "exporter", "preflight", *UPGRADE]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"inferfleet: the answer cannot be written to standard output: ")
    assert ended.stderr.count(b"\n") == 1


def test_programs_read_json_and_sarif(tmp_path: Path) -> None:
    board, log = tmp_path / "board.json", tmp_path / "out.sarif"
    board.write_text(BOARD)
    result = run("--dashboards", board, "--json", "--sarif", log)
    document = json.loads(result.stdout)
    (error,) = [each for each in document["findings"] if each["severity"] == "error"]
    assert error["place"] == {"file": str(board), "path": "KV / usage", "line": 4}
    assert error["replacement"] == "vllm:kv_cache_usage_perc"
    assert "decode" in document["comparable"]
    (sarif_run,) = json.loads(log.read_text())["runs"]
    (alert,) = sarif_run["results"]
    assert alert["level"] == "error"
    assert alert["locations"][0]["physicalLocation"]["region"]["startLine"] == 4


def test_markdown_has_no_markup_of_its_input(tmp_path: Path) -> None:
    board = tmp_path / "board.json"
    board.write_text(BOARD.replace("usage", "a|b<script>", 1))
    result = run("--dashboards", board, "--markdown")
    assert "| what | remedy | where |" in result.stdout
    assert "a\\|b" in result.stdout


@pytest.mark.parametrize(
    ("fail_on", "arguments", "code"),
    [
        ("error", ["--args", "--max-num-seq-s 4"], 0),
        ("warning", ["--args", "--max-num-seq-s 4"], 1),
        ("never", ["--manifests", str(DEPLOYMENT)], 0),
    ],
)
def test_what_fails_is_chosen(fail_on: str, arguments: list[str], code: int) -> None:
    assert run("--fail-on", fail_on, *arguments).exit_code == code


@pytest.mark.parametrize(
    ("upgrade", "arguments", "sentence"),
    [
        (("--from", "0.19.1", "--to", "vllm==0.20.2"), [], "write it like vllm==0.20.2"),
        (("--from", "vllm==0.19.1", "--to", "sglang==0.5.2"), [], "two engines"),
        (("--from", "vllm==0.6.6", "--to", "vllm==0.20.2"), [], "begins with 0.11.0"),
        (("--from", "vllm==x", "--to", "vllm==0.20.2"), [], "has no version"),
        (UPGRADE, ["--rules", "/nowhere"], "/nowhere is not there"),
        (UPGRADE, ["--env", "/nowhere"], "/nowhere cannot be read"),
        (UPGRADE, ["--args", "'"], "--args cannot be split"),
        (UPGRADE, ["--fail-on", "nothing"], "is none of"),
        (UPGRADE, ["--json", "--markdown"], "for --markdown: it is given with --json"),
        (UPGRADE, ["--json", "--diff"], "for --diff: it is given with --json"),
        (UPGRADE, ["--fix", "--diff"], "for --diff: it is given with --fix"),
    ],
)
def test_bad_input_is_one_sentence(
    upgrade: tuple[str, ...], arguments: list[str], sentence: str
) -> None:
    result = run(*arguments, upgrade=upgrade)
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.replace("│", " ").split())


def test_a_version_outside_the_catalog_is_said() -> None:
    result = run(upgrade=("--from", "vllm==0.20.2", "--to", "vllm==0.99.0"))
    assert "vllm 0.99.0 is newer than the catalog" in result.stdout
    between = run(upgrade=("--from", "vllm==0.16.7", "--to", "vllm==0.20.2"))
    assert "vllm 0.16.7 is not in the catalog: looked up as 0.16.0" in between.stdout


def test_a_file_that_cannot_be_read_costs_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: {{ .Values.y }}\n")
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text(BOARD)
    result = run("--dashboards", tmp_path)
    assert result.exit_code == 1
    assert "it is a template: give what it renders to" in result.stdout.replace("\n", " ")
    assert result.stdout.count("not read: ") == 2
