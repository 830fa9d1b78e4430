"""`inferfleet top` as a command: what it watches, what it prints, and where it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner

from alerts.values import load
from exporter.base.errors import ConfigError
from exporter.cli.app import app
from exporter.replay.server import ReplayServer
from exporter.top import command
from exporter.top.command import TopError, objectives_of, show, top_config
from exporter.top.detail import Detail
from exporter.top.statistics.goodput import Objective
from exporter.top.watch import FleetWatch
from tests.conftest import RECORDINGS, cached_load
from tests.fakes import Answer, FakeServer, page


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_one_snapshot_is_the_fleet_with_details() -> None:
    recording = cached_load(RECORDINGS["vllm-dense-0.26.0"])
    with ReplayServer([recording], speed=10) as replay:
        code, output = run("top", replay.urls[0], "http://127.0.0.1:9", "--once", "--for", "1s")
    assert code == 0
    fleet = json.loads(output[output.index("{") :])
    assert fleet["totals"]["up"] == 1
    gone, there = sorted(fleet["servers"], key=lambda server: server["up"])
    assert gone["detail"] is None
    assert "generation_tokens_per_second" not in gone
    detail = TypeAdapter(Detail).validate_python(there["detail"])
    assert detail.window_seconds > 0
    assert set(detail.distributions) >= {"time_to_first_token_seconds", "queue_seconds"}
    assert detail.peaks.running is not None
    assert [hint.setting for hint in detail.hints][:2] == ["max_num_seqs", "max_model_len"]
    assert there["requests_running"] is not None


def test_a_server_that_ends_while_it_is_sampled_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    replay = ReplayServer([cached_load(RECORDINGS["vllm-dense-0.26.0"])])
    update = FleetWatch.update

    def updated(watch: FleetWatch) -> None:
        update(watch)
        if all(server.reading.identity for server in watch.watches):
            replay.stop()

    monkeypatch.setattr(FleetWatch, "update", updated)
    with replay:
        words = ("--once", "--for", "3s", "--interval", "200ms")
        code, output = run("top", replay.urls[0], *words)
    assert code == 2
    assert "down; the figures are from before: " in output
    assert "connection refused" in output


FAULTS: dict[str, tuple[Callable[[FakeServer], Answer], str]] = {
    "hangs before headers": (FakeServer.hold, "did not answer within 1 s"),
    "hangs within a body": (
        lambda fake: (200, b"{", {"Content-Length": "99"}),
        "did not answer within 1 s",
    ),
    "resets": (lambda fake: None, "connection reset by peer"),
    "answers 503": (lambda fake: (503, b"busy"), "answered 503"),
}


@pytest.mark.parametrize("path", ["/metrics", "/version"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_server_is_named_with_what_it_did(fault: str, path: str, tmp_path: Path) -> None:
    answer, sentence = FAULTS[fault]
    version = (200, b'{"version": "0.26.0"}')
    with (
        FakeServer(metrics=(200, page(100)), version=version) as good,
        FakeServer(metrics=(200, page(100)), version=version) as bad,
    ):
        bad.answers[path] = lambda: answer(bad)
        config = tmp_path / "c.yaml"
        config.write_text(
            "timeout: 1s\ninterval: 200ms\ngpu: {nvml: false}\ntargets:\n"
            f"- {{url: '{good.url}', name: good}}\n- {{url: '{bad.url}', name: bad}}\n"
        )
        words = ["top", "--config", str(config), "--once", "--for", "200ms"]
        result = CliRunner().invoke(app, words)
    assert result.exit_code == 0
    shown = {server["target"]: server for server in json.loads(result.stdout)["servers"]}
    assert (shown["good"]["up"], shown["good"]["release"]) == (True, "0.26.0")
    assert shown["good"]["notes"] == []
    server = shown["bad"]
    if path == "/metrics":
        assert (server["up"], server["detail"]) == (False, None)
        assert server["error"].startswith(f"{bad.url}/metrics ")
        assert sentence in server["error"]
    else:
        assert (server["up"], server["model"], server["release"]) == (True, "m", None)
        TypeAdapter(Detail).validate_python(server["detail"])
        (note,) = server["notes"]
        assert note.startswith(f"part of what it says of itself is unknown: {bad.url}/version ")
        assert sentence in note


def test_addresses_come_behind_those_of_a_file_and_once_each(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("targets: [a:1]\ninterval: 7s\nload: {warm_up: 3s}\n")
    config = top_config(path, ["b:2", "b:2"], None, None)
    assert [target.url for target in config.targets] == ["http://a:1", "http://b:2"]
    assert (config.interval, config.load.warm_up) == (7, 3)
    assert top_config(path, (), 1.0, 30.0).window == 30


def test_without_a_file_work_counts_from_the_start_and_drivers_are_read_where_servers_are() -> None:
    config = top_config(None, ["http://10.0.0.1:8000"], None, None)
    assert (config.interval, config.load.warm_up, config.gpu.nvml) == (2, 0, False)
    assert top_config(None, ["http://127.0.0.1:8000"], None, None).gpu.nvml


def test_discovery_alone_is_something_to_watch(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("discovery: {file_sd: [{files: ['a.json']}]}\n")
    assert top_config(path, (), None, None).targets == []
    path.write_text("interval: 5s\n")
    with pytest.raises(ConfigError, match=r"c\.yaml names no server"):
        top_config(path, (), None, None)


def test_objectives_are_the_rules_by_model_and_flags_replace_thresholds(tmp_path: Path) -> None:
    path = tmp_path / "v.yaml"
    special = "{model: '.*-405b', time_to_first_token: {threshold: 10s, objective: 0.95}}"
    path.write_text(f"slo:\n  models: [{special}]\n")
    objectives = objectives_of(load(path), None, None)
    assert objectives("llama-405b").time_to_first_token == Objective(10, 0.95)
    assert objectives("llama-405b").inter_token_latency == Objective(0.1, 0.99)
    assert objectives("llama-405b-chat").time_to_first_token == Objective(1, 0.99)
    flagged = objectives_of(load(path), 2.0, 0.05)("llama-405b")
    assert flagged.time_to_first_token == Objective(2, 0.95)
    assert flagged.inter_token_latency == Objective(0.05, 0.99)


@pytest.mark.parametrize(
    ("term", "library", "terminal", "sentence"),
    [
        ("xterm", False, True, "needs textual: run pip install 'inferfleet"),
        ("xterm", True, False, "needs a terminal: --once"),
        ("dumb", True, True, "cannot place its cursor: --once"),
        (None, True, True, "cannot place its cursor: --once"),
    ],
)
def test_where_nothing_can_be_shown_it_says_why(
    term: str | None,
    library: bool,
    terminal: bool,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda _: object() if library else None)
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: terminal, raising=False)
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    config = top_config(None, ["http://127.0.0.1:9"], None, None)
    with pytest.raises(TopError, match=sentence):
        show(config, objectives_of(load(), None, None))
