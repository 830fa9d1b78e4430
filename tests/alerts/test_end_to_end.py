"""A killed server reaches Alertmanager: replay, exporter, Prometheus and Alertmanager, all real."""

from pathlib import Path
from typing import Any

from alerts import build
from exporter.cli.service import Service
from exporter.config import Config, Target, WebSettings
from exporter.replay.recording import bundled_recordings, load_recording
from exporter.replay.server import ReplayServer
from tests.waiting import until

from .processes import Pair, answer, monitoring, needs_both


@needs_both
def test_a_killed_server_reaches_alertmanager(tmp_path: Path) -> None:
    mine = tmp_path / "values.yaml"
    mine.write_text(
        "selector: job='inferfleet'\ninterval: 1s\n"
        "alerts: {InferfleetTargetDown: {for: 1s, keep_firing_for: 1m},"
        " InferfleetModelDown: {for: 1s, keep_firing_for: 1m}}\n",
        encoding="utf-8",
    )
    rules = build.write(mine, tmp_path / "rules", "prometheus")
    recording = load_recording(bundled_recordings()["vllm-dense-0.26.0"])
    with ReplayServer([recording]) as server:
        target = Target(url=server.urls[0], name="a")
        config = Config(
            targets=[target], interval=0.5, timeout=0.4, web=WebSettings(listen="127.0.0.1:0")
        )
        exporter = Service(config, lambda: config)
        exporter.start()
        try:
            with monitoring(tmp_path, rules, {exporter.url: {}}, "500ms") as pair:
                kill_and_tell(server, pair)
        finally:
            exporter.stop()


def kill_and_tell(server: ReplayServer, pair: Pair) -> None:
    def alerts() -> dict[str, Any]:
        return {one["labels"]["alertname"]: one for one in pair.alerts()}

    until(lambda: pair.query("target:inferfleet_server:info"))
    until(pair.answers)
    assert alerts() == {}
    server.stop()
    until(lambda: "InferfleetTargetDown" in alerts())
    down = alerts()["InferfleetTargetDown"]
    assert down["labels"]["target"] == "a"
    assert down["annotations"]["summary"] == "a does not answer"
    assert down["receivers"] == [{"name": "tickets"}]
    until(lambda: "InferfleetModelDown" in alerts())
    assert alerts()["InferfleetModelDown"]["receivers"] == [{"name": "pager"}]
    assert down["status"]["state"] in ("active", "unprocessed")
    # what follows from it is not told as well
    follows = {"alertname": "InferfleetEngineStalled", "target": "a", "severity": "critical"}
    other = follows | {"target": "b", "alertname": "InferfleetQueueGrowing"}
    answer(f"{pair.alertmanager}/api/v2/alerts", [{"labels": follows}, {"labels": other}])
    until(lambda: state(alerts(), "InferfleetEngineStalled") == "suppressed")
    until(lambda: state(alerts(), "InferfleetQueueGrowing") == "active")


def state(alerts: dict[str, Any], name: str) -> str | None:
    return alerts[name]["status"]["state"] if name in alerts else None
