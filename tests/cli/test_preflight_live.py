"""The plan from a fleet's own past, read from the API that the tests of `compare` ask."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from exporter.cli.app import app
from exporter.compare.fleet.windows import Fleet
from tests.compare.fake_api import FakeApi
from tests.compare.openmetrics import DECODE_CELLS, openmetrics
from tests.prometheus import fill, needs_prometheus, prometheus
from tests.sim.comparison import simulate_comparison

MODEL = "meta/llama"


def run(url: str, *words: str) -> Result:
    command = ["preflight", "--from", "vllm==0.20.2", "--to", "vllm==0.26.0", "--prometheus", url]
    return CliRunner().invoke(app, [*command, *words], env={"COLUMNS": "400"})


def fleet_now(servers: int, hours: float) -> Fleet:
    """Return a simulated fleet that nobody upgraded, up to now."""
    fleet = simulate_comparison(5, share=0.0, servers=servers, before=hours, after=0.0, model=MODEL)
    windows = fleet.windows
    end = float(windows.time.max()) + windows.width
    moved = np.floor((time.time() - end) / windows.width) * windows.width
    facts = (
        replace(
            known,
            limits={**known.limits, "gpus": 2.0},
            starts=tuple(start + moved for start in known.starts),
        )
        for known in fleet.facts
    )
    return replace(
        fleet,
        windows=replace(windows, time=windows.time + moved),
        facts=tuple(facts),
        lookups=None,
    )


@pytest.fixture(scope="module")
def document() -> object:
    """What is printed for four servers and 17 hours, as JSON."""
    with FakeApi(fleet_now(4, 17.0)) as api:
        result = run(api.url, "--json", "--gate", "argo", "--effect", "20%", "--margin", "10%")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_fleet_is_told_and_its_own_hours(document: dict[str, dict[str, object]]) -> None:
    fleet = document["fleet"]
    assert (fleet["servers"], fleet["gpus"], fleet["model"]) == (4, 8, MODEL)
    assert fleet["release"] == "0.20.2"
    titles = [each["title"] for each in fleet["rollouts"]]  # type: ignore[attr-defined]
    assert titles == [
        "2 of 4 servers",
        "2 new servers beside 2",
        "2 and 2 new servers, exchanged after 4 h",
    ]
    loss = fleet["rollouts"][0]["loss"]  # type: ignore[index]
    assert loss["tried"] >= 3
    assert 0.5 <= loss["median"] <= 8.0


def test_the_command_and_the_gate_name_the_fleet(document: dict[str, object]) -> None:
    steps = document["plan"]
    assert isinstance(steps, list)
    (command,) = [step["command"] for step in steps if "command" in step]
    assert "--model meta/llama --baseline 'release=\"0.20.2\"'" in command
    assert command.endswith("--wait 8h --fail-on regression --margin 10%")
    assert "value: meta/llama" in steps[-1]["manifest"]
    assert "on the fleet's own traffic" in steps[0]["text"]


@needs_prometheus
def test_a_real_prometheus_is_read(tmp_path: Path) -> None:
    fill(tmp_path / "data", [openmetrics(fleet_now(4, 17.0), DECODE_CELLS, 300.0)])
    with prometheus(tmp_path / "data") as url:
        result = run(url, "--json", "--effect", "20%", "--margin", "10%")
    fleet = json.loads(result.stdout)["fleet"]
    assert (fleet["servers"], fleet["gpus"], fleet["model"]) == (4, 8, MODEL)
    assert fleet["rollouts"][0]["loss"]["decided"] > 0


def test_a_short_past_falls_back_on_the_table_and_says_so() -> None:
    with FakeApi(fleet_now(4, 3.0)) as api:
        result = run(api.url)
    assert "3.0 h of past are too short" in result.stdout
    assert "hours of the steps are those of simulated rollouts" in result.stdout
    assert "simulated, 4 of 8 servers" in result.stdout


def test_one_server_is_told_what_to_do() -> None:
    with FakeApi(fleet_now(1, 3.0)) as api:
        result = run(api.url)
    assert "1 server of vllm 0.20.2 on 2 NVIDIA H200 serves meta/llama" in result.stdout
    assert "one server cannot be judged" in result.stdout
    assert "bench-plan" in result.stdout


def test_several_models_are_to_be_chosen_among() -> None:
    fleet = fleet_now(2, 3.0)
    first, second = fleet.windows.servers
    servers = (first, replace(second, model="other"))
    two = replace(fleet, windows=replace(fleet.windows, servers=servers))
    with FakeApi(two) as api:
        every, one = run(api.url), run(api.url, "--model", "other")
    assert "--model: the servers have several: meta/llama, other; choose one" in every.stdout
    assert "serves other" in one.stdout


def test_no_series_costs_the_fleet_alone() -> None:
    empty = fleet_now(2, 3.0)
    none = replace(empty.windows.where(np.zeros(len(empty.windows), dtype=bool)), servers=())
    with FakeApi(replace(empty, windows=none, facts=())) as api:
        result = run(api.url)
    assert result.exit_code == 0
    assert "not read: --prometheus: there are no load cells of inferfleet" in result.stdout
    assert "the hours below are those of simulated rollouts" in result.stdout
    assert "Comparable across it" in result.stdout


def test_a_prometheus_that_is_not_there_costs_the_fleet_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("exporter.compare.fleet.api._MAX_ATTEMPTS", 1)
    result = run("http://127.0.0.1:9")
    assert result.exit_code == 0
    assert "not read: " in result.stdout
    assert "connection refused" in result.stdout
    assert "Upgrade half of the servers" in result.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--effect", "5"], "--effect: '5' is no share; it lacks the %"),
        (["--effect", "0%"], "--effect: '0%' is not between 0 and 100%"),
        (["--margin", "x"], "--margin: 'x' is no share"),
        (["--model", "a=b"], "--model: 'a=b' is no label matcher"),
        (["--header", "nothing"], "--header: without a colon"),
        (["--http-config", "/none.yaml"], "--http-config: /none.yaml cannot be read"),
        (["--gate", "helm"], "'helm' is none of argo, flagger, job"),
        (["--window", "0s"], "'0s' is not above 0"),
    ],
)
def test_an_option_that_cannot_be_used_ends_the_command(words: list[str], sentence: str) -> None:
    result = run("http://127.0.0.1:9", *words)
    assert result.exit_code == 2
    assert sentence in " ".join(result.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("org/llama", "org/llama"),
        ('model="org/llama",gpu_model="NVIDIA H200"', "org/llama"),
        ('cluster="eu1", model="a\\"b"', 'a"b'),
    ],
)
def test_a_gate_has_the_label_of_the_model_where_the_fleet_is_not_read(
    model: str, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.compare.fleet.api._MAX_ATTEMPTS", 1)
    result = run("http://127.0.0.1:9", "--gate", "flagger", "--model", model, "--json")
    assert result.exit_code == 0, result.stderr
    (manifest,) = [step["manifest"] for step in json.loads(result.stdout)["plan"][-1:]]
    (metric,) = yaml.safe_load(manifest)
    assert metric["templateVariables"]["model"] == label


@pytest.mark.parametrize("model", [(), ("--model", 'model=~"llama.*"'), ("--model", 'role="x"')])
def test_a_gate_of_one_model_is_refused_for_several(
    model: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.compare.fleet.api._MAX_ATTEMPTS", 1)
    result = run("http://127.0.0.1:9", "--gate", "flagger", *model)
    assert result.exit_code == 2
    assert "give the name as --model" in result.stderr
