"""Compact alert cases become promtool's unit tests, run by the real promtool.

A case holds the input series, and when the alert is silent, pending, firing and recovered. Silent,
pending and recovered are asserted on ALERTS too, for promtool itself knows only firing. Every
alert fires with the annotations the case expects, word for word.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from alerts import build
from alerts.model import Alert, Group, Record
from alerts.promql import records_under
from alerts.values import Values, load

CASES: Final = Path(__file__).parent.parent / "promql"
PROMTOOL: Final = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian package prometheus)"
)
IDENTITY: Final = {
    "engine": "vllm",
    "version": "0.26.0",
    "release": "0.26.0",
    "model": "m",
    "gpu_model": "H200",
    "class": "c1",
    "config": "k1",
}
# longer than any case
_ALWAYS: Final = 400


def values() -> Values:
    """Return the shipped values with every alert on."""
    return build.everything(load())


def write_rules(folder: Path, found: Values) -> list[str]:
    """Write the rule files and return their paths."""
    texts = build.files(found, "prometheus")
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name) for name in texts]


def needed(found: Values, names: set[str]) -> list[Group]:
    """Return the groups with only these alerts or records, and the records they are made of."""
    groups = [group for part in build.groups(found).values() for group in part]
    rules = [rule for group in groups for rule in group.rules]
    keep = names | records_under(
        (rule.expr for rule in rules if _name(rule) in names),
        ((rule.record, rule.expr) for rule in rules if isinstance(rule, Record)),
    )
    cut = []
    for group in groups:
        if rules_of := tuple(rule for rule in group.rules if _name(rule) in keep):
            cut.append(group.model_copy(update={"rules": rules_of}))
    return cut


def _name(rule: Record | Alert) -> str:
    return rule.record if isinstance(rule, Record) else rule.alert


def series(name: str, **labels: str) -> str:
    """Return a series as Prometheus writes it."""
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{name}{{{inside}}}"


def run(
    folder: Path, groups: Sequence[Group], tests: list[dict[str, Any]], step: str = "1m"
) -> None:
    """Run tests in promtool's own form on some groups; fail with what promtool says."""
    run_all(folder, [(groups, tests, step)])


def run_all(
    folder: Path, suites: Sequence[tuple[Sequence[Group], list[dict[str, Any]], str]]
) -> None:
    """Run several suites, each on groups of its own, in one promtool."""
    assert PROMTOOL is not None
    paths = []
    for number, (groups, tests, step) in enumerate(suites):
        rules, path = folder / f"{number}.rules.yaml", folder / f"{number}.tests.yaml"
        rules.write_text(build.text(groups, "prometheus", "test"), encoding="utf-8")
        body = {
            "rule_files": [str(rules)],
            "evaluation_interval": step,
            "group_eval_order": [group.name for group in groups],
            "tests": tests,
        }
        path.write_text(yaml.safe_dump(body, sort_keys=False), encoding="utf-8")
        paths.append(str(path))
    done = subprocess.run(
        [PROMTOOL, "test", "rules", *paths], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def unit_test(case: dict[str, Any], rules: dict[str, Alert]) -> dict[str, Any]:
    """Return a case as a test of promtool's."""
    name = case["alert"]
    rule = rules[name]
    state = f'ALERTS{{alertname="{name}"}}'
    asserted: list[dict[str, Any]] = []
    states: list[dict[str, Any]] = []
    for phase in ("silent", "recovered"):
        for time in _times(case, phase):
            asserted.append({"eval_time": time, "alertname": name})
            states.append({"expr": state, "eval_time": time})
    for time in _times(case, "pending"):
        asserted.append({"eval_time": time, "alertname": name})
        states.append(_count(f'{state[:-1]}, alertstate="pending"}}', time, case))
    for time in _times(case, "firing"):
        asserted.append({"eval_time": time, "alertname": name, "exp_alerts": _expected(case, rule)})
    return {
        "name": case.get("name", name),
        "interval": case.get("step", "1m"),
        "input_series": inputs(case),
        "alert_rule_test": asserted,
        "promql_expr_test": states,
    }


def inputs(case: dict[str, Any]) -> list[dict[str, str]]:
    """Return a case's input series; `servers` adds who they are."""
    shown = {
        series("inferfleet_server_info", target=target, **(IDENTITY | own)): f"1x{_ALWAYS}"
        for target, own in case.get("servers", {}).items()
    }
    shown |= case.get("input", {})
    for name, samples in shown.items():
        assert isinstance(samples, str), f"{name}: quote {samples}, YAML reads 0x9 as a number"
    return [{"series": name, "values": samples} for name, samples in shown.items()]


def _times(case: dict[str, Any], phase: str) -> list[str]:
    found = case.get(phase, [])
    return found if isinstance(found, list) else [found]


def _count(expr: str, time: str, case: dict[str, Any]) -> dict[str, Any]:
    samples = [{"labels": "{}", "value": len(case.get("alerts", [case]))}]
    return {"expr": f"count({expr})", "eval_time": time, "exp_samples": samples}


def _expected(case: dict[str, Any], rule: Alert) -> list[dict[str, Any]]:
    return [
        {
            "exp_labels": {"severity": rule.severity, **one.get("labels", {})},
            "exp_annotations": {
                "summary": one["summary"],
                "description": one["description"],
                "runbook_url": rule.runbook_url,
                "dashboard_url": rendered(rule.dashboard_url, one.get("labels", {})),
            },
        }
        for one in case.get("alerts", [case])
    ]


def rendered(template: str, labels: Mapping[str, str]) -> str:
    """Return a template's text: labels, and what stands there only with a label."""
    text = re.sub(
        r"{{ with \$labels\.(\w+) }}(.*?){{ end }}",
        lambda match: match[2].replace("{{ . }}", labels[match[1]]) if match[1] in labels else "",
        template,
    )
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda match: labels[match[1]], text)
