"""What is right and what is wrong is counted as the document says."""

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.trial import trials
from scripts.trial.outcome import MARGIN, Outcome
from scripts.trial.report import measures_report
from scripts.trial.tables import Results, by_effect, by_scenario, opposite, ranges, rates, totals

PLAIN = Outcome("plain", "DiD 4+4", 1, "compare", "decode", "equivalent", 1.0, 1.01, 0.99, 1.03)


@pytest.mark.parametrize(
    ("verdict", "true", "wrong", "right"),
    [
        ("equivalent", 1.0, False, True),
        ("regression", 1.0, True, False),
        ("improvement", 1.0, True, False),
        ("inconclusive", 1.0, False, False),
        ("not_comparable", 0.9, False, False),
        ("regression", 0.9, False, True),
        ("improvement", 0.9, True, False),
        ("equivalent", 0.9, True, False),
        ("improvement", 1.1, False, True),
        # between half a margin and one both answers hold
        ("regression", 1 - 0.8 * MARGIN, False, True),
        ("equivalent", 1 - 0.8 * MARGIN, False, True),
        # a little beyond the margin "equivalent" misses, but is no gross error
        ("equivalent", 1 - 1.2 * MARGIN, False, False),
        ("regression", None, False, False),
    ],
)
def test_a_verdict_is_right_wrong_or_neither(
    verdict: str, true: float | None, wrong: bool, right: bool
) -> None:
    outcome = replace(PLAIN, verdict=verdict, true=true)
    assert (outcome.is_wrong, outcome.is_right) == (wrong, right)


def test_rates_are_shares_of_the_fleets() -> None:
    outcomes = [
        PLAIN,
        replace(PLAIN, verdict="regression", ratio=0.95, lower=0.93, upper=0.97),
        replace(PLAIN, verdict="not_comparable", ratio=None, lower=None, upper=None),
        replace(PLAIN, verdict="inconclusive", ratio=1.02, lower=0.98, upper=1.06),
    ]
    found = rates(outcomes)
    assert (found.count, found.wrong, found.equivalent, found.not_comparable) == (4, 25, 25, 25)
    assert found.bias == pytest.approx(100 * (0.01 - 0.05 + 0.02) / 3)
    assert found.covered == pytest.approx(200 / 3)


def test_tables_have_the_scenarios_and_designs_that_ran() -> None:
    effect = replace(PLAIN, scenario="-5 %", true=0.95, verdict="improvement")
    results = Results([PLAIN, replace(PLAIN, seed=2, verdict="regression"), effect])
    assert results.designs == ["DiD 4+4"]
    assert by_scenario(results, "compare", "decode")[2:] == ["| plain | 50 / 50 / 0 |"]
    assert by_effect(results, "compare", "decode")[2:] == ["| -5 % | 0 / 100 |"]
    assert "| compare | decode | 50 (50), 50, 100 |" in totals(results)
    assert opposite(results, "compare", "decode") == (1, 1)


def test_single_measures_have_a_row_for_each_case_whose_truth_is_known() -> None:
    energy = replace(PLAIN, measure="energy", verdict="inconclusive")
    effect = replace(PLAIN, scenario="-5 %", measure="energy", true=0.95, verdict="regression")
    unknown = replace(effect, scenario="-10 %", true=None)
    report = measures_report(Results([PLAIN, energy, effect, unknown]), "trial", ["energy"])
    assert "| compare | energy | 0 (0), 0, 100 |" in report
    assert "| plain | 0 / 0 / 0 / 0 / 100 |" in report
    assert "| -5 % | 0 / 100 / 0 / 0 / 0 |" in report
    assert "-10 %" not in report
    assert "decode" not in report


def test_outcomes_are_read_as_they_were_saved(tmp_path: Path) -> None:
    outcomes = [PLAIN, replace(PLAIN, ratio=None, true=None)]
    trials.save(outcomes, tmp_path / "outcomes.jsonl.xz")
    assert trials.read(tmp_path / "outcomes.jsonl.xz") == outcomes


def test_jobs_go_seed_by_seed() -> None:
    todo = trials.jobs(["plain", "-5 %"], ["half", "all"], [1, 2])
    assert [job.seed for job in todo] == [1] * 4 + [2] * 4
    assert len(set(todo)) == 8


def test_without_time_no_fleet_is_begun() -> None:
    todo = trials.jobs(["plain"], ["all"], [1])
    assert list(trials.run_all(trials.judge, todo, 1, minutes=0.0)) == [[]]


def test_ranges_with_a_change_are_counted_apart_from_those_without() -> None:
    one = replace(PLAIN, scenario="-5 %", measure="range")
    changed = replace(one, true=0.8)
    outcomes = [
        one,
        replace(one, verdict="regression"),
        replace(changed, verdict="regression"),
        replace(changed, verdict="inconclusive"),
        # of less than the margin nothing is asked
        replace(one, true=1 - 0.7 * MARGIN, verdict="inconclusive"),
    ]
    assert ranges(Results(outcomes))[2:] == ["| -5 % | 50 of 2 / 50 of 2 |"]
