"""Alerts, runbooks and dashboards are one: every link leads somewhere, every query parses."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from alerts import build
from alerts.values import load
from exporter.vocabulary.verdict import MEASURES, REASONS, VERDICTS

from . import promtool

ROOT = Path(build.__file__).parent
PAGES = sorted((ROOT / "runbooks").glob("*.md"))
ALERTS = build.alerts(promtool.values())
GENERATED = ROOT.parent / "dashboards" / "generated"


def sections(path: Path) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", path.read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def queries(text: str) -> list[str]:
    return re.findall(r"```promql\n(.*?)\n```", text, re.S)


def test_each_alert_has_its_section_and_each_section_its_alert() -> None:
    for path in PAGES:
        wanted = {
            one.alert for one in ALERTS if f"/{path.stem}.md#{one.alert.lower()}" in one.runbook_url
        }
        assert set(sections(path)) == wanted, path.name
    assert len({one.alert for one in ALERTS}) == sum(len(sections(path)) for path in PAGES)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_each_section_says_what_it_must(path: Path) -> None:
    by_name = {one.alert: one for one in ALERTS}
    for name, text in sections(path).items():
        for part in ("**For users:**", "**True or false:**", "**Do:**"):
            assert part in text, (name, part)
        assert queries(text), name
        assert by_name[name].description not in text


def test_no_section_repeats_a_limit_of_its_alert() -> None:
    values = load()
    for path in PAGES:
        for name, text in sections(path).items():
            for limit in values.alerts[name].limits.values():
                if limit in (0, 1):
                    continue
                number = f"{limit:g}" if isinstance(limit, float) else re.escape(limit)
                copies = re.findall(rf"^.*(?<![\w.]){number}(?![\w.]).*$", text, re.M)
                assert copies == [], (name, limit)


@promtool.needs_promtool
def test_every_query_parses_and_names_series_that_exist(tmp_path: Path) -> None:
    found = [query for path in PAGES for query in queries(path.read_text(encoding="utf-8"))]
    assert len(found) > len(ALERTS)
    rules = [{"record": f"q{i}", "expr": query} for i, query in enumerate(found)]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "q", "rules": rules}]}), encoding="utf-8")
    assert promtool.PROMTOOL
    done = subprocess.run(
        [promtool.PROMTOOL, "check", "rules", str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(found)} rules found" in done.stdout
    known = {one.record for one in build.records(load())}
    for query in found:
        for name in re.findall(r"[a-z_]+:inferfleet[a-z0-9_:]*", query):
            assert name in known, name


@pytest.mark.skipif(not GENERATED.is_dir(), reason="dashboards/generated is not there")
def test_every_dashboard_link_leads_to_a_dashboard() -> None:
    uids = {
        json.loads(path.read_text(encoding="utf-8"))["uid"] for path in GENERATED.glob("*.json")
    }
    for one in ALERTS:
        uid = one.dashboard_url.split("/d/")[1].split("?")[0]
        assert uid in uids, (one.alert, uid)


def test_every_measure_has_an_alert_of_its_own() -> None:
    alerts = [one for one in ALERTS if one.alert.endswith("Regression")]
    found = [set(re.findall(r'measure="(\w+)"', one.expr)) for one in alerts]
    assert sorted(found, key=min) == [{measure} for measure in sorted(MEASURES)]


def test_runbook_and_method_say_of_each_reason_what_the_vocabulary_does() -> None:
    (page,) = (path for path in PAGES if path.stem == "upgrades")
    runbook = " ".join(sections(page)["InferfleetUpgradeNotComparable"].split())
    method = (ROOT.parent / "docs" / "regressions.md").read_text(encoding="utf-8")
    for reason, text in REASONS.items():
        assert f"- `{reason}`: {text}." in runbook
        assert f"| `{reason}` | {text} |\n" in method
    assert set(re.findall(r"- `(\w+)`:", runbook)) == set(REASONS)
    for word in (*VERDICTS, *MEASURES):
        assert f"`{word}`" in method
