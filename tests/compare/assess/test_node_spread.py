"""The report says what servers were taken to differ by, and from what it was learnt."""

import numpy as np
import pytest

from exporter.compare.assess.result import Comparison
from tests.compare.assess.test_comparison import QUESTION, judged
from tests.compare.estimate.machines import Life, made_fleet
from tests.sim.comparison import NEW, OLD

ALIKE = (0.002, -0.002, 0.0, 0.001, -0.001, 0.002)
APART = (0.06, -0.06, 0.03, -0.03, 0.05, -0.05)


def beside(others: tuple[float, ...], release: str = "0.19.1") -> Comparison:
    """Return the comparison of two servers with two others, others of a third release beside."""
    lives = [Life(f"old-{i}", OLD, 0.0, 8.0) for i in range(2)]
    lives += [Life(f"new-{i}", NEW, 0.0, 8.0) for i in range(2)]
    lives += [Life(f"other-{i}", release, 0.0, 8.0, each) for i, each in enumerate(others)]
    comparison = judged(made_fleet(lives), QUESTION)
    assert comparison.design == "side by side"
    return comparison


def half_width(comparison: Comparison) -> float:
    estimate = comparison.measures[0].estimate
    assert estimate is not None
    return float(np.log(estimate.upper / estimate.lower)) / 2


def sources(comparison: Comparison) -> dict[str, tuple[float, float, int | None]]:
    spread = comparison.measures[0].node_spread
    assert spread is not None
    return {
        each.source: (each.deviation, each.degrees_of_freedom, each.servers)
        for each in spread.sources
    }


def test_other_servers_that_are_alike_narrow_the_interval_and_others_widen_it() -> None:
    none, alike, apart = beside(()), beside(ALIKE), beside(APART)
    assert half_width(alike) < 0.9 * half_width(none)
    assert half_width(apart) > 1.5 * half_width(none)
    assert set(sources(none)) == {"assumed", "compared_servers"}
    assert sources(none)["assumed"] == (0.02, 2.0, None)
    # five degrees of freedom are there; four compared servers speak with two
    assert sources(apart)["other_servers"][0] == pytest.approx(np.std(APART, ddof=1), rel=0.05)
    assert sources(apart)["other_servers"][1:] == (2.0, 6)
    assert sources(apart)["compared_servers"][1:] == (2.0, 4)


def test_the_spread_is_the_sources_by_their_degrees_of_freedom() -> None:
    spread = beside(APART).measures[0].node_spread
    assert spread is not None
    assert spread.between == "machines"
    assert spread.degrees_of_freedom == sum(s.degrees_of_freedom for s in spread.sources)
    mean = sum(s.degrees_of_freedom * s.deviation**2 for s in spread.sources)
    assert spread.deviation**2 == pytest.approx(mean / spread.degrees_of_freedom)


def test_the_report_says_it_in_a_sentence() -> None:
    check = next(c for c in beside(APART).checks if c.name == "spread")
    assert check.outcome == "passed"
    assert "servers of one release are taken to differ by 3." in check.text
    assert "2.0 % assumed beforehand (2)" in check.text
    assert "of 6 other servers (0.19.1) (2)" in check.text
    assert "of the 4 compared (2)" in check.text


def test_servers_of_the_baseline_that_had_gone_count_as_well() -> None:
    lives = [Life(f"gone-{i}", OLD, 0.0, 8.0, each) for i, each in enumerate(APART)]
    lives += [Life(f"old-{i}", OLD, 8.0, 16.0) for i in range(2)]
    lives += [Life(f"new-{i}", NEW, 8.0, 16.0) for i in range(2)]
    assert sources(judged(made_fleet(lives)))["other_servers"][1:] == (2.0, 6)


def test_of_many_other_servers_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.compare.estimate.spread.ENOUGH_SERVERS", 7)
    assert sources(beside(APART))["other_servers"][1:] == (2.0, 3)
    monkeypatch.setattr("exporter.compare.estimate.spread.ENOUGH_SERVERS", 4)
    assert set(sources(beside(APART))) == {"assumed", "compared_servers"}


def test_with_a_past_of_its_own_no_server_needs_others() -> None:
    lives = [Life(f"node-{i}", OLD, 0.0, 12.0) for i in range(2)]
    lives += [Life(f"node-{i}", NEW, 12.0, 20.0, started=True) for i in range(2)]
    lives += [Life(f"node-{i}", OLD, 0.0, 20.0) for i in (2, 3)]
    lives += [Life(f"other-{i}", "0.19.1", 0.0, 20.0, each) for i, each in enumerate(APART)]
    comparison = judged(made_fleet(lives))
    assert comparison.design == "difference in differences"
    spread = comparison.measures[0].node_spread
    assert spread is not None
    assert spread.between == "starts"
    assert set(sources(comparison)) == {"assumed", "compared_servers"}
    text = next(c.text for c in comparison.checks if c.name == "spread")
    assert "a server is taken to change from start to start by" in text


@pytest.mark.parametrize(("change", "verdict"), [(0.0, "equivalent"), (-0.05, "regression")])
def test_servers_put_back_are_their_own_controls(change: float, verdict: str) -> None:
    """Half of a fleet goes back to the release before: what machines differ by is in neither."""
    slower = -float(np.log1p(change))
    machines = (0.05, -0.04, 0.06, -0.05)
    lives = [Life(f"n{i}", NEW, 0.0, 20.0, machines[i] + slower) for i in (0, 1)]
    lives += [Life(f"n{i}", NEW, 0.0, 12.0, machines[i] + slower) for i in (2, 3)]
    lives += [Life(f"n{i}", OLD, 12.0, 20.0, machines[i], started=True) for i in (2, 3)]
    comparison = judged(made_fleet(lives))
    assert comparison.design == "difference in differences"
    assert comparison.verdict == verdict, comparison.headline
    estimate = comparison.measures[0].estimate
    assert estimate is not None
    assert estimate.ratio == pytest.approx(1.0 + change, abs=0.005)


@pytest.mark.parametrize(("change", "verdict"), [(0.0, "equivalent"), (-0.05, "regression")])
def test_a_release_that_all_ran_before_tells_the_machine_from_the_release(
    change: float, verdict: str
) -> None:
    """Two halves of a fleet leave one release for two others at once."""
    slower = -float(np.log1p(change))
    machines = (0.05, -0.04, 0.06, -0.05)
    lives = [Life(f"n{i}", "0.19.1", 0.0, 12.0, 0.2 + machines[i]) for i in range(4)]
    lives += [Life(f"n{i}", OLD, 12.0, 20.0, machines[i], started=True) for i in (0, 1)]
    lives += [Life(f"n{i}", NEW, 12.0, 20.0, machines[i] + slower, started=True) for i in (2, 3)]
    comparison = judged(made_fleet(lives))
    assert comparison.design == "side by side"
    assert comparison.verdict == verdict, comparison.headline
    estimate, spread = comparison.measures[0].estimate, comparison.measures[0].node_spread
    assert estimate is not None
    assert estimate.ratio == pytest.approx(1.0 + change, abs=0.005)
    assert spread is not None
    assert (spread.between, spread.past_release) == ("starts", "0.19.1")
    assert set(sources(comparison)) == {"assumed", "compared_servers"}
    text = next(c.text for c in comparison.checks if c.name == "spread")
    assert text.startswith("each server is set against its own speed under 0.19.1; a server")


@pytest.mark.parametrize(("hours", "missing"), [(5.0, 0), (12.0, 1)])
def test_a_past_that_is_short_or_not_of_all_is_none(hours: float, missing: int) -> None:
    lives = [Life(f"n{i}", "0.19.1", 12.0 - hours, 12.0) for i in range(4 - missing)]
    lives += [Life(f"n{i}", OLD, 12.0, 20.0, started=True) for i in (0, 1)]
    lives += [Life(f"n{i}", NEW, 12.0, 20.0, started=True) for i in (2, 3)]
    spread = judged(made_fleet(lives)).measures[0].node_spread
    assert spread is not None
    assert (spread.between, spread.past_release) == ("machines", None)
