"""The chart's rules and dashboards are those that the commands write from the same values."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_python import Chart, HelmError

from alerts import build as rules
from alerts.values import load
from dashboards.build import dashboards

from ..charts import CHART, resources

CLUSTERS = ["project_id", "location", "cluster"]
CASES: dict[str, dict[str, Any]] = {
    "shipped": {},
    "other label": {"keep_labels": ["region"]},
    "several labels": {"keep_labels": CLUSTERS},
    "links": {
        "runbook_url": 'https://wiki/run?page={page}&at={anchor}#"{page}"',
        "dashboards": {"base_url": "https://grafana.example:3000"},
    },
    "everything on": {"alerts": {name: {"enabled": True} for name in load().alerts}},
    "a page off": {
        "alerts": {name: {"enabled": False} for name in load().alerts if "Gpu" in name}
    },
    "severities": {"alerts": {name: {"severity": "info"} for name in load().alerts}},
    "durations": {
        "alerts": {
            name: {"enabled": True, "for": "7m", "keep_firing_for": "1h30m"}
            for name in load().alerts
        }
    },
    "limits": {
        "keep_labels": CLUSTERS,
        "alerts": {
            name: {
                "enabled": True,
                "limits": {
                    key: ("1h30m" if key != "codes" else r'1\d"|7') if isinstance(limit, str)
                    # 0 and 0.5 and so on: what is falsy counts too
                    else index / 2
                    for index, (key, limit) in enumerate(alert.limits.items())
                },
            }
            for name, alert in load().alerts.items()
            if alert.limits
        },
    },
}  # fmt: skip


def chart_groups(values: dict[str, Any]) -> dict[str, list[Any]]:
    given = {"rules": {"enabled": True, "values": values}}
    return {
        resource["metadata"]["name"]: resource["spec"]["groups"]
        for resource in resources(given)
        if resource["kind"] == "PrometheusRule"
    }


@pytest.mark.parametrize("case", CASES)
def test_chart_writes_what_the_command_writes(case: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(CASES[case]))
    written = {
        name.removesuffix(".yaml"): yaml.load(text, Loader=yaml.CSafeLoader)["groups"]
        for name, text in rules.files(load(file), "prometheus").items()
    }
    assert chart_groups(CASES[case]) == written


@pytest.mark.parametrize("labels", [["cluster"], ["region"], CLUSTERS])
def test_dashboards_keep_the_labels_that_the_rules_keep(labels: list[str], tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({"keep_labels": labels}))
    given = {"dashboards": {"enabled": True}, "rules": {"values": {"keep_labels": labels}}}
    drawn = {
        name: json.loads(text)
        for resource in resources(given)
        if resource["kind"] == "ConfigMap"
        for name, text in resource["data"].items()
        if name.endswith(".json")
    }
    made = {f"inferfleet-{name}.json": board for name, board in dashboards(load(file)).items()}
    assert drawn == made


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"values": {"alerts": {"InferfleetGone": {"enabled": True}}}}, "InferfleetGone"),
        (
            {"values": {"alerts": {"InferfleetAborts": {"limits": {"shares": 1}}}}},
            "no limit shares",
        ),
        (
            {"values": {"alerts": {"InferfleetAborts": {"limits": {"share": "1"}}}}},
            "InferfleetAborts.limits.share must be written like 0.1",
        ),
        ({"files": {"alerts": "a sentence"}}, "rules.files.alerts is no rule file"),
        (
            {
                "files": {"alerts": "groups: [{name: a, rules: []}]"},
                "values": {"alerts": {"InferfleetAborts": {"enabled": True}}},
            },
            "rules.files stand instead of rules.values.alerts",
        ),
    ],
)
def test_what_is_not_known_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(HelmError, match=said):
        resources({"rules": {"enabled": True, **wrong}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"slo": {}},
        {"keep_labels": []},
        {"keep_labels": ["a-b"]},
        {"alerts": {"InferfleetAborts": {"severity": "page"}}},
        {"alerts": {"InferfleetAborts": {"for": "5 min"}}},
        {"alerts": {"InferfleetQueueGrowing": {"limits": {"window": 15}}}},
        {"alerts": {"InferfleetAborts": {"limits": {"share": -1}}}},
    ],
)
def test_wrong_values_of_rules_are_refused(wrong: dict[str, Any]) -> None:
    with Chart.load(CHART) as chart, pytest.raises(HelmError):
        chart.validate_schema({"rules": {"values": wrong}})


def test_files_stand_instead_of_the_charts_own(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    special = {"model": "big", "time_to_first_token": {"threshold": "10s", "objective": 0.95}}
    file.write_text(yaml.safe_dump({"slo": {"models": [special]}}))
    files = {
        name.removeprefix("inferfleet-").removesuffix(".yaml"): text
        for name, text in rules.files(load(file), "prometheus").items()
    }
    found = [
        resource
        for resource in resources({"rules": {"enabled": True, "files": files}})
        if resource["kind"] == "PrometheusRule"
    ]
    assert len(found) == len(files)
    groups = chain.from_iterable(resource["spec"]["groups"] for resource in found)
    assert any('model=~"big"' in rule["expr"] for group in groups for rule in group["rules"])
