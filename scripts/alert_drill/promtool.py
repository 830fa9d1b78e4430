"""Rule files put before made-up series by the real promtool: which alerts fired, and since when."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from alerts.promql import records_under

from .fleet import DAY, Fleet
from .series import notation

# promtool shows results only where they are not those expected, so nothing is expected
_SINCE: Final = f'min_over_time(timestamp(ALERTS{{alertstate="firing"}})[{DAY}m:1m])'
_SAMPLE: Final = re.compile(r"\{([^{}]*)\} (-?[0-9.]+E[+-][0-9]+)")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


Group = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fired, and the minute in which it began to."""

    alert: str
    severity: str
    subject: str
    since: int


def firing(fleet: Fleet, rules: Sequence[Path]) -> list[Firing]:
    """Return the alerts that fired at any time, the first ones first."""
    promtool = shutil.which("promtool")
    if promtool is None:
        raise SystemExit("promtool is not here: install the Debian package prometheus")
    groups = _needed(
        [group for path in rules for group in yaml.safe_load(path.read_text())["groups"]]
    )
    body = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "group_eval_order": [group["name"] for group in groups],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": name, "values": notation(samples)}
                    for name, samples in fleet.series.items()
                ],
                # a query over all of it would load too many samples
                "promql_expr_test": [
                    {"expr": _SINCE, "eval_time": f"{end - 1}m"}
                    for end in range(DAY, fleet.minutes + 1, DAY)
                ],
            }
        ],
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "drill.yaml"
        text = yaml.safe_dump({"groups": groups}, sort_keys=False)
        path.with_name("rules.yaml").write_text(text, encoding="utf-8")
        path.write_text(yaml.safe_dump(body, sort_keys=False), encoding="utf-8")
        ended = subprocess.run(
            [promtool, "test", "rules", str(path)], capture_output=True, text=True
        )
    text = ended.stdout + ended.stderr
    if ended.returncode and "got:" not in text:
        raise SystemExit(f"promtool refused the drill: {text}")
    if "err:" in text:
        raise SystemExit(f"promtool could not ask: {text}")
    return sorted(set(_firings(text)), key=lambda fired: (fired.since, fired.alert))


def _needed(groups: list[Group]) -> list[Group]:
    """Return the groups with the alerts, and of the records those that alerts are made of."""
    rules = [rule for group in groups for rule in group["rules"]]
    keep = records_under(
        (rule["expr"] for rule in rules if "alert" in rule),
        ((rule["record"], rule["expr"]) for rule in rules if "record" in rule),
    )
    for group in groups:
        group["rules"] = [rule for rule in group["rules"] if rule.get("record") in {None, *keep}]
    return [group for group in groups if group["rules"]]


def _firings(text: str) -> list[Firing]:
    fired = []
    got = "".join(line for line in text.splitlines() if line.lstrip().startswith("got:"))
    for inside, value in _SAMPLE.findall(got):
        labels = dict(_LABEL.findall(inside))
        subject = next(
            (labels[key] for key in ("uuid", "target", "model", "job") if key in labels), ""
        )
        fired.append(
            Firing(labels["alertname"], labels["severity"], subject, int(float(value)) // 60)
        )
    return fired
