"""Engines as a run starts them, and what it holds of requests that were given up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.engines.registry import ENGINES as KNOWN
from scripts.live.engines import ENGINES
from scripts.live.engines.engine import Device
from scripts.live.engines.installation import Installation
from scripts.live.engines.sglang import SGLANG
from scripts.live.engines.vllm import VLLM
from scripts.live.exporter import parse
from scripts.live.tally import Tally

_INTERPRETER = """#!/bin/sh
exec {python} -c 'import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))' "$@"
"""


def started(tmp_path: Path, installation: Installation, ranks: bool) -> tuple[str, dict[str, str]]:
    """Return the command and the environment that a server of an installation gets."""
    server = installation.serve("a", 8000, tmp_path / "model", tmp_path, ranks)
    server.child.process.wait()
    arguments, environment = json.loads(server.child.log.read_text())
    return " ".join(arguments), environment


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("ranks", [False, True])
def test_a_server_is_started_by_its_console_script(
    tmp_path: Path, name: str, device: Device, ranks: bool
) -> None:
    python = tmp_path / "python"
    python.write_text(_INTERPRETER.format(python=sys.executable))
    python.chmod(0o755)
    engine = ENGINES[name]
    installation = Installation(engine, device, str(python), "/modules")
    command, environment = started(tmp_path, installation, ranks)
    assert command.startswith(f"{tmp_path / name} serve ")
    assert f"{tmp_path / 'model'} --served-model-name {installation.model}" in command
    assert "--port 8000" in command
    assert (" ".join(engine.ranks) in command) is ranks
    given = {**engine.environment[device], **(engine.ranks_environment[device] if ranks else {})}
    assert given.items() <= environment.items()
    assert environment["PYTHONPATH"] == "/modules"


@pytest.mark.parametrize("name", ENGINES)
def test_the_exporter_knows_every_engine_by_its_name(name: str) -> None:
    assert name in KNOWN


def test_a_server_without_an_engine_names_the_mend(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no SGLang: say where it is with --engine-path"):
        Installation(SGLANG, "cuda", sys.executable, str(tmp_path)).version()


_MAIN = """
import sys
import sgl_kernel
import torchvision

def main():
    print(torchvision.name, hasattr(sgl_kernel, "__path__"), sys.argv[1:])
    from sgl_kernel import rmsnorm
    rmsnorm(1)
"""
_TORCH = """
names = []

class library:
    define = staticmethod(lambda name, signature: names.append(name))
"""
_TORCHVISION = """
import torch
if "torchvision::nms" not in torch.names or "torchvision::qnms" not in torch.names:
    raise RuntimeError("operator torchvision::nms does not exist")
name = "described"
"""


@pytest.mark.parametrize("vision", ["name = 'whole'", _TORCHVISION])
def test_sglang_starts_where_its_kernels_are_not(tmp_path: Path, vision: str) -> None:
    files = {
        "sglang/__init__.py": "",
        "sglang/cli/__init__.py": "",
        "sglang/cli/main.py": _MAIN,
        "torch.py": _TORCH,
        "torchvision.py": vision,
        "script": SGLANG.script,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    answer = subprocess.run(
        [sys.executable, str(tmp_path / "script"), "serve"], capture_output=True, text=True
    )
    word = "described" if vision is _TORCHVISION else "whole"
    assert answer.stdout.split("\n")[0] == f"{word} False ['serve']"
    assert answer.stderr.strip() == "sgl_kernel.rmsnorm is for GPUs"


def test_vllm_counts_no_aborted_request() -> None:
    page = parse(
        "inferfleet_time_to_first_token_seconds_count 10\n"
        'inferfleet_requests_finished_total{reason="abort"} 0\n'
        'inferfleet_requests_finished_total{reason="length"} 7\n',
        0,
    )
    raw = parse('vllm:request_success_total{finished_reason="abort"} 0\n', 0)
    tally = Tally(1, "m", False, finished=7, aborted=3)
    assert all(check.right for check in VLLM.aborts(tally, page, raw))
    tally.aborted = 4
    assert not all(check.right for check in VLLM.aborts(tally, page, raw))


@pytest.mark.parametrize(("aborted", "raw", "right"), [(3, 3, True), (4, 3, False), (3, 2, False)])
def test_sglang_counts_every_aborted_request(aborted: int, raw: int, right: bool) -> None:
    page = parse("inferfleet_requests_aborted_total 3\n", 0)
    engine_page = parse(f"sglang:num_aborted_requests_total {raw}\n", 0)
    checks = SGLANG.aborts(Tally(1, "m", True, aborted=aborted), page, engine_page)
    assert all(check.right for check in checks) is right
