"""This product's own dashboards, rules and manifests: nothing in them is a fault."""

from pathlib import Path

import pytest

from exporter.engines.registry import ENGINES
from exporter.preflight.catalog import release_catalog
from exporter.preflight.finding import Finding
from exporter.preflight.review import review
from exporter.preflight.upgrade import parse_upgrade

ROOT = Path(__file__).parent.parent.parent
FOLDERS = [ROOT / name for name in ("dashboards/generated", "alerts/generated", "deploy", "docs")]


@pytest.mark.parametrize("engine", ENGINES)
def test_no_file_of_ours_has_an_error_over_all_releases(engine: str) -> None:
    releases = release_catalog(engine).releases
    upgrade = parse_upgrade(f"{engine}=={releases[0]}", f"{engine}=={releases[-1]}")
    reviewed = review(upgrade, FOLDERS, [])
    assert reviewed.queries > 500
    wrong: list[Finding] = [each for each in reviewed.findings if each.query]
    assert wrong == []
