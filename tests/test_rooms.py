"""Data runs one way: no room imports one to its right, and what only computes does no I/O."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import exporter

ROOT = Path(exporter.__file__).parent
ROOMS = ("discovery", "exposition", "engines", "gpu", "derive", "publish", "web")
IO = {"os", "socket", "subprocess", "requests", "urllib", "urllib3", "http", "pathlib", "pynvml"}
CLOCKS = {"time", "datetime"}
ESTIMATORS = ("curve", "design", "effects", "estimate", "matching", "measures", "shares", "student")


def modules(room: str) -> list[Path]:
    """Return the files of a room, a folder or one module."""
    folder = ROOT / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def imports(path: Path) -> Iterator[str]:
    """Yield the absolute names of the modules that one imports."""
    package = ["exporter", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{whole}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_one_to_its_right(room: str) -> None:
    right = ROOMS[ROOMS.index(room) + 1 :]
    for path in modules(room):
        found = {name.split(".")[1] for name in imports(path) if name.startswith("exporter.")}
        assert not found & set(right), path


def test_what_only_computes_does_no_io_and_reads_no_clock() -> None:
    estimators = [ROOT / "compare" / f"{name}.py" for name in ESTIMATORS]
    for path in [*modules("derive"), *estimators]:
        found = {name.split(".")[0] for name in imports(path)}
        assert not found & (IO | CLOCKS), path
