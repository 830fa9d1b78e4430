"""A small fleet of the trials: the same by seed, read alike by both judges, and judged."""

import numpy as np
import pytest

from exporter.compare.assess.comparison import compare
from exporter.derive.load_cell import batch_label
from scripts.trial import judges
from scripts.trial.cells import (
    NEW,
    amounts,
    cell_of,
    counted,
    fleet_of_run,
)
from scripts.trial.designs import DESIGNS, PLANS, Plan, lives, members
from scripts.trial.fleet import Run, run_fleet
from scripts.trial.scenarios import CASES, Case, Effect, Scenario
from scripts.trial.truth import truth_of
from tests.sim.cells import QUANTITIES, UPPER

SMALL = Plan(4, 2, 8.0, 4.0)
EVERYONE = np.arange(4)


@pytest.fixture(scope="module")
def fleet() -> Run:
    return run_fleet(Case(Scenario(), Effect(-0.20)), SMALL, 3)


def test_the_same_seed_gives_the_same_fleet(fleet: Run) -> None:
    again = run_fleet(fleet.case, SMALL, 3)
    other = run_fleet(fleet.case, SMALL, 4)
    for name, values in fleet.counts.items():
        assert np.array_equal(values, again.counts[name])
    assert not np.array_equal(fleet.counts["joules"], other.counts["joules"])


def test_cells_are_those_of_the_exporter(fleet: Run) -> None:
    batch = fleet.counts["decode_sequence_seconds"] / 5.0
    cells = cell_of(fleet)
    for value, cell in zip(batch.ravel()[::97], cells.ravel()[::97], strict=True):
        if value > 0:
            assert batch_label(float(value)) == f"{UPPER[cell - 2]:g}"


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_compare_reads_the_work_that_is_counted(fleet: Run, quantity: str) -> None:
    windows = fleet_of_run(fleet, EVERYONE, fleet.begin).windows
    decoding = windows.batch > 0
    compared = windows.column(quantity)[decoding].sum()
    rows = counted(fleet) & (cell_of(fleet) >= 2)
    assert amounts(fleet)[quantity][rows].sum() == pytest.approx(compared)


def test_a_started_server_is_down_and_then_warms_up(fleet: Run) -> None:
    upgraded = [server for server, own in enumerate(fleet.lives) if len(own) > 1]
    assert len(upgraded) == 2
    for server in upgraded:
        begin = fleet.lives[server][1].begin
        young = (fleet.edges > begin) & (fleet.edges <= begin + 600)
        assert not counted(fleet)[server, young].any()
        assert (fleet.counts["busy_seconds"][server, fleet.down[server]] == 0).sum() >= 29


def test_a_large_effect_is_found_and_the_truth_is_in_the_interval(fleet: Run) -> None:
    compared = fleet_of_run(fleet, EVERYONE, fleet.begin)
    truth = truth_of(compared, judges.QUESTION).ratio("decode")
    assert truth == pytest.approx(0.8, abs=0.01)
    comparison = compare(compared, judges.QUESTION)[0]
    decode = comparison.measures[0]
    assert comparison.design == "difference in differences"
    assert decode.verdict == "regression"
    assert decode.estimate is not None
    assert decode.estimate.lower - 0.02 < truth < decode.estimate.upper + 0.02


def test_the_truth_is_of_the_work_that_is_judged() -> None:
    """A change of wide steps alone is that of their share of the time, range by range."""
    run = run_fleet(Case(Scenario(rate=4.0), Effect(-0.20, "wide")), SMALL, 3)
    truth = truth_of(fleet_of_run(run, EVERYONE, run.begin), judges.QUESTION)
    assert truth.ratio("decode", 64.0) == pytest.approx(0.8, abs=0.01)
    assert truth.ratio("decode", 0.0, 48.0) == pytest.approx(1.0, abs=0.01)
    assert 0.81 < truth.ratio("decode") < 0.99
    windows = truth.fleet.windows
    newer = np.array([server.release == NEW for server in windows.servers])[windows.server]
    assert not truth.judged[~newer].any()
    # caches fill for as long as speed settles at least
    assert 0 < truth.warm.sum() <= truth.judged.sum() < newer.sum()


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_has_its_servers_of_each_group(name: str) -> None:
    design = DESIGNS[name]
    plan = PLANS[design.plan]
    spent = lives(np.random.default_rng(1), plan)
    chosen = members(spent, design)
    upgraded = sum(any(life.release for life in spent[server]) for server in chosen)
    # where all get the candidate there are no others
    assert len(chosen) == design.size * (2 if plan.upgraded < plan.servers else 1)
    assert upgraded == (len(chosen) if plan.swap else design.size)


def test_every_case_has_a_true_change_where_it_says_so() -> None:
    assert sum(case.effect.size == 0 for case in CASES.values()) >= 16
    assert sum(case.effect.size != 0 for case in CASES.values()) >= 18
