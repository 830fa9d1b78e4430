"""docs/dashboards.md against the dashboards: counts, and every panel it names."""

import re

from dashboards.build import dashboards
from scripts import generate
from tests.dashboards.asked import panels

PAGE = (generate.ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8")
TITLES = {name: {panel["title"] for panel in panels(made)} for name, made in dashboards().items()}
SHOWN = {"gpu": "GPU and energy", "slo": "SLO"}


def test_the_counts_are_true() -> None:
    told = dict(re.findall(r"^\| ([\w ]+) \| (\d+) \| .*\?", PAGE, re.M))
    assert told == {
        SHOWN.get(name, name.capitalize()): str(len(list(panels(made))))
        for name, made in dashboards().items()
    }


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
    wanted = {f"{name}-{theme}.png" for name in dashboards() for theme in ("dark", "light")}
    assert wanted <= {path.name for path in (folder / "dashboards").iterdir()}
