"""systemd, scrape and gate examples: their own tools where they are to be had, our names always."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from alerts import build as rules
from alerts.values import load as load_values
from exporter.cli.app import app
from exporter.publish.families import PUBLISHED
from exporter.vocabulary.family import PREFIX

from .kube import ROOT, is_ours, rendered

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "inferfleet.service"
SCRAPE = DEPLOY / "scrape"

needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)
needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed"
)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/opt/inferfleet/bin/inferfleet", "/bin/true"))
    return path


@needs_systemd
def test_systemd_takes_the_unit(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_systemd_calls_the_unit_safe(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


def test_unit_starts_what_the_command_line_knows() -> None:
    (start,) = re.findall(r"^ExecStart=\S+ (.*)$", UNIT.read_text(), re.M)
    assert start.split()[:2] == ["serve", "--config"]


@needs_promtool
@pytest.mark.parametrize("name", ["prometheus-agent.yml", "prometheus-federation.yml"])
def test_prometheus_takes_the_scrape_examples(name: str) -> None:
    agent = ["--agent"] if "agent" in name else []
    _promtool(SCRAPE / name, *agent)


@needs_promtool
def test_collector_scrapes_as_prometheus_would(tmp_path: Path) -> None:
    config = yaml.safe_load((SCRAPE / "otel-collector.yaml").read_text())
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(config["receivers"]["prometheus"]["config"]))
    _promtool(path)
    used = {
        name
        for pipeline in config["service"]["pipelines"].values()
        for kind in ("receivers", "processors", "exporters")
        for name in pipeline[kind]
    }
    assert used == {*config["receivers"], *config["processors"], *config["exporters"]}


def _promtool(path: Path, *options: str) -> None:
    done = subprocess.run(
        ["promtool", "check", "config", *options, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_every_example_asks_the_exporters_own_port() -> None:
    for path in SCRAPE.iterdir():
        text = path.read_text()
        for port in re.findall(r"localhost:(\d+)", text):
            assert port == "10190", path.name
        assert text.count("{") == text.count("}"), path.name


def test_series_the_examples_ask_for_exist() -> None:
    names = {PREFIX + family.name for family in PUBLISHED}
    recorded = {record.record for record in rules.records(load_values())}
    paths = [*SCRAPE.iterdir(), *(DEPLOY / "kubernetes" / "autoscale").iterdir()]
    paths += [*(DEPLOY / "kubernetes" / "rollout").iterdir()]
    asked = 0
    for path in paths:
        for name in re.findall(r"\b(?:[a-z]+:)?inferfleet_[a-z_:]+\b(?!\.\*)", path.read_text()):
            asked += 1
            assert name in names or name in recorded, (path.name, name)
    assert asked > 5


def _own_arguments() -> list[list[str]]:
    """Return the arguments of every container of ours that runs once or judges."""
    found = list[list[str]]()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if is_ours(value.get("image")) and "args" in value:
                found.append(value["args"])
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                walk(one)

    walk([*rendered("rollout"), *rendered("judge"), *rendered("sharded")])
    return found


def test_containers_are_started_as_the_command_line_knows() -> None:
    commands = vars(typer.main.get_command(app))["commands"]
    arguments = _own_arguments()
    assert [words[0] for words in arguments] == ["compare", "compare", "judge", "serve"]
    for words in arguments:
        known = {opt for option in commands[words[0]].params for opt in option.opts}
        flags = {word.partition("=")[0] for word in words[1:] if word.startswith("--")}
        assert flags
        assert flags <= known
