"""Asking again on a fleet of the trials ends with a verdict at a time of its own."""

from pathlib import Path

import pytest

from scripts.trial import watch
from scripts.trial.designs import Design, Plan
from scripts.trial.outcome import Outcome
from scripts.trial.scenarios import Case, Effect, Scenario


def test_a_large_loss_is_called_before_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "WATCH", Plan(4, 2, 8.0, 6.0))
    monkeypatch.setattr(watch, "WATCHED", {"DiD 2+2": Design("watch", 2, -8.0)})
    monkeypatch.setattr(watch, "HOURS", 6.0)
    monkeypatch.setattr(watch, "CASES", {"loss": Case(Scenario(), Effect(-0.25))})
    (found,) = watch.watch(watch.Watch("loss", 1))
    assert found.outcome.verdict == "regression"
    assert found.outcome.is_right
    assert found.looks >= 1
    assert 0.4 < found.hours < 6.0
    assert "decode" in found.measures


def test_the_table_has_the_median_hours_of_right_verdicts() -> None:
    outcome = Outcome("-5 %", "DiD 2+2", 1, "compare", "overall", "regression", 0.95)
    wrong = Outcome("-5 %", "DiD 2+2", 4, "compare", "overall", "improvement", 0.95)
    results = [watch.Watched(outcome, hours, 1) for hours in (2.0, 3.0, 7.0)]
    lines = watch.table([*results, watch.Watched(wrong, 1.0, 1)])
    assert lines[2] == "| -5 % | DiD 2+2 | 4 | 75 | 25 | 0 | 3.0 (6.2) |"


def test_saved_results_are_read_as_they_were(tmp_path: Path) -> None:
    outcome = Outcome("-5 %", "DiD 2+2", 1, "compare", "overall", "regression", 0.95)
    results = [watch.Watched(outcome, 2.0, 3, ["decode"])]
    watch.save(results, tmp_path / "watch.jsonl.xz")
    assert watch.read(tmp_path / "watch.jsonl.xz") == results
