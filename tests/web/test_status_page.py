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
    "--allow-file-access-from-files",
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
    assert len(unknown) == 13
    assert not re.search(r">0[ %<]", rows["a-unknown:8000"])
    assert "<title>inferfleet</title>" in document
    assert "<img" not in document
    assert "1 down · 1 stalled · 1 stale" in document
    assert re.search(r'id="lost"[^>]*hidden', document)


def _told(document: str) -> Any:
    """Return what a script of a test left in the page."""
    match = re.search(r'<pre id="told">(.*?)</pre>', document, re.DOTALL)
    assert match is not None
    return json.loads(html.unescape(match[1]))


def _page(fleet: dict[str, Any], script: str) -> str:
    """Return the page of a fleet with a script of ours, which no policy of a file forbids."""
    page = b"".join(StatusPage().render([json.dumps(fleet).encode()])).decode()
    return page.replace("</body>", f"{script}</body>")


def test_an_upgrade_is_seen_in_versions_their_sums_and_servers_that_restart(
    tmp_path: Path, fleet: dict[str, Any], draw: Draw
) -> None:
    old, new = ({"runner": {"value": runner, "source": "env"}} for runner in ("v1", "v2"))
    who = {"engine": "vllm", "engine_title": "vLLM", "release": "0.20.2", "version": "0.20.2"}
    latency = {"time_to_first_token_mean_seconds": 0.4, "inter_token_latency_mean_seconds": 0.0302}
    rates = {"generation_tokens_per_second": 900.0, "generation_tokens_per_second_per_gpu": 450.0}
    nameless = {"engine": None, "engine_title": None, "version": None, "release": None}
    last = {**who, "model": "dense-8b", "runner": "v1", "gpus": 1}
    fleet["servers"] = [
        server_entry("a", **who, facts=old, **latency, inter_token_latency_p95_seconds=0.154),
        server_entry("b", **who, facts=new),
        server_entry("c", up=False, **nameless, model=None, gpus=None, last_known=last, facts={}),
        server_entry("d", **nameless, gpus=None, last_known=last, facts={}),
    ]
    fleet["totals"] = {"servers": 4, "up": 3, "gpus": None}
    fleet["releases"] = [
        {**who, "runner": "v1", "model": "dense-8b", "servers": 1, "gpus": 1, **rates, **latency},
        {**who, "runner": "v2", "model": "dense-8b", "servers": 1, "gpus": 1},
    ]
    script = """<script type="module">
    const text = (name) => [...document.querySelectorAll(name)].map((node) => node.innerText);
    document.querySelector("[data-group=version]").click();
    const told = { groups: text(".group"), chips: text("#versions button"), tiles: text(".tile") };
    told.rows = Object.fromEntries([...document.querySelectorAll("tr.main")].map((row) =>
      [row.children[1].innerText.trim(), row.innerText]));
    const textContent = JSON.stringify(told);
    document.body.append(Object.assign(document.createElement("pre"), { id: "told", textContent }));
    </script>"""
    file = tmp_path / "page.html"
    file.write_text(_page(fleet, script), encoding="utf-8")
    told = _told(draw(file.as_uri(), 1000))
    assert told["chips"] == [
        "vLLM 0.20.2 \u00b7 runner v1 \u00d73",
        "vLLM 0.20.2 \u00b7 runner v2 \u00d71",
    ]
    first = told["groups"][0]
    for part in ("3 servers", "3 GPUs", "900 tok/s", "450 tok/s per GPU", "400 ms", "30.2 ms"):
        assert part in first
    rows = told["rows"]
    assert "30.2 ms" in rows["a"]
    assert "p95 154 ms" in rows["a"]
    assert "runner v2" in rows["b"]
    assert "before it went down" in rows["c"]
    assert "dense-8b" in rows["c"]
    assert "before its restart" in rows["d"]
    gpus = next(tile for tile in told["tiles"] if tile.startswith("GPUs"))
    assert gpus.split("\n\n")[1:] == ["\u2013", "2 known, unknown of 1 of 3"]


def test_verdicts_stand_above_the_fleet_with_what_to_do_and_a_report(
    tmp_path: Path, fleet: dict[str, Any], draw: Draw
) -> None:
    remedy = "upgrade a second server"
    fleet["judged_at"] = 1795468520.1
    fleet["verdicts"] = [
        {"verdict": "equivalent", "headline": "b is as fast as a.", "report": "report"},
        {
            "verdict": "not_comparable",
            "headline": f"{EVIL} and a are not comparable",
            "measures": {"decode": {"remedy": remedy}},
            "answer_expected_at": 1795475720.0,
        },
    ]
    with WebServer(Desk(fleet).pages(), "127.0.0.1:0") as server:
        document = draw(server.url, 1000)
        link = f'<a href="{server.url}report">'
    section = re.search(r'<section class="upgrades".*?</section>', document, re.DOTALL)
    assert section is not None
    assert "hidden" not in section[0].partition(">")[0]
    for part in (
        "equivalent",
        "b is as fast as a.",
        "Roll on",
        link,
        "Upgrade a second server.",
        "2026-11-2",
    ):
        assert part in section[0]
    assert "<img" not in document
    fleet |= {"verdicts": None, "judged_at": None}
    with WebServer(Desk(fleet).pages(), "127.0.0.1:0") as server:
        document = draw(server.url, 1000)
    assert re.search(r'<section class="upgrades"[^>]*hidden', document)


WIDTHS = (360, 390, 620, 700, 1000, 1251, 1300, 1401, 1621, 1700)


def test_nothing_scrolls_sideways_from_a_phone_to_a_wide_screen(
    tmp_path: Path, fleet: dict[str, Any], draw: Draw
) -> None:
    long = "production/vllm-llama-3-70b-instruct-7d9c8b6f5-x2x4z"
    fleet["servers"][0] |= {
        "model": f"meta-llama/{long}",
        "target": long,
        "notes": [long],
        "gpu_telemetry": [{"uuid": f"GPU-{i}", "index": str(i), "power_watts": 650.4, "up": 1.0,
                           "power_limit_watts": 700.0, "throttled": ["hw_thermal", "sw_thermal"]}
                          for i in range(2)],
    }  # fmt: skip
    script = """<script type="module">
    const frame = document.querySelector(".frame");
    const wide = () => {
      const edge = document.documentElement.clientWidth + 1;
      const out = [...document.querySelectorAll("main *, header *")].filter((node) =>
        node.getBoundingClientRect().right > edge && node.checkVisibility()
        && !node.closest(".hidden, thead"));
      return [document.documentElement.scrollWidth > edge,
        frame.scrollWidth > frame.clientWidth + 1,
        ...out.map((node) => `${node.tagName}.${node.className}`).slice(0, 3)];
    };
    const told = [innerWidth, ...wide()];
    document.querySelector("[data-group=version]").click();
    for (const button of document.querySelectorAll(".target")) button.click();
    parent.postMessage([...told, ...wide()], "*");
    </script>"""
    (tmp_path / "page.html").write_text(_page(fleet, script), encoding="utf-8")
    frames = "".join(f'<iframe src="page.html" width="{w}" height="700"></iframe>' for w in WIDTHS)
    collect = """<script>const all = [];
    addEventListener("message", ({ data }) => {
      all.push(data);
      document.getElementById("told").textContent = JSON.stringify(all);
    });
    </script>"""
    outer = tmp_path / "outer.html"
    outer.write_text(f'{collect}<pre id="told">[]</pre>{frames}', encoding="utf-8")
    told = _told(draw(outer.as_uri(), 10_000))
    assert sorted(told) == [[width, False, False, False, False] for width in WIDTHS]


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
    file = tmp_path / "page.html"
    file.write_text(_page(fleet, SCRIPT), encoding="utf-8")
    document = draw(file.as_uri(), 6000)
    told = _told(document)
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
