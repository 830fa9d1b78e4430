"""Draws every dashboard from its JSON and a real Prometheus' answers: docs/dashboards/*.png.

`make preview` runs it; names after the script draw those dashboards only. The fleet is the
replayed one of the tests, played for longer; the page that draws is dashboards/preview, Grafana's
own panel components in headless Chromium.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import yaml
from PIL import Image

from alerts import build
from alerts.values import GpuPrice, load
from dashboards.build import dashboards
from tests.dashboards import database, features, firing, panel_queries, replayed_fleet, verdicts
from tests.prometheus import fill

ROOT: Final = Path(__file__).parent.parent
SITE: Final = ROOT / "dashboards" / "preview" / "site"
OUT: Final = ROOT / "docs" / "dashboards"
SHAPE: Final = replayed_fleet.Shape(seconds=10_800.0, step=30.0, upgrade=4500.0, outage=10_500.0)
SPAN: Final = 9000.0
WIDTH: Final = 1600
PRICES: Final = (GpuPrice(gpu_model="NVIDIA H200", cost=3.5),)
PRICED: Final = load().model_copy(update={"cost_per_gpu_hour": PRICES})
RECORDED: Final = re.compile(r"\b[a-z_]+:inferfleet_[\w:]+")
HEAD: Final = 92
COLORS: Final = (128, 96, 64, 48)
MOST_BYTES: Final = 280_000
STEP: Final = 30
SELECTED: Final = {
    "server": {"target": "dense-a"},
    "upgrade": {**verdicts.UPGRADED, **verdicts.RELEASES, "claim": "5"},
}


def main() -> None:
    """Fill a database, ask it every query, draw every dashboard, light and dark."""
    selected = {
        name: dashboard
        for name, dashboard in dashboards(load()).items()
        if name in (sys.argv[1:] or [name])
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        pages = (
            (when, text + _written(when - replayed_fleet.EPOCH))
            for when, text in replayed_fleet.pages(SHAPE)
        )
        fill(folder, database.openmetrics(pages))
        end = replayed_fleet.EPOCH + SHAPE.seconds - SHAPE.step
        rules = yaml.safe_load(build.files(PRICED, "prometheus")["inferfleet-recording.yaml"])
        recorded = set(RECORDED.findall(json.dumps(selected)))
        groups = database.with_dependencies(rules["groups"], recorded)
        database.record(folder, groups, replayed_fleet.EPOCH, end)
        (SITE / "data").mkdir(parents=True, exist_ok=True)
        with database.prometheus(folder) as url:
            for title, dashboard in selected.items():
                picture = _picture(url, title, dashboard, end - SPAN, end)
                text = json.dumps(picture)
                (SITE / "data" / f"{title}.json").write_text(text, encoding="utf-8")
    OUT.mkdir(parents=True, exist_ok=True)
    with _served(SITE) as site:
        for title, dashboard in selected.items():
            for part, height in _heights(dashboard).items():
                for theme in ("dark", "light"):
                    _shoot(site, title, part, theme, height)


def _written(now: float) -> str:
    """Return the series that no replayed server gives, at so many seconds from the start."""
    return verdicts.page(now, SHAPE.upgrade) + firing.page(now, SHAPE.upgrade)


def _picture(
    url: str, name: str, dashboard: dict[str, Any], start: float, end: float
) -> dict[str, Any]:
    """Return a dashboard with the answers to its queries, as the page draws it."""
    values = panel_queries.variable_values(dashboard, SELECTED.get(name, {}))
    shown = [
        (each["label"], "All" if values[each["name"]] in (".*", ".+") else values[each["name"]])
        for each in dashboard["templating"]["list"]
        if each["type"] != "datasource"
    ]
    values |= {"__rate_interval": f"{4 * STEP}s", "__range": f"{end - start:.0f}s"}
    answers: dict[str, list[dict[str, Any]]] = {}
    folded = {panel["id"] for row in dashboard["panels"] for panel in row.get("panels", ())}
    for panel in panel_queries.panels(dashboard):
        # what only some servers have is shown of the one that has it
        featured = name == "server" and panel["id"] in folded
        interpolated = {**values, "target": features.HOST} if featured else values
        for target in panel.get("targets", ()):
            instant = bool(target.get("instant"))
            expr = panel_queries.interpolated(target["expr"], interpolated)
            _, result = panel_queries.run_query(url, expr, start, end, instant, STEP)
            answers.setdefault(str(panel["id"]), []).append(
                {
                    "refId": target["refId"],
                    "format": target.get("format"),
                    "legendFormat": target["legendFormat"],
                    "step": STEP,
                    "result": result,
                }
            )
    marks = panel_queries.run_marks(url, dashboard, SELECTED.get(name, {}), start, end)
    return {
        "dashboard": dashboard,
        "answers": answers,
        "values": values,
        "shown": shown,
        "from": start,
        "to": end,
        "marks": sorted({value[0] for series in marks for value in series["values"]}),
    }


def _heights(dashboard: dict[str, Any]) -> dict[str, int]:
    """Return the pages' heights in pixels: open rows, and folded ones where there are any."""
    top = [panel for panel in dashboard["panels"] if not panel.get("collapsed")]
    heights = {"open": max(_bottom(panel) for panel in top)}
    for row in dashboard["panels"]:
        if row.get("panels"):
            below = max(_bottom(panel) for panel in row["panels"])
            heights["folded"] = heights.get("folded", 0) + below - row["gridPos"]["y"]
    return {part: HEAD + rows * 38 for part, rows in heights.items()}


def _bottom(panel: dict[str, Any]) -> int:
    return int(panel["gridPos"]["y"] + panel["gridPos"]["h"])


def _shoot(site: str, name: str, part: str, theme: str, height: int) -> None:
    target = OUT / (f"{name}-{theme}.png" if part == "open" else f"{name}-{part}-{theme}.png")
    with tempfile.TemporaryDirectory() as profile:
        result = subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                *("--disable-sync", "--hide-scrollbars", "--enable-logging=stderr"),
                *(f"--user-data-dir={profile}", f"--window-size={WIDTH},{height}"),
                *("--virtual-time-budget=20000", f"--screenshot={target}"),
                f"{site}/index.html?name={name}&part={part}&theme={theme}",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    _small(target)
    faults = re.findall(r"CONSOLE.*?\] \"(.*?)\", source", result.stderr)
    for fault in dict.fromkeys(faults):
        print(f"{name}: {fault[:300]}", file=sys.stderr)
    print(f"{target.relative_to(ROOT)} {target.stat().st_size / 1000:.0f} kB")


def _small(target: Path) -> None:
    """Write a picture again with few enough colours to be small."""
    with Image.open(target) as picture:
        original = picture.convert("RGB")
    for colors in COLORS:
        reduced = original.quantize(colors, dither=Image.Dither.NONE)
        reduced.save(target, optimize=True)
        if target.stat().st_size < MOST_BYTES:
            break


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    main()
