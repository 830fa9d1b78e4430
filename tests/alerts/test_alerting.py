"""Every alert, silent, pending, firing and recovered, by the real promtool."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts import build

from . import promtool

FILES = sorted(promtool.CASES.glob("*.yaml"))


def cases(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@promtool.needs_promtool
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(path: Path, tmp_path: Path) -> None:
    values = promtool.values()
    rules = {one.alert: one for one in build.alerts(values)}
    suites = [
        (
            promtool.needed(values, {case["alert"]}),
            [promtool.unit_test(case, rules)],
            case.get("step", "1m"),
        )
        for case in cases(path)
    ]
    promtool.run_all(tmp_path, suites)


def test_every_alert_is_seen_in_every_state() -> None:
    seen: dict[str, set[str]] = {}
    for path in FILES:
        for case in cases(path):
            seen.setdefault(case["alert"], set()).update(case)
    values = promtool.values()
    for alert in build.alerts(values):
        phases = {"silent", "firing", "recovered"}
        if alert.wait != "0s":
            phases.add("pending")
        assert phases <= seen.get(alert.alert, set()), alert.alert
