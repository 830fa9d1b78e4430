"""Every threshold has one home: what values.yaml sets is what rules and commands go by."""

import ast
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.testing import CliRunner

from alerts import build, values
from alerts.model import Alert, Group
from exporter.base.units import parse_duration, parse_share
from exporter.cli.app import app
from exporter.compare import command
from exporter.vocabulary.verdict import MEASURES

ROOT: Final = Path(values.__file__).parent.parent
SHIPPED: Final[dict[str, Any]] = yaml.safe_load(values.DEFAULTS.read_text(encoding="utf-8"))
COMMANDS: Final = (["compare"], ["judge", "--prometheus", "http://127.0.0.1:9", "--once"])
LIST_ENTRIES: Final = {
    "models": [{"model": "m", "errors": {"objective": 0.99}}],
}


def leaves(
    data: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def changed(key: str, value: object) -> object:
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 0.99
    if isinstance(value, list):
        return LIST_ENTRIES[key]
    assert isinstance(value, str)
    try:
        return f"{round(parse_duration(value)) + 60}s"
    except ValueError:
        return {"warning": "info", "info": "critical", "critical": "info"}.get(value, "99")


def override(path: tuple[str, ...], value: object) -> dict[str, Any]:
    """Return the shipped values with another one at a path."""
    data = deepcopy(SHIPPED)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return data


def rules(data: dict[str, Any]) -> dict[str, tuple[Group, ...]]:
    return build.groups(build.everything(values.Values.model_validate(data)))


THRESHOLDS: Final = {
    path: value
    for section in ("slo", "alerts")
    for path, value in leaves({section: SHIPPED[section]})
    if path[-1] not in ("enabled", "fast", "slow")
}


def test_every_changed_value_changes_the_rules() -> None:
    shipped = rules(SHIPPED)
    unread = [
        ".".join(path)
        for path, value in THRESHOLDS.items()
        if rules(override(path, changed(path[-1], value))) == shipped
    ]
    assert unread == []


def test_no_alert_keeps_a_duration_that_was_changed() -> None:
    durations = {
        path: value
        for path, value in THRESHOLDS.items()
        if path[0] == "alerts" and path[-1] in values.DURATION_LIMITS
    }
    assert durations
    for path, value in durations.items():
        alert = next(
            rule
            for group in rules(override(path, changed(path[-1], value)))["alerts"]
            for rule in group.rules
            if isinstance(rule, Alert) and rule.alert == path[1]
        )
        old = rf"\b({value}|{parse_duration(value):g})\b"
        assert not re.search(old, alert.expr + alert.description), path


def test_every_limit_that_is_a_duration_is_known_as_one() -> None:
    texts = {
        path: value
        for path, value in leaves({"alerts": SHIPPED["alerts"]})
        if path[-2] == "limits" and isinstance(value, str)
    }
    durations = {path[-1] for path, text in texts.items() if re.fullmatch(r"(\d+[a-z]+)+", text)}
    assert durations == set(values.DURATION_LIMITS)


def test_no_regression_fires_at_a_loss_below_the_margin_of_its_verdict() -> None:
    """It would change nothing, for the verdict is asked for too."""
    shipped = values.load()
    alerts = [
        alert
        for alert in build.alerts(build.everything(shipped))
        if "loss" in shipped.alerts[alert.alert].limits and "measure=" in alert.expr
    ]
    assert alerts
    for alert in alerts:
        measure = next(name for name in MEASURES if f'measure="{name}"' in alert.expr)
        loss = shipped.alerts[alert.alert].limits["loss"]
        assert measure
        assert float(loss) >= shipped.matched.margin, alert.alert


def test_commands_judge_by_the_margin_and_the_warm_up_of_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = override(("matched", "margin"), 0.085)
    other["matched"]["warm_up"] = "25m"
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(other), encoding="utf-8")
    monkeypatch.setattr(values, "DEFAULTS", file)
    given: list[dict[str, Any]] = []

    def capture(flags: dict[str, Any], *_: object) -> int:
        given.append(flags)
        return 0

    monkeypatch.setattr(command, "main", capture)
    monkeypatch.setattr(command, "judge", capture)
    for words in COMMANDS:
        assert CliRunner().invoke(app, words).exit_code == 0
        page = CliRunner().invoke(app, [words[0], "--help"], env={"COLUMNS": "200"}).output
        assert "[default: 8.5%]" in page
    assert [parse_share(flags["margin"]) for flags in given] == [0.085] * len(COMMANDS)
    assert [flags["warm_up"] for flags in given] == [1500.0] * len(COMMANDS)


def literals(tree: ast.AST) -> Iterator[tuple[str, object]]:
    """Yield the names that a file gives a number or a text of its own, with these."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((t.id, node.value.value) for t in targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            yield node.arg or "", node.value.value
        elif isinstance(node, ast.FunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args]
            defaults = node.args.defaults
            pairs = [
                *zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True),
                *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True),
            ]
            yield from (
                (argument.arg, default.value)
                for argument, default in pairs
                if isinstance(default, ast.Constant)
            )


def is_threshold(value: object) -> bool:
    """Whether a literal may be one: a number, or a text that is a duration or a share."""
    if isinstance(value, str):
        return bool(re.fullmatch(r"[0-9.]+(%|[a-z]+)?", value))
    return isinstance(value, int | float) and not isinstance(value, bool) and value != 0


def test_no_code_has_a_threshold_of_its_own() -> None:
    names = {path[-1] for path, _ in leaves({"matched": SHIPPED["matched"]})}
    assert names == {"margin", "warm_up"}
    files = [
        *(ROOT / "alerts").rglob("*.py"),
        *(ROOT / "exporter" / "compare").rglob("*.py"),
        *(ROOT / "scripts").glob("*.py"),
        ROOT / "exporter" / "cli" / "upgrades.py",
    ]
    copies = [
        f"{path.relative_to(ROOT)}: {name} = {value!r}"
        for path in files
        for name, value in literals(ast.parse(path.read_text(encoding="utf-8")))
        if name.lower().strip("_") in names and is_threshold(value)
    ]
    assert copies == []
