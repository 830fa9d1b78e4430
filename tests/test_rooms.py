"""Imports run one way through the whole house, and what only computes does no I/O."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = (
    "exporter.base",
    "exporter.procfs",
    "exporter.vocabulary",
    "exporter.exposition",
    "exporter.config",
    "exporter.fetch",
    "exporter.discovery",
    "exporter.engines",
    "exporter.gpu",
    "exporter.derive",
    "exporter.sampling",
    "exporter.publish",
    "exporter.top.statistics",
    "exporter.top",
    "exporter.top.screens",
    "exporter.web",
    "exporter.replay",
    "exporter.recorder",
    "exporter.preflight.finding",
    "exporter.preflight.catalog",
    "exporter.preflight.sources",
    "exporter.preflight",
    "exporter.preflight.plan",
    "exporter.preflight.report",
    "exporter.compare.extra",
    "exporter.compare.fleet",
    "exporter.compare.statistics",
    "exporter.compare.estimate",
    "exporter.compare.assess",
    "exporter.compare.replicates",
    "exporter.compare.report",
    "exporter.compare.sides",
    "exporter.compare.options",
    "exporter.bench_plan",
    "exporter.compare.forecast",
    "exporter.compare.interim",
    "exporter.compare.sequential",
    "exporter.compare.run",
    "exporter.compare.verdicts",
    "exporter.compare.series",
    "exporter.compare.summary",
    "exporter.compare.judge",
    "exporter.compare.schedule",
    "exporter.compare.command",
    "alerts",
    "dashboards.queries",
    "dashboards.grafana",
    "dashboards.boards",
    "dashboards",
    "deploy",
    "exporter.top.command",
    "exporter.cli",
    "exporter.__main__",
)
"""Every room, those that others stand on first: none imports one below it in this list."""

PURE = (
    "vocabulary",
    "derive",
    "top/statistics",
    "compare/statistics",
    "compare/estimate",
    "compare/assess",
    "compare/forecast",
    "compare/replicates",
    "bench_plan",
)
IO = {"os", "socket", "subprocess", "requests", "urllib", "urllib3", "http", "pathlib", "pynvml"}
CLOCKS = {"time", "datetime"}
MOST_FILES = 14


def modules(package: str) -> list[Path]:
    """Return the Python files of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a file's module name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Yield the absolute names that a file imports."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            whole = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{whole}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str | None:
    """Return the room a module or a name in it stands in."""
    inside = [room for room in ROOMS if name == room or name.startswith(f"{room}.")]
    return max(inside, key=len, default=None)


PRODUCT = [
    path for package in ("exporter", "alerts", "dashboards", "deploy") for path in modules(package)
]
FACES = {"exporter", "exporter.compare"}
"""Packages whose own file holds no more than a docstring and a version."""


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_no_room_imports_one_above_it(path: Path) -> None:
    name = name_of(path)
    if name in FACES:
        return
    room = room_of(name)
    assert room, f"{name} stands in no room: give it a place in ROOMS"
    for imported in imports(path):
        other = room_of(imported)
        if other is not None:
            assert ROOMS.index(other) <= ROOMS.index(room), f"{name} imports {imported}"


@pytest.mark.parametrize("folder", PURE)
def test_what_only_computes_does_no_io_and_reads_no_clock(folder: str) -> None:
    for path in modules(f"exporter/{folder}"):
        found = {name.split(".")[0] for name in imports(path)}
        assert not found & (IO | CLOCKS), path


def test_no_room_is_crowded() -> None:
    for folder in {path.parent for path in PRODUCT}:
        assert len(list(folder.glob("*.py"))) <= MOST_FILES, folder


def test_no_files_import_each_other_in_a_circle() -> None:
    known = {name_of(path): path for path in PRODUCT}
    arrows = {
        name: {found for one in imports(path) if (found := _module(one, known)) and found != name}
        for name, path in known.items()
    }
    done = set[str]()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in sorted(arrows[name]):
                walk(other, (*trail, name))
            done.add(name)

    for name in sorted(known):
        walk(name, ())


def _module(name: str, known: dict[str, Path]) -> str | None:
    if name in known:
        return name
    owner = name.rpartition(".")[0]
    return owner if owner in known else None
