"""The compose stack: its own tool accepts it, and each program accepts its configuration."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import load_config

from .kube import ROOT, program

COMPOSE = ROOT / "deploy" / "compose"
HARDENED = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    """The stack as Docker Compose understands it."""
    done = subprocess.run(
        [
            *(program("docker-compose"), "-f", str(COMPOSE / "compose.yaml")),
            *("config", "--format", "json"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Return where each folder or file of this repository is seen in a service."""
    return {
        one["target"]: one["source"] for one in service.get("volumes", ()) if one["type"] == "bind"
    }


def test_services_are_hardened_and_their_files_there(stack: dict[str, Any]) -> None:
    services = {"fleet", "exporter", "prometheus", "alertmanager", "grafana"}
    assert set(stack["services"]) == services
    for service in stack["services"].values():
        assert HARDENED.items() <= service.items()
        for one in service.get("volumes", ()):
            if one["type"] == "bind":
                assert one["read_only"] is True
                assert Path(one["source"]).exists()
        for port in service.get("ports", ()):
            assert port["host_ip"] == "127.0.0.1"


def test_every_replayed_server_is_watched(stack: dict[str, Any]) -> None:
    fleet, exporter = stack["services"]["fleet"], stack["services"]["exporter"]
    (folder,) = mounts(fleet).values()
    recordings = [word for word in fleet["command"] if word.startswith("/recordings/")]
    for one in recordings:
        assert (Path(folder) / Path(one).name).exists()
    config = load_config(Path(mounts(exporter)["/etc/inferfleet/inferfleet.yaml"]))
    assert [target.url for target in config.targets] == [
        f"http://fleet:{8100 + i}" for i in range(len(recordings))
    ]


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_prometheus_takes_its_configuration_and_the_rules(
    stack: dict[str, Any], tmp_path: Path
) -> None:
    seen = mounts(stack["services"]["prometheus"])
    shutil.copy(seen["/etc/prometheus/prometheus.yml"], tmp_path)
    shutil.copytree(seen["/etc/prometheus/rules"], tmp_path / "rules")
    done = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    for path in (tmp_path / "rules").glob("*.yaml"):
        assert f"{path}\n  SUCCESS" in done.stdout


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed")
def test_alertmanager_takes_its_configuration(stack: dict[str, Any]) -> None:
    (path,) = mounts(stack["services"]["alertmanager"]).values()
    done = subprocess.run(
        ["amtool", "check-config", path], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_addresses_between_the_services_are_right(stack: dict[str, Any]) -> None:
    config = yaml.safe_load((COMPOSE / "prometheus.yml").read_text())
    told = json.dumps(config) + (COMPOSE / "grafana/datasources/prometheus.yaml").read_text()
    for address in ("exporter:10190", "alertmanager:9093", "prometheus:9090"):
        name, port = address.split(":")
        assert address in told
        ports = {port["target"] for port in stack["services"][name]["ports"]}
        assert int(port) in ports


def test_grafana_finds_the_dashboards(stack: dict[str, Any]) -> None:
    seen = mounts(stack["services"]["grafana"])
    provider = yaml.safe_load((COMPOSE / "grafana/dashboards/inferfleet.yaml").read_text())
    (path,) = [one["options"]["path"] for one in provider["providers"]]
    assert len(list(Path(seen[path]).glob("*.json"))) > 5
