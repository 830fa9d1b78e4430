"""What is one engine's own stands in its package and its catalog, and nowhere else."""

import ast
import re
from importlib.resources import files
from pathlib import Path

import pytest

from exporter.engines.catalog import engine_catalog
from exporter.engines.registry import ENGINES

ROOT = Path(__file__).parents[2]
OWN = ROOT / "exporter" / "engines"
NEUTRAL = [
    path
    for package in ("exporter", "alerts", "dashboards", "deploy")
    for path in sorted((ROOT / package).rglob("*.py"))
    if not any(path.is_relative_to(OWN / engine) for engine in ENGINES)
]


def code_strings(path: Path) -> set[str]:
    """Return the strings of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_no_other_module_holds_an_engines_name() -> None:
    for path in NEUTRAL:
        assert not code_strings(path) & ENGINES.keys(), path


def test_no_page_holds_an_engines_name() -> None:
    for path in (ROOT / "exporter" / "web").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(rf"""["'`](?:{"|".join(ENGINES)})["'`]""", text), path


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_a_package_and_a_catalog(engine: str) -> None:
    assert engine_catalog(engine).engine == ENGINES[engine].name == engine
    assert ENGINES[engine].syntax.program == engine
    assert (OWN / engine / "__init__.py").exists()


def test_every_catalog_is_an_engines() -> None:
    names = {entry.name for entry in files("exporter.engines.catalog").iterdir()}
    assert {name for name in names if name.endswith(".yaml")} - {"labels.yaml"} == {
        f"{one}.yaml" for one in ENGINES
    }
