"""Recorded upgrades judged for real: what the exporter counts of recordings in a Prometheus, an
exporter that judges them and publishes its verdicts, and what reaches a real Alertmanager."""

import json
from collections.abc import Sequence
from pathlib import Path
from time import time
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from alerts import build
from exporter.cli.service import Service
from exporter.config import Config, GpuSettings, JudgeSettings, Target, WebSettings
from tests.compare.openmetrics import openmetrics
from tests.prometheus import fill, free_port, needs_prometheus
from tests.waiting import until

from .processes import Pair, monitoring, needs_both
from .tapes import doing, token_seconds
from .upgrade import AFTER, BEFORE, SHARE, Case, recorded, same, slower, upgraded

VALUES = {
    "interval": "1s",
    "alerts": {
        "InferfleetDecodeRegression": {"for": "1s"},
        "InferfleetPrefillRegression": {"enabled": False},
        "InferfleetInterTokenLatencyRegression": {"enabled": False},
    },
}
CELLS = (
    "seconds",
    "decode_sequence_seconds",
    "decode_tokens",
    "prefill_tokens",
    "context_token_seconds",
    "saturated_seconds",
)
# the load client counted a whole phase, the tape is its steady middle of 16 s
RECORDED = 0.05
# the pages are the same on both sides
ALIKE = 0.005
PATIENCE = 150.0


def test_less_work_in_the_same_time_is_more_time_for_each_token() -> None:
    tape = same().before
    assert token_seconds(doing(tape, SHARE)) == pytest.approx(token_seconds(tape) / SHARE)


@needs_both
@needs_prometheus
def test_upgrades_are_judged_and_told_as_they_are(tmp_path: Path) -> None:
    runner = recorded("dense-0.20.2-mrv1", "dense-0.20.2-mrv2", "medium")
    newer = recorded("dense-0.20.2-mrv1", "dense-0.26.0", "medium")
    allowed = {runner: RECORDED, newer: RECORDED, same(): ALIKE, slower(): ALIKE}
    losing = {"slower"}
    write(tmp_path, tuple(allowed))
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(VALUES), encoding="utf-8")
    rules = build.write(values, tmp_path / "rules", "prometheus")
    address = f"127.0.0.1:{free_port()}"
    config = Config(
        # the servers that were recorded are no longer there
        targets=[Target(url="http://127.0.0.1:1", name="gone")],
        gpu=GpuSettings(nvml=False),
        web=WebSettings(listen="127.0.0.1:0"),
        judge=JudgeSettings(
            prometheus=f"http://{address}", every=2.0, window=3600.0 * (BEFORE + AFTER + 1)
        ),
    )
    service = Service(config, lambda: config)
    service.start()
    try:
        with monitoring(tmp_path, rules, {service.url: {}}, "250ms", address) as pair:
            until(lambda: told(pair) >= losing, PATIENCE, 0.3)
            found, alerts = verdicts(service.url), pair.alerts()
    finally:
        service.stop()

    assert set(found) == {case.name for case in allowed}
    for case, off in allowed.items():
        verdict = found[case.name]
        decode = verdict["measures"]["decode"]
        assert decode["ratio"] == pytest.approx(case.truth, rel=off), case.name
        assert decode["lower"] < decode["ratio"] < decode["upper"]
        # the newer release had other prompts beside as many sequences, and a load that never
        # changes does not tell what a prompt costs
        unchanged = "inconclusive" if case is newer else "equivalent"
        assert decode["verdict"] == ("regression" if case.name in losing else unchanged)
        assert (verdict["baseline"], verdict["release"]) == case.releases
        assert (verdict["namespace"], verdict["workload"]) == ("serving", "chat")
        assert verdict["servers"] == {"baseline": 8, "candidate": 4}

    regressions = [one for one in alerts if "Regression" in one["labels"]["alertname"]]
    assert {one["labels"]["cluster"] for one in regressions} == losing
    for one in regressions:
        labels, verdict = one["labels"], found[one["labels"]["cluster"]]
        assert labels["alertname"] == "InferfleetDecodeRegression"
        assert (labels["baseline"], labels["release"]) == (verdict["baseline"], verdict["release"])
        assert one["annotations"]["summary"].endswith(f"decodes slower since {verdict['release']}")
        assert one["receivers"] == [{"name": "rollouts"}]
        assert one["status"]["state"] == "active"


def write(folder: Path, cases: Sequence[Case]) -> None:
    """Fill the database with the fleets, each a cluster of its own, up to this moment."""
    now = time()
    for case in cases:
        fill(folder / "tsdb", [openmetrics(upgraded(case, now), CELLS, every=150.0)])


def verdicts(url: str) -> dict[str, Any]:
    """Return what the exporter's API says of each cluster."""
    with urlopen(f"{url}api/v1/fleet", timeout=10) as answer:
        document = json.loads(answer.read())
    return {each["external_labels"]["cluster"]: each for each in document["verdicts"] or ()}


def told(pair: Pair) -> set[str]:
    """Return the clusters of which Alertmanager has a regression."""
    return {
        one["labels"].get("cluster", "")
        for one in pair.alerts()
        if "Regression" in one["labels"]["alertname"]
    }
