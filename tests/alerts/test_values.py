"""A user's values are laid over the shipped ones; what cannot be meant is refused in a sentence."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts import build
from alerts.values import load
from exporter.base.errors import ConfigError
from exporter.cli.app import app
from scripts import generate


def mine(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_only_what_differs_is_given(tmp_path: Path) -> None:
    path = mine(
        tmp_path,
        'selector: job="inferfleet"\n'
        "keep_labels: [cluster, location]\n"
        "alerts:\n"
        "  InferfleetTargetDown: {for: 9m, severity: info, keep_firing_for: 3m}\n"
        "  InferfleetQueueGrowing: {enabled: true, limits: {requests: 77}}\n"
        "  InferfleetAborts: {enabled: true}\n"
        "  InferfleetExporterAbsent: {enabled: false}\n",
    )
    values, shipped = load(path), load()
    rules = {one.alert: one for one in build.alerts(values)}
    down = rules["InferfleetTargetDown"]
    assert (down.wait, down.severity, down.keep_firing_for) == ("9m", "info", "3m")
    assert (
        'max by (target, cluster, location) (inferfleet_target_up{job="inferfleet"}) == 0'
        in down.expr
    )
    assert ">= 77" in rules["InferfleetQueueGrowing"].expr
    assert (
        values.alerts["InferfleetQueueGrowing"].limits["window"]
        == shipped.alerts["InferfleetQueueGrowing"].limits["window"]
    )
    before = {one.alert for one in build.alerts(shipped)}
    assert set(rules) == (before - {"InferfleetExporterAbsent"}) | {
        "InferfleetAborts",
        "InferfleetQueueGrowing",
    }


def test_shares_are_written_as_for_the_flags(tmp_path: Path) -> None:
    for text in ("4%", "0.04"):
        assert load(mine(tmp_path, f"matched: {{margin: {text}}}")).matched.margin == 0.04


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alerts: {InferfleetTargetDwn: {for: 1m}}", "did you mean InferfleetTargetDown?"),
        ("alerts: {InferfleetTargetDown: {wait: 1m}}", "no key alerts.InferfleetTargetDown.wait"),
        ("alerts: {InferfleetAborts: {limits: {share: many}}}", "must be written like 0.1"),
        ("alerts: {InferfleetRestartLoop: {limits: {window: soon}}}", "no duration"),
        ("alerts: {InferfleetTargetDown: {for: 1}}", "alerts.InferfleetTargetDown.for"),
        ("matched: {margin: 3}", "matched.margin: '3' is no share; it lacks the %: write 3%"),
        ("matched: {margin: 1 %%}", "matched.margin: '1 %%' is no share; write it like 3%"),
        ("matched: {margin: true}", "matched.margin: True is no share; write it like 3%"),
        ("matched: {warm_up: '10'}", "matched.warm_up: '10' is no duration; it lacks a unit"),
        ("alerts: {InferfleetTargetDown: off}", "must hold keys and values"),
        ("slo: {errors: {objective: 99.9}}", "slo.errors.objective"),
        ("slo: {errors: {objective: 0.9}}", "cannot burn"),
        ("slo: {models: [{model: m, errors: {objective: 0.9}}]}", "cannot burn"),
        ("slo: {models: [{model: 'm('}]}", "'m(' is no pattern"),
        ("alerts: {InferfleetAborts: {limits: {share: -0.1}}}", "share must not be below 0"),
        ("alerts: {InferfleetAborts: {for: soon}}", "'soon' is no duration; write it like 15m"),
        ("selector: 'job='", "selector: 'job=' are no label matchers"),
        ("interval: 30s\ninterval: 1m", "line 2: the key 'interval' stands twice"),
        ("- a", "must hold keys and values"),
        ("a: [", "is no valid YAML"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = mine(tmp_path, text)
    with pytest.raises(ConfigError, match=r"mine\.yaml") as caught:
        load(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ['job="a"', '"a"', "job='a', env=~\"b|c\" , x!=''"])
def test_selectors_are_label_matchers(tmp_path: Path, text: str) -> None:
    path = mine(tmp_path, f"selector: >-\n  {text}\n")
    if text == '"a"':
        with pytest.raises(ConfigError, match="are no label matchers"):
            load(path)
    else:
        assert load(path).selector == text


def test_the_documented_example_is_good(tmp_path: Path) -> None:
    page = (generate.ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    block = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    "))
    values = load(mine(tmp_path, block))
    assert values.alerts["InferfleetQueueGrowing"].limits["requests"] == 100
    assert values.slo.time_to_first_token.threshold == 2.5


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        load(tmp_path / "gone.yaml")


def test_the_command_writes_and_refuses(tmp_path: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["rules", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "inferfleet-alerts.yaml",
        "inferfleet-recording.yaml",
    }
    bad = mine(tmp_path, "selectr: a")
    done = runner.invoke(app, ["rules", "--out", str(tmp_path), "--values", str(bad)])
    assert done.exit_code == 2
    assert "did you mean selector?" in done.output
    done = runner.invoke(app, ["rules", "--out", str(tmp_path), "--format", "json"])
    assert done.exit_code == 2
    done = runner.invoke(app, ["rules", "--out", str(bad)])
    assert done.exit_code == 2
    assert "cannot write rules" in done.output
