"""Installs an engine into a virtual environment of its own under .live/, once."""

import subprocess
import venv
from pathlib import Path
from typing import Final

from . import ENGINES
from .engine import Device, Engine
from .installation import Installation

DEFAULT: Final = "vllm==0.32.0"
_FOLDER: Final = Path(__file__).parents[3] / ".live"
_PINS: Final = Path(__file__).parent / "requirements"
_MARKER: Final = "installed"


def present(requirement: str, device: Device, path: str) -> Installation:
    """Return an engine that this interpreter finds beside itself or in `path`."""
    name = requirement.partition("==")[0]
    if name not in ENGINES:
        raise SystemExit(f"--engine is {requirement!r}; write one of {', '.join(ENGINES)}")
    return Installation(ENGINES[name], device, path=path)


def install(requirement: str) -> Installation:
    """Return an engine such as `vllm==0.32.0`, able to run on a CPU.

    Releases with a file in `requirements/` get just what that names; others what pip resolves.
    """
    name, _, version = requirement.partition("==")
    if name not in ENGINES or not version:
        engines = " or ".join(engine.title for engine in ENGINES.values())
        raise SystemExit(
            f"--engine is {requirement!r}; write a release of {engines}, such as {DEFAULT}"
        )
    engine, folder = ENGINES[name], _FOLDER / f"{name}-{version}"
    python = folder / "bin" / "python"
    if not (folder / _MARKER).exists():
        print(f"installing {requirement} into {folder}", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        _run_pip(python, engine, version)
        if engine.cpu_package != engine.name:
            _name_distribution(python, name, version)
        (folder / _MARKER).touch()
    return Installation(engine, "cpu", str(python))


def _run_pip(python: Path, engine: Engine, version: str) -> None:
    pins = _PINS / f"{engine.name}-{version}.txt"
    exact = ["--no-deps", "-r", str(pins)]
    wanted = exact if pins.exists() else [f"{engine.cpu_package}=={version}"]
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*command, *wanted]).returncode:
        raise SystemExit(
            f"{engine.title} {version} was not installed, pip says why above; if it misses a build "
            "of torch for CPUs, name PyTorch's index of these in PIP_EXTRA_INDEX_URL"
        )


def _name_distribution(python: Path, name: str, version: str) -> None:
    """Add the metadata that the engine's command asks for and its build for CPUs leaves out."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    folder = Path(answer.stdout.strip()) / f"{name}-{version}+cpu.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}+cpu\n", encoding="utf-8"
    )
