"""docs/dashboards.md against the dashboards: every one of them, and every panel it names."""

import re

from alerts.values import load
from dashboards.build import dashboards
from scripts import generate
from tests.dashboards.panel_queries import panels

PAGE = (generate.ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
TITLES = {
    name: {panel["title"] for panel in panels(dashboard)}
    for name, dashboard in dashboards(load()).items()
}
TITLES_IN_DOCS = {"gpu": "GPU and energy", "slo": "SLO"}


def test_every_dashboard_is_listed() -> None:
    listed = re.findall(r"^\| ([\w ]+) \| .*\? \|$", PAGE, re.M)
    assert listed == [TITLES_IN_DOCS.get(name, name.capitalize()) for name in dashboards(load())]


def test_every_panel_named_is_there() -> None:
    _, _, table = PAGE.partition("| elsewhere | here |")
    rows = re.findall(r"^\| [^|*-][^|]* \| ([^|]+) \|$", table, re.M)
    assert len(rows) > 70
    for row in rows:
        if row.startswith("none: "):
            continue
        for place in row.split("; "):
            name, _, title = place.partition(" / ")
            assert title in TITLES[name.lower()], place


def test_every_picture_shown_is_there_and_small() -> None:
    folder = generate.ROOT / "docs"
    for path in re.findall(r"\((dashboards/[\w-]+\.png)\)", PAGE):
        assert (folder / path).stat().st_size < 300_000
    expected = {f"{name}-{theme}.png" for name in dashboards(load()) for theme in ("dark", "light")}
    assert expected <= {path.name for path in (folder / "dashboards").iterdir()}
