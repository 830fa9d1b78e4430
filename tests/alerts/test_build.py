"""The rule files: whole, valid for Prometheus and the operator, and as the sources write them."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from alerts import build, reference
from alerts.model import Alert
from alerts.promql import RECORDED
from alerts.values import Values, load
from exporter.publish.families import PUBLISHED
from exporter.vocabulary.family import PREFIX
from scripts import generate

from . import promtool

# published by `inferfleet judge`, where it runs


def expressions(values: Values) -> list[str]:
    return [*(a.expr for a in build.alerts(values)), *(r.expr for r in build.records(values))]


def test_the_generated_rules_have_not_drifted() -> None:
    for name, text in build.files(load(), "prometheus").items():
        assert (build.GENERATED / name).read_text(encoding="utf-8") == text
    page = generate.ROOT / "docs" / "alerts.md"
    assert page.read_text(encoding="utf-8") == reference.page(load())


@promtool.needs_promtool
@pytest.mark.parametrize(
    "more", ["", 'selector: a="b"\ndcgm_selector: c="d"\nkeep_labels: [cluster]']
)
def test_prometheus_takes_the_rules(tmp_path: Path, more: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(more, encoding="utf-8")
    values = build.everything(load(mine))
    paths = promtool.write_rules(tmp_path, values)
    assert promtool.PROMTOOL
    done = subprocess.run(
        [promtool.PROMTOOL, "check", "rules", "--lint=all", "--lint-fatal", *paths],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = sum(int(number) for number in re.findall(r"(\d+) rules found", done.stdout))
    assert found == len(build.alerts(values)) + len(build.records(values))


def test_the_operator_gets_resources_with_the_same_rules() -> None:
    plain, wrapped = (build.files(load(), form) for form in build.FORMATS.values())
    for name, text in wrapped.items():
        body = yaml.safe_load(text)
        assert (body["apiVersion"], body["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
        assert re.fullmatch(r"[a-z0-9-]+", body["metadata"]["name"])
        assert body["spec"] == yaml.safe_load(plain[name])


def test_every_alert_is_whole() -> None:
    for one in build.alerts(build.everything(load())):
        assert one.alert.startswith("Inferfleet")
        for text in (one.summary, one.description, one.runbook_url, one.dashboard_url):
            assert text
        assert "{{" in one.summary + one.description or one.alert == "InferfleetExporterAbsent"


def test_selectors_are_on_every_series(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text('selector: job="x"\ndcgm_selector: job="y"\n', encoding="utf-8")
    values = build.everything(load(mine))
    for expr in expressions(values):
        for name, rest in re.findall(r"(?<![:\w])(inferfleet_\w+|DCGM_\w+)(.{0,200})", expr):
            job = 'job="x"' if name.startswith("inferfleet_") else 'job="y"'
            assert rest.startswith("{"), (name, rest)
            assert job in rest.split("}")[0], (name, rest)


def test_every_series_read_is_published() -> None:
    names = {family.name for family in PUBLISHED}
    names |= {
        f"{family.name}_{suffix}"
        for family in PUBLISHED
        if family.kind == "histogram"
        for suffix in ("sum", "count", "bucket")
    }
    values = build.everything(load())
    recorded = {one.record for one in build.records(values)}
    for expr in expressions(values):
        for name in re.findall(rf"(?<![:\w]){PREFIX}(\w+)", expr):
            assert name in names, name
        for name in RECORDED.findall(expr):
            if "inferfleet" in name:
                assert name in recorded, name


def test_no_series_is_recorded_twice() -> None:
    names = [f"{one.record}{sorted(one.labels.items())}" for one in build.records(load())]
    assert len(names) == len(set(names))
    names = [one.alert for one in build.alerts(build.everything(load()))]
    assert len(names) == len(set(names))


def test_every_aggregation_and_join_keeps_the_cluster() -> None:
    rules = [rule for groups in build.groups(build.everything(load())).values() for rule in groups]
    for group in rules:
        for rule in group.rules:
            name = rule.alert if isinstance(rule, Alert) else rule.record
            for labels in re.findall(r"\b(?:by|on) \(([^)]+)\)", rule.expr):
                assert "cluster" in labels.split(", "), (name, labels)
            for labels in re.findall(r"\b(?:ignoring|without) \(([^)]+)\)", rule.expr):
                assert "cluster" not in labels.split(", "), (name, labels)
            # an aggregation over everything merges clusters
            merged = re.findall(
                r"\b(sum|avg|min|max|count|group|quantile|topk) ?\((?!\")", rule.expr
            )
            assert not merged, (name, merged)
