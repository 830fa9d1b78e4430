"""Verdicts on made runs: what is called, what never is, and what is said of the runs."""

from dataclasses import replace

import pytest

from exporter.compare.assess.criteria import Criteria
from exporter.compare.assess.result import Check, Comparison
from exporter.compare.replicates.comparison import compare_runs

from .made import compared, made_fleet, made_windows


def check(comparison: Comparison, name: str) -> Check:
    return next(each for each in comparison.checks if each.name == name)


@pytest.mark.parametrize(
    ("candidate", "verdict"),
    [
        ((0.90, 0.91, 0.90), "regression"),
        ((1.10, 1.11, 1.10), "improvement"),
        ((1.00, 1.005, 1.00), "equivalent"),
        ((0.97, 1.02, 0.96), "inconclusive"),
    ],
)
def test_the_verdict(candidate: tuple[float, ...], verdict: str) -> None:
    comparison = compared((1.00, 1.01, 1.00), candidate)
    assert comparison.verdict == verdict
    assert comparison.design == "replicates"
    assert [measure.measure for measure in comparison.measures] == ["decode"]


@pytest.mark.parametrize("runs", [(1.0, 1.0), (1.0, 1.1), (1.0, 0.8, 1.3), (1.0, 1.01, 0.99, 1.0)])
def test_a_side_against_itself_is_never_called(runs: tuple[float, ...]) -> None:
    comparison = compared(runs, runs)
    assert comparison.verdict in ("equivalent", "inconclusive")
    assert check(comparison, "A/A").outcome == "noted"


def test_a_wild_run_widens_the_interval_and_shows() -> None:
    steady = compared((1.00, 1.01, 1.00), (0.90, 0.91, 0.90))
    wild = compared((1.00, 1.01, 1.00), (0.90, 0.91, 0.45))
    assert steady.verdict == "regression"
    assert wild.verdict == "inconclusive"
    assert wild.runs[-1].decode_ratio == pytest.approx(0.447, abs=0.01)
    spread = wild.measures[0].run_spread
    assert spread is not None
    assert spread.candidate is not None
    assert spread.candidate > 0.4
    assert "runs a side are needed" in wild.headline or "more data alone" in wild.headline


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        (((1.0,), (0.5,)), "there is one run each"),
        (((1.0, 1.0, 1.0), (0.5,)), "there is one run of the candidate"),
        (((1.0,), (0.5, 0.5)), "there is one run of the baseline"),
    ],
)
def test_a_single_run_is_described_and_not_judged(
    sides: tuple[tuple[float, ...], tuple[float, ...]], reason: str
) -> None:
    comparison = compared(*sides)
    assert comparison.verdict == "not_comparable"
    assert reason in comparison.headline
    assert "record more runs of each side" in comparison.headline
    decode = comparison.measures[0]
    assert decode.estimate is None
    assert decode.observed_ratio == pytest.approx(0.5, abs=0.01)
    assert all(part.estimate is None for part in decode.ranges)
    assert check(comparison, "runs").outcome == "failed"


def test_energy_that_some_runs_lack_is_compared_among_the_others() -> None:
    joules = (0.20, 0.201, None, 0.25, 0.251, 0.25)
    windows = made_windows([1.0] * 6, joules=joules)
    comparison = compare_runs(made_fleet(windows, 3), Criteria(0.03, 0.05), None)
    (energy,) = (m for m in comparison.measures if m.measure == "energy")
    assert energy.verdict == "regression"
    assert energy.estimate is not None
    assert energy.estimate.ratio == pytest.approx(0.80, abs=0.005)
    assert energy.reason.startswith("there is data in 2 of 3 runs of the baseline and in 3 of 3 of")
    assert [run.joules_per_token for run in comparison.runs] == pytest.approx(list(joules))


@pytest.mark.parametrize("joules", [(0.2, None, None, None), (0.2, None, 0.2, None)])
def test_energy_of_too_few_runs_is_shown_and_not_judged(joules: tuple[float | None, ...]) -> None:
    windows = made_windows([1.0] * 4, joules=joules)
    comparison = compare_runs(made_fleet(windows, 2), Criteria(0.03, 0.05), None)
    (energy,) = (m for m in comparison.measures if m.measure == "energy")
    assert energy.verdict == "not_comparable"
    assert "there is data in 1 of 2 runs of the baseline" in energy.reason
    assert [run.joules_per_token for run in comparison.runs] == pytest.approx(list(joules))


def test_runs_under_other_loads_are_not_comparable() -> None:
    low, high = {1.0: 8, 16.0: 8}, {1.0: 8, 64.0: 8}
    windows = made_windows([1.0] * 4, seconds=[low, low, high, high])
    comparison = compare_runs(made_fleet(windows, 2), Criteria(0.03, 0.05), None)
    assert comparison.verdict == "not_comparable"
    assert "send every run the same load" in comparison.headline
    assert check(comparison, "overlap").outcome == "failed"


@pytest.mark.parametrize(
    ("baseline", "reason"),
    [({1.0: 1}, "the baseline has too few windows"), ({}, "there is data in 0 of 2 runs of the")],
)
def test_runs_too_short_to_compare_say_how_to_record_them(
    baseline: dict[float, int], reason: str
) -> None:
    full = {1.0: 8, 16.0: 8}
    windows = made_windows([1.0] * 4, seconds=[baseline, baseline, full, full])
    comparison = compare_runs(made_fleet(windows, 2), Criteria(0.03, 0.05), None)
    assert comparison.verdict == "not_comparable"
    assert reason in comparison.headline
    assert "record each run for longer, under load" in comparison.headline


def test_runs_of_one_start_are_noted() -> None:
    """A benchmark repeated against one server, as sweeps do it, has replicates that are none."""
    starts = (100.0, 100.01, 300.0, 400.0)
    spans = ((200.0, 300.0), (310.0, 400.0), (310.0, 400.0), (410.0, 500.0))
    comparison = compared((1.0, 1.0), (1.0, 1.0), starts=starts, spans=spans)
    assert "run-0 and run-1 are of one start" in check(comparison, "starts").text
    # two servers that were started together work at the same time
    together = compared((1.0, 1.0), (1.0, 1.0), starts=starts)
    assert all(each.name != "starts" for each in together.checks)
    alone = compared((1.0, 1.0), (1.0, 1.0), starts=(100.0, 200.0, 300.0, 400.0))
    assert all(each.name != "starts" for each in alone.checks)


def test_sides_that_ran_one_after_the_other_are_noted() -> None:
    spans = ((0.0, 10.0), (20.0, 30.0), (40.0, 50.0), (60.0, 70.0))
    assert check(compared((1.0, 1.0), (1.0, 1.0), spans=spans), "order").outcome == "noted"
    alternating = (spans[0], spans[2], spans[1], spans[3])
    assert check(compared((1.0, 1.0), (1.0, 1.0), spans=alternating), "order").outcome == "passed"


def test_runs_of_one_side_that_are_not_alike_are_noted() -> None:
    labels: list[dict[str, str]] = [{"runner": runner} for runner in ("v1", "v2", "v2", "v2")]
    noted = check(compared((1.0, 1.0), (1.0, 1.0), labels=labels), "replicates")
    assert noted.outcome == "noted"
    assert "runner is not the same in all runs of the baseline: v1, v2" in noted.text


def test_sides_that_may_not_be_compared_are_refused() -> None:
    labels = [{"quantization": name} for name in ("fp8", "fp8", "awq", "awq")]
    comparison = compared((1.0, 1.0), (0.5, 0.5), labels=labels)
    assert comparison.verdict == "not_comparable"
    assert "quantization is fp8 on the baseline and awq on the candidate" in comparison.headline


def test_of_many_phases_one_that_differs_by_chance_is_not_called() -> None:
    alike = {f"phase {i}": 100.0 for i in range(9)}
    faster = {**alike, "phase 4": 107.0}
    rates = [alike, {**alike, "phase 4": 101.0}, faster, {**faster, "phase 4": 108.0}]
    many = compared((1.0, 1.0), (1.0, 1.0), rates=rates)
    few = [{"phase 4": rate["phase 4"]} for rate in rates]
    alone = compared((1.0, 1.0), (1.0, 1.0), rates=few)
    (phase,) = alone.phases
    assert phase.verdict == "improvement"
    assert phase.baseline_rate == pytest.approx(100.5, abs=0.01)
    (beside,) = (each for each in many.phases if each.phase == "phase 4")
    assert beside.verdict == "inconclusive"
    assert beside.estimate == phase.estimate


def test_a_phase_counts_in_the_runs_that_have_it() -> None:
    rates = [{"a": 100.0, "b": 5.0}, {"a": 101.0}, {"a": 90.0, "b": 6.0}, {"a": 91.0}]
    phases = {each.phase: each for each in compared((1.0, 1.0), (1.0, 1.0), rates=rates).phases}
    assert phases["a"].estimate is not None
    assert phases["b"].estimate is None
    assert phases["b"].verdict == "not_comparable"
    assert phases["b"].client_ratio == pytest.approx(1.2)


def test_latencies_of_the_client_stand_beside_its_rate() -> None:
    rates = [{"a": 100.0}] * 4
    (phase,) = compared((1.0, 1.0), (1.0, 1.0), rates=rates, ttfts=(0.1, 0.1, 0.2, 0.2)).phases
    (latency,) = phase.latencies
    assert latency.name == "time_to_first_token"
    assert latency.baseline == pytest.approx(0.1)
    assert latency.ratio == pytest.approx(2.0)
    assert latency.estimate is not None
    assert latency.estimate.lower < 2.0 < latency.estimate.upper
    assert latency.run_spread.baseline == pytest.approx(0.0)


def test_the_cells_of_a_phase_have_an_interval_of_their_own() -> None:
    rates = [{"a": 100.0}] * 4
    (phase,) = compared((1.0, 1.0), (1.1, 1.1), rates=rates).phases
    assert phase.cells_ratio == pytest.approx(1.1)
    assert phase.cells_estimate is not None
    assert 1.0 < phase.cells_estimate.lower < 1.1 < phase.cells_estimate.upper
    (alone,) = compared((1.0,), (1.1,), rates=rates[:2]).phases
    assert alone.cells_estimate is None


def test_requests_that_failed_are_noted() -> None:
    windows = made_windows([1.0, 1.0, 1.0, 1.0])
    fleet = made_fleet(windows, 2, rates=[{"a": 100.0, "b": 100.0}] * 4)
    quiet = compare_runs(fleet, Criteria(0.03, 0.05), None)
    assert all(each.name != "requests" for each in quiet.checks)
    phases = tuple(
        tuple(
            replace(phase, requests=1_500, failed=run * 10 if phase.name == "b" else 1)
            for phase in own
        )
        for run, own in enumerate(fleet.phases)
    )
    noted = check(
        compare_runs(replace(fleet, phases=phases), Criteria(0.03, 0.05), None), "requests"
    )
    assert noted.outcome == "noted"
    assert "30 of 1,500 requests of the client failed in the phase b of run-3" in noted.text


def test_a_claim_is_checked() -> None:
    windows = made_windows([1.00, 1.01, 1.00, 1.30, 1.31, 1.30])
    comparison = compare_runs(made_fleet(windows, 3), Criteria(0.03, 0.05), 1.56)
    assert comparison.claim is not None
    assert comparison.claim.holds is False
