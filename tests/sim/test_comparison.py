"""What a comparison reads of a simulated fleet is the work that the fleet did."""

import numpy as np
import pytest

from tests.sim.cells import QUANTITIES, UPPER, cell_of, per_slice
from tests.sim.comparison import NEW, START, fleet_of_simulation, simulate_comparison
from tests.sim.fleet import SimulatedFleet, simulate_fleet
from tests.sim.scenario import Scenario, Upgrade


@pytest.fixture(scope="module")
def fleet() -> SimulatedFleet:
    upgrade = Upgrade(share=0.5, hours_before=2, hours_after=2)
    return simulate_fleet(np.random.default_rng(4), upgrade, Scenario(rollback=2400.0), servers=4)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_all_work_is_counted_in_its_cell(fleet: SimulatedFleet, quantity: str) -> None:
    windows = fleet_of_simulation(fleet, "m").windows
    work, cells = per_slice(fleet)[quantity].ravel(), cell_of(fleet).ravel()
    by_cell = np.bincount(cells, work, len(UPPER))
    column = windows.column(quantity)
    compared = [column[windows.batch == edge].sum() for edge in UPPER]
    assert compared == pytest.approx(list(by_cell))


def test_a_server_has_a_life_for_each_release_with_its_starts(fleet: SimulatedFleet) -> None:
    compared = fleet_of_simulation(fleet, "m")
    lives = compared.windows.servers
    upgraded = {server.target for server in lives if server.release == NEW}
    assert len(lives) == 4 + len(upgraded)
    assert len(upgraded) == 2
    for server, facts in zip(lives, compared.facts, strict=True):
        first = START if server.release == NEW else START - 1e6
        back = server.release != NEW and server.target in upgraded
        assert facts.starts[0] == pytest.approx(first, abs=3600)
        assert len(facts.starts) == (2 if back else 1)


def test_lookups_are_those_of_the_prompts(fleet: SimulatedFleet) -> None:
    lookups = fleet_of_simulation(fleet, "m").lookups
    assert lookups is not None
    assert lookups.queried.sum() == pytest.approx(fleet.queried_tokens.sum())
    assert lookups.hit.sum() == pytest.approx(fleet.hit_tokens.sum())


@pytest.mark.parametrize(("share", "count"), [(0.5, 2), (1.0, 4)])
def test_a_share_of_the_servers_is_upgraded(share: float, count: int) -> None:
    compared = simulate_comparison(1, 0.0, share=share, servers=4, before=1, after=2)
    assert sum(server.release == NEW for server in compared.windows.servers) == count
