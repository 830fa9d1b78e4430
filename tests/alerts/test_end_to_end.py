"""A killed server reaches Alertmanager: replay, exporter, Prometheus and Alertmanager, all real."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import yaml

from alerts import build
from exporter.config import Config, Target, Web
from exporter.replay.recording import bundled, load
from exporter.replay.server import ReplayServer
from exporter.service import Service
from tests.waiting import until

PROMETHEUS = shutil.which("prometheus")
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
EXAMPLE = Path(build.__file__).parent / "alertmanager" / "alertmanager.yml"
pytestmark = pytest.mark.skipif(
    not (PROMETHEUS and ALERTMANAGER),
    reason="prometheus or alertmanager is not installed (prometheus, prometheus-alertmanager)",
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


@contextmanager
def running(program: str | None, log: Path, *arguments: str) -> Iterator[None]:
    assert program
    with log.open("wb") as out:
        process = subprocess.Popen([program, *arguments], stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def answer(url: str, data: object = None) -> Any:
    """Return what a server answers as JSON, or nothing while it does not answer."""
    body = None if data is None else json.dumps(data).encode()
    request = Request(url, body, {"Content-Type": "application/json"})
    with suppress(URLError, ConnectionError), urlopen(request, timeout=5) as reply:
        return json.loads(reply.read() or b"true")


def test_a_killed_server_reaches_alertmanager(tmp_path: Path) -> None:
    prometheus, alertmanager = (f"127.0.0.1:{free_port()}" for _ in range(2))
    mine = tmp_path / "values.yaml"
    mine.write_text(
        "selector: job='inferfleet'\ninterval: 1s\n"
        "alerts: {InferfleetTargetDown: {for: 1s, keep_firing_for: 1m}}\n",
        encoding="utf-8",
    )
    rules = build.write(mine, tmp_path / "rules", "prometheus")
    recording = load(bundled()["vllm-dense-0.26.0"])
    with ExitStack() as stack:
        server = stack.enter_context(ReplayServer([recording]))
        target = Target(url=server.urls[0], name="a")
        config = Config(targets=[target], interval=0.5, timeout=0.4, web=Web(listen="127.0.0.1:0"))
        exporter = Service(config, lambda: config)
        exporter.start()
        stack.callback(exporter.stop)
        scrape = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
            "rule_files": [str(path) for path in rules],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [
                {
                    "job_name": "inferfleet",
                    "static_configs": [{"targets": [exporter.url.split("//")[1].rstrip("/")]}],
                }
            ],
        }
        settings = tmp_path / "prometheus.yml"
        settings.write_text(yaml.safe_dump(scrape), encoding="utf-8")
        stack.enter_context(
            running(
                ALERTMANAGER,
                tmp_path / "alertmanager.log",
                f"--config.file={EXAMPLE}",
                f"--storage.path={tmp_path / 'am'}",
                f"--web.listen-address={alertmanager}",
                "--cluster.listen-address=",
            )
        )
        stack.enter_context(
            running(
                PROMETHEUS,
                tmp_path / "prometheus.log",
                f"--config.file={settings}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address={prometheus}",
            )
        )

        def recorded(query: str) -> list[Any]:
            found = answer(f"http://{prometheus}/api/v1/query?query={query}")
            return found["data"]["result"] if found else []

        def alerts() -> dict[str, Any]:
            found = answer(f"http://{alertmanager}/api/v2/alerts") or []
            return {one["labels"]["alertname"]: one for one in found}

        until(lambda: recorded("target:inferfleet_server:info"))
        until(lambda: answer(f"http://{alertmanager}/api/v2/status"))
        assert alerts() == {}
        server.stop()
        until(lambda: "InferfleetTargetDown" in alerts())
        down = alerts()["InferfleetTargetDown"]
        assert down["labels"]["target"] == "a"
        assert down["annotations"]["summary"] == "a does not answer"
        assert down["receivers"] == [{"name": "pager"}]
        assert down["status"]["state"] in ("active", "unprocessed")
        # what follows from it is not told as well
        follows = {"alertname": "InferfleetEngineStalled", "target": "a", "severity": "critical"}
        other = follows | {"target": "b", "alertname": "InferfleetQueueGrowing"}
        answer(f"http://{alertmanager}/api/v2/alerts", [{"labels": follows}, {"labels": other}])
        until(lambda: state(alerts(), "InferfleetEngineStalled") == "suppressed")
        until(lambda: state(alerts(), "InferfleetQueueGrowing") == "active")


def state(alerts: dict[str, Any], name: str) -> str | None:
    return alerts[name]["status"]["state"] if name in alerts else None
