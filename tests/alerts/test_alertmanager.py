"""The example for Alertmanager: valid, routed by severity, and of this pack's own alerts."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from alerts import build
from alerts.values import load

CONFIG = Path(build.__file__).parent / "alertmanager" / "alertmanager.yml"
AMTOOL = shutil.which("amtool")
pytestmark = pytest.mark.skipif(
    AMTOOL is None, reason="amtool is not installed (Debian package prometheus-alertmanager)"
)
ALERTS = build.alerts(build.everything(load()))


def amtool(*arguments: str) -> str:
    assert AMTOOL
    done = subprocess.run([AMTOOL, *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_alertmanager_takes_it() -> None:
    assert "SUCCESS" in amtool("check-config", str(CONFIG))


@pytest.mark.parametrize(
    ("alert", "receiver"),
    [
        ("InferfleetTargetDown", "tickets"),
        ("InferfleetModelDown", "pager"),
        ("InferfleetQueueGrowing", "tickets"),
        ("InferfleetSloEdgeMissing", "records"),
        ("InferfleetDecodeRegression", "rollouts"),
        ("InferfleetUpgradeNotComparable", "rollouts"),
        ("InferfleetVersionsMixed", "rollouts"),
    ],
)
def test_routes_lead_to_who_can_act(alert: str, receiver: str) -> None:
    severity = next(one.severity for one in ALERTS if one.alert == alert)
    labels = (f"alertname={alert}", f"severity={severity}")
    found = amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert found == receiver


def matched(matchers: list[str]) -> set[str]:
    """Return the alerts of this pack that match on their name."""
    names = {one.alert for one in ALERTS}
    for matcher in matchers:
        label, operator, pattern = re.split(r"(=~|!~|!=|=)", matcher, maxsplit=1)
        assert label == "alertname"
        hit = {name for name in names if re.fullmatch(pattern.strip('"'), name)}
        branches = pattern.count("|") + 1
        assert len(hit) >= branches, f"{matcher} names an alert that does not exist"
        names = names - hit if operator.startswith("!") else names & hit
    return names


def test_inhibition_names_alerts_that_exist_and_never_silences_in_a_circle() -> None:
    silences: dict[str, set[str]] = {}
    for rule in yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["inhibit_rules"]:
        for source in matched(rule["source_matchers"]):
            silences.setdefault(source, set()).update(matched(rule["target_matchers"]))
    assert silences
    for first in silences:
        reached, new = set[str](), {first}
        while new:
            new = set().union(*(silences.get(name, set()) for name in new)) - reached
            reached |= new
        # two alerts that silence each other are both never told
        assert first not in reached, first
