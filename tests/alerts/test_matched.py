"""The matched-load rules: Prometheus' arithmetic against numpy's, and what they refuse."""

import math
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from packaging.version import Version

from alerts.model import as_dict
from alerts.recording.matched import groups_for
from alerts.recording.meanings import below, less
from alerts.recording.settings import Settings
from alerts.values import load
from exporter.vocabulary.verdict import VERDICTS
from tests.sim.cells import WINDOW, cell_windows
from tests.sim.fleet import simulate_fleet
from tests.sim.rules import RuleVerdict, evaluate
from tests.sim.scenario import Scenario, Upgrade
from tests.sim.series import SCRAPE, series

PROMTOOL = shutil.which("promtool")
NEEDED = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")

# a fleet small enough for a test: short windows, one curve each evaluation as promtool does it
SMALL = load().matched.model_copy(
    update={
        "before": "2h",
        "after": "90m",
        "curve_interval": "4m",
        "cell_time": 1080.0,
        "overlap": 1800.0,
    }
)
MATCHED = "release:inferfleet_matched_load:"
WHO = (
    'baseline="old", class="c0", engine="vllm", gpu_model="H100", measure="{}", model="m", '
    'release="new"'
)


def written(settings: Settings, folder: Path) -> Path:
    path = folder / "rules.yml"
    data = {
        "groups": [
            {"name": g.name, "interval": g.interval, "rules": [as_dict(r) for r in g.rules]}
            for g in groups_for(settings)
        ]
    }
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL
    # a third of its time went to collecting garbage
    environment = os.environ | {"GOGC": "400"}
    return subprocess.run(
        [PROMTOOL, *map(str, arguments)], capture_output=True, text=True, env=environment
    )


def near(series_text: str, expected: float, tolerance: float = 1e-9) -> dict[str, Any]:
    """Expect one series within a tolerance: promtool compares numbers exactly."""
    labels = series_text.partition("{")[2].rstrip("}")
    return {
        "expr": f"abs({series_text} - {expected!r}) < bool {tolerance}",
        "exp_samples": [{"labels": f"{{{labels}}}", "value": 1}],
    }


def expectations(measure: str, judged: RuleVerdict) -> Iterator[dict[str, Any]]:
    labels = f"{{{WHO.format(measure)}}}"
    yield near(f"{MATCHED}ln{labels}", judged.ln)
    yield near(f"{MATCHED}coverage_ratio{labels}", judged.coverage)
    yield near(f"{MATCHED}ratio{labels}", math.exp(judged.ln))
    if math.isfinite(judged.lower):
        yield near(f"{MATCHED}lower{labels}", math.exp(judged.lower))
        yield near(f"{MATCHED}upper{labels}", math.exp(judged.upper))
    for verdict in VERDICTS:
        told = f'{MATCHED}verdict{{{WHO.format(measure)}, verdict="{verdict}"}}'
        yield near(told, float(verdict == judged.verdict))


def case(share: float, effect: float, scenario: Scenario, seed: int) -> dict[str, Any]:
    upgrade = Upgrade(effect, share=share, hours_before=2.4, hours_after=2.6, roll=720.0)
    fleet = simulate_fleet(np.random.default_rng(seed), upgrade, scenario, servers=5)
    given = cell_windows(fleet)
    tests = [
        {**test, "eval_time": f"{given.info.shape[1] * WINDOW:g}s"}
        for measure, judged in evaluate(given, SMALL, every=1).items()
        for test in expectations(measure, judged)
    ]
    return {"interval": f"{SCRAPE:g}s", "input_series": series(fleet), "promql_expr_test": tests}


@NEEDED
def test_the_rules_parse(tmp_path: Path) -> None:
    found = promtool("check", "rules", written(load().matched, tmp_path))
    assert found.returncode == 0, found.stdout + found.stderr


@NEEDED
def test_prometheus_computes_what_numpy_does(tmp_path: Path) -> None:
    steady = Scenario(diurnal=0.0, start_hour=9.0)
    tests = {
        "rule_files": [str(written(SMALL, tmp_path))],
        "evaluation_interval": SMALL.interval,
        "group_eval_order": [group.name for group in groups_for(SMALL)],
        "tests": [case(0.6, -0.10, steady, 5), case(1.0, 0.0, steady, 6)],
    }
    path = tmp_path / "tests.yml"
    path.write_text(yaml.dump(tests, Dumper=yaml.CSafeDumper, width=1 << 30), encoding="utf-8")
    found = promtool("test", "rules", path)
    assert found.returncode == 0, (found.stdout + found.stderr)[:4000]


@pytest.mark.parametrize("limit", [1, 7, 10, 27, 100, 211])
def test_a_pattern_of_smaller_numbers(limit: int) -> None:
    matching = {n for n in range(300) if re.fullmatch(less(limit), str(n))}
    assert matching == set(range(limit))


@pytest.mark.parametrize("limit", ["0.8.0", "0.11.1", "0.23.0", "0.27.0", "1.0.0"])
def test_a_pattern_of_older_versions(limit: str) -> None:
    versions = [f"{a}.{b}.{c}" for a in (0, 1, 2) for b in range(40) for c in (0, 1, 2, 10)]
    pattern = below(limit)
    assert [v for v in versions if re.fullmatch(pattern, v)] == [
        v for v in versions if Version(v) < Version(limit)
    ]
