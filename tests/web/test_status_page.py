"""The status page as a browser draws it."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.web.server import WebServer
from exporter.web.status_page import StatusPage

from .conftest import Desk, server_entry

EVIL = (
    "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>"
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
)

Draw = Callable[[str, int], str]


@pytest.fixture
def draw(tmp_path: Path) -> Draw:
    """Return the document a browser makes of an address after so many milliseconds of its time."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not installed: the page is not drawn")

    def dump(url: str, milliseconds: int) -> str:
        flags = [f"--user-data-dir={tmp_path}", f"--virtual-time-budget={milliseconds}"]
        done = subprocess.run(
            [browser, *FLAGS, *flags, "--dump-dom", url],
            capture_output=True,
            timeout=60,
            check=True,
        )
        return done.stdout.decode()

    return dump


def _rows(document: str) -> dict[str, str]:
    """Return the drawn servers in their order: name to the markup of their rows."""
    bodies = re.findall(r"<tbody [^>]*data-state=.*?</tbody>", document, re.DOTALL)
    names = [re.search(r'<button [^>]*class="target"[^>]*>(.*?)</button>', body) for body in bodies]
    return {html.unescape(name[1]): body for name, body in zip(names, bodies, strict=True) if name}


def test_draws_the_fleet_with_trouble_first_and_names_inert(
    desk: Desk, fleet: dict[str, Any], draw: Draw
) -> None:
    evil = server_entry(
        f"c{EVIL}", model=EVIL, version=EVIL, notes=[EVIL], url="javascript:alert(1)"
    )
    fleet["servers"].append(evil)
    fleet["problems"].append(EVIL)
    with WebServer(desk.pages(), "127.0.0.1:0") as server:
        document = draw(server.url, 1000)
    rows = _rows(document)
    assert list(rows) == [
        "z-down:8000",
        "y-stalled:8000",
        "x-stale:8000",
        "a-unknown:8000",
        "b-well:8000",
        f"c{EVIL}",
    ]
    assert "z-down refused the connection" in rows["z-down:8000"]
    assert "240 requests are running and no token comes out" in rows["y-stalled:8000"]
    assert "Last read 61 s ago" in rows["x-stale:8000"]
    well = rows["b-well:8000"]
    assert "5,600" in well
    assert "94%" in well
    assert "sequence limit" in well
    assert '<svg class="spark"' in well
    unknown = re.findall(
        r'<span class="unknown" title="unknown"[^>]*>\u2013</span>', rows["a-unknown:8000"]
    )
    assert len(unknown) == 11
    assert not re.search(r">0[ %<]", rows["a-unknown:8000"])
    assert "<title>inferfleet</title>" in document
    assert "<img" not in document
    assert "1 down · 1 stalled · 1 stale" in document
    assert re.search(r'id="lost"[^>]*hidden', document)


SCRIPT = """
<script type="module">
const rows = () => [...document.querySelectorAll(".target")].map((button) => button.textContent);
const told = {};
for (const button of document.querySelectorAll(".target")) button.click();
told.open = [...document.querySelectorAll(".panel")].map((panel) => panel.innerText);
told.links = [...document.querySelectorAll(".panel a")].map((link) => link.getAttribute("href"));
told.cells = [...document.querySelectorAll("td.gpus")].map((cell) => cell.innerText).join(" ");
told.images = document.images.length;
document.querySelector("[data-group=version]").click();
told.groups = [...document.querySelectorAll(".group .label")].map((label) => label.textContent);
const filter = document.getElementById("filter");
filter.value = "STALLED 0.20";
filter.dispatchEvent(new Event("input"));
told.filtered = rows();
filter.value = "nothing of the kind";
filter.dispatchEvent(new Event("input"));
told.empty = document.getElementById("empty").textContent;
const textContent = JSON.stringify(told);
document.body.append(Object.assign(document.createElement("pre"), { id: "told", textContent }));
</script>
"""


def test_opens_filters_groups_and_says_when_the_exporter_is_gone(
    tmp_path: Path, fleet: dict[str, Any], draw: Draw
) -> None:
    """Read from a file, the page has no exporter to ask and no policy against our script."""
    fleet["servers"][0]["conflicts"] = ["two sources disagree"]
    facts = {EVIL: {"value": EVIL, "source": EVIL}}
    evil = server_entry(EVIL, url="javascript:alert(1)", notes=[EVIL], facts=facts, release=EVIL)
    fleet["servers"].append(evil)
    fleet["servers"][0] |= {
        "gpu_link": "process",
        "gpu_telemetry": [
            {"uuid": "GPU-1", "index": "4", "power_watts": 650.4, "power_limit_watts": 700.0}
            | {"tensor_active_ratio": 0.43, "throttled": ["hw_thermal"], "up": 1.0},
            {"uuid": "GPU-2", "index": "5", "up": 0.0, "throttled": None},
        ],
    }
    page = b"".join(StatusPage().render([json.dumps(fleet).encode()])).decode()
    file = tmp_path / "page.html"
    file.write_text(page.replace("</body>", f"{SCRIPT}</body>"), encoding="utf-8")
    document = draw(file.as_uri(), 6000)
    match = re.search(r'<pre id="told">(.*?)</pre>', document, re.DOTALL)
    assert match is not None
    told = json.loads(html.unescape(match[1]))
    for part in ("max_num_seqs", "256", "server_info", "two sources disagree", "5,600 tok/s"):
        assert part in told["open"][-1]
    for part in ("GPUs of the server, by its processes", "650 of 700 W", "43%", "the GPU is lost"):
        assert part in "".join(told["open"])
    assert "1 of 2 lost" in told["cells"]
    assert "".join(told["open"]).count(EVIL) == 4
    assert told["images"] == 0
    assert "javascript:" not in "".join(told["links"])
    assert "http://b-well:8000" in told["links"]
    assert "<title>inferfleet</title>" in document
    assert told["groups"] == ["unknown version", f"vLLM {EVIL}", "vLLM 0.20.2", "vLLM 0.26.0"]
    assert told["filtered"] == ["y-stalled:8000"]
    assert told["empty"] == "None of 6 servers matches."
    lost = re.search(r'<p[^>]*id="lost"[^>]*>(.*?)</p>', document)
    assert lost is not None
    assert re.match(r"Connection lost, data from \d\d:\d\d:\d\d ", lost[1])
