"""What commands import: a start, and the memory of a sidecar, is mostly that."""

import subprocess
import sys
from collections.abc import Collection

import pytest

LIBRARIES = {"grafanalib", "matplotlib", "numpy", "requests", "rich", "urllib3"}
"""What no watching of servers needs."""


def imported(code: str) -> set[str]:
    """Return the names of the modules that a fresh interpreter has after some code."""
    code += "\nimport sys; print(*sorted(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return set(answer.stdout.splitlines()[-1].split())


def unwanted(modules: Collection[str], packages: Collection[str]) -> list[str]:
    return [name for name in modules if any(f"{name}.".startswith(f"{p}.") for p in packages)]


@pytest.mark.parametrize(("option", "used"), [("--version", set[str]()), ("--help", {"rich"})])
def test_what_does_no_work_imports_no_work(option: str, used: set[str]) -> None:
    code = f"from exporter.cli.app import app; app(['{option}'], standalone_mode=False)"
    heavy = {*LIBRARIES, "asyncio", "exporter.config", "prometheus_client", "pydantic", "yaml"}
    assert unwanted(imported(code), heavy - used) == []


def test_serving_imports_what_watches_servers_alone() -> None:
    modules = imported(
        "from exporter.cli.serve_config import serve_config\n"
        "from exporter.cli.service import Service\n"
        "config = serve_config(None, ['http://127.0.0.1:1'], '127.0.0.1:0', None, None)\n"
        "gpu = config.gpu.model_copy(update={'nvml': False})\n"
        "config = config.model_copy(update={'gpu': gpu})\n"
        "service = Service(config, lambda: config)\n"
        "service.start(); service.metrics(); service.fleet(); service.stop()"
    )
    unused = {"dns", "exporter.gpu.page", "pynvml"}
    others = {"alerts", "dashboards", "exporter.compare", "exporter.replay"}
    assert unwanted(modules, LIBRARIES | unused | others) == []
