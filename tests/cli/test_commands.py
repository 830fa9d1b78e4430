"""The command line: exit codes, one sentence for each fault, and a probe that names its sources."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from exporter import __version__
from exporter.base.errors import ConfigError
from exporter.cli import probe
from exporter.cli.app import app
from exporter.config import Config
from exporter.replay.server import ReplayServer
from tests.conftest import RECORDINGS, cached_load


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_version() -> None:
    assert run("--version") == (0, f"inferfleet {__version__}\n")


def test_check_config(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("targets: [a:1, b:2]\n")
    assert run("check-config", str(path)) == (0, f"{path} is good: 2 listed targets\n")
    path.write_text("targets: [a:1]\n")
    assert run("check-config", str(path)) == (0, f"{path} is good: 1 listed target\n")
    for fault in ("web: {listen: ':70000'}\n", "discovery: {file_sd: [{files: ['*/a.json']}]}\n"):
        path.write_text(fault)
        assert run("check-config", str(path))[0] == 2
    path.write_text("intervall: 5s\n")
    code, output = run("check-config", str(path))
    assert code == 2
    assert (
        output == f"inferfleet: {path}: intervall: there is no such key; did you mean interval?\n"
    )
    code, output = run("check-config", str(tmp_path / "none.yaml"))
    assert code == 2
    assert "none.yaml cannot be read: No such file" in output


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["serve"], "nothing to watch"),
        (["serve", "--target", "${NOT_SET}"], "--target: the environment variable NOT_SET is not"),
        (["probe", "${NOT_SET}"], "the address: the environment variable NOT_SET is not set"),
        (["judge", "--prometheus", "${NOT_SET}"], "--prometheus: the environment variable NOT_SET"),
        (["serve", "--target", "a:1", "--log-level", "loud"], "no log level"),
        (
            ["serve", "--target", "a:1", "--log.format", "xml"],
            "'xml' is no format of log lines; use text, logfmt, json",
        ),
        (["serve", "--target", "a:1", "--listen", "nonsense"], "nonsense"),
        (["serve", "--target", "a:1", "--web.config.file", "none.yml"], "none.yml"),
        (["serve", "--target", "ftp://a"], "no server address"),
        (
            ["serve", "--target", "a:1", "--shard", "3"],
            "--shard: '3' is no shard; write it like 0/3",
        ),
        (["probe", "ftp://a"], "inferfleet: url: 'ftp://a' is no server address"),
        (["replay", "none"], "none is not there; give a path, or one of vllm-dense-0.20.2-mrv1"),
        (
            ["judge", "--prometheus", "http://a", "--every", "0s"],
            "--every: '0s' is not above 0; write it like 1s or 15m",
        ),
        (["probe", "http://127.0.0.1:1", "--for", "soon"], "no duration"),
        (["probe", "http://127.0.0.1:1", "--for", "1s"], "connection refused"),
    ],
)
def test_faults_are_one_sentence_and_exit_2(words: list[str], fault: str) -> None:
    code, output = run(*words)
    assert code == 2
    assert fault in output
    assert "Traceback" not in output


def test_variables_in_addresses_are_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = list[Config]()
    monkeypatch.setattr("exporter.cli.service.serve", lambda config, _: configs.append(config))
    monkeypatch.setenv("PORT", "8000")
    words = ["--target", "http://127.0.0.1:${PORT}", "--listen", ":${LISTEN:-10191}"]
    assert run("serve", *words) == (0, "")
    assert configs[0].targets[0].url == "http://127.0.0.1:8000"
    assert configs[0].web.listen == ":10191"


def test_flags_of_other_exporters_do_as_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = list[Config]()
    monkeypatch.setattr("exporter.cli.service.serve", lambda config, _: configs.append(config))
    path = tmp_path / "c.yaml"
    path.write_text("targets: [a:1]\nweb: {listen: ':1', config_file: other.yml}\n")
    flags = ["--web.listen-address", ":9", "--web.config.file", "web.yml", "--log.level", "error"]
    assert run("serve", "--config", str(path), *flags) == (0, "")
    assert configs[0].web.listen == ":9"
    assert configs[0].web.config_file == Path("web.yml")


def test_a_reload_of_a_file_that_names_nobody_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, readings = tmp_path / "c.yaml", list[Callable[[], Config]]()
    monkeypatch.setattr("exporter.cli.service.serve", lambda _, read: readings.append(read))
    path.write_text("targets: [a:1]\n")
    assert run("serve", "--config", str(path)) == (0, "")
    path.write_text("")
    with pytest.raises(ConfigError, match=r"nothing to watch: .*c\.yaml names no server"):
        readings[0]()


def test_probe_as_json_and_for_people() -> None:
    recording = cached_load(RECORDINGS["vllm-dense-0.26.0"])
    with ReplayServer([recording], speed=20) as replay:
        code, output = run("probe", replay.urls[0], "--for", "1s", "--json")
        assert code == 0
        answer = json.loads(output[output.index("{") :])
    assert answer["facts"]["gpus"] == {"value": 1, "source": "server_info"}
    assert answer["window_seconds"] > 0
    assert answer["origins"]["generation_tokens_total"] == "vllm:generation_tokens_total"
    console = Console(file=io.StringIO(), width=160)
    probe.show(answer, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "vllm:num_requests_running / 256 (server_info)" in text
    assert "0.26.0" in text


def test_a_server_that_ends_while_it_is_probed_is_said() -> None:
    recording = cached_load(RECORDINGS["vllm-dense-0.26.0"])
    pages = (*recording.pages[:2], replace(recording.pages[2], text=None))
    with ReplayServer([replace(recording, pages=pages)], speed=20, loop=False) as replay:
        code, output = run("probe", replay.urls[0], "--for", "2s", "--json")
    assert code == 2
    assert output.startswith("inferfleet: the server stopped answering after ")
    assert output.endswith("if it speaks TLS, write https:// where http:// stands\n")


def test_what_a_server_calls_itself_is_no_markup() -> None:
    claim = {"value": "[/red]:100:", "source": "[x"}
    report: dict[str, object] = {
        "target": "[/a]",
        "engine": "[b",
        "facts": {"model": claim},
        "notes": ["[/c]"],
    }
    console = Console(file=io.StringIO(), width=160, markup=False, emoji=False)
    probe.show(report, console)
    assert isinstance(console.file, io.StringIO)
    assert "[/red]:100:" in console.file.getvalue()
