"""Pretended upgrades: names change, work does not, and each design is recognised as what it is."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.estimate.design import choose_design
from exporter.compare.fleet.windows import Fleet
from exporter.compare.forecast.rollout import PRETENDED, Kind, Rollout, pretended_upgrade, rollouts
from exporter.vocabulary.verdict import Design
from tests.sim.comparison import simulate_comparison

WAIT = 8 * 3600.0
START_HOUR = 30.0


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Four servers over 60 hours, none of them upgraded."""
    return simulate_comparison(5, share=0.0, servers=4, before=60.0, after=0.0)


def start_of(fleet: Fleet) -> float:
    return float(fleet.windows.time.min()) + START_HOUR * 3600.0


@pytest.mark.parametrize(
    ("servers", "canaries"), [(0, []), (1, []), (3, []), (4, [2]), (8, [2, 4]), (40, [2, 10, 20])]
)
def test_canaries_leave_two_servers_on_either_side(servers: int, canaries: list[int]) -> None:
    ways = rollouts(servers, WAIT)
    assert [each.upgraded for each in ways if each.kind == "canary"] == canaries
    assert ("all at once" in [each.kind for each in ways]) == (servers >= 2)


@pytest.mark.parametrize(
    ("kind", "upgraded", "design", "hours"),
    [
        ("canary", 2, "difference in differences", 4.0),
        ("new servers", 2, "side by side", 4.0),
        ("swap", 2, "crossover", 8.0),
        ("all at once", 4, "before and after", 26.0),
    ],
)
def test_the_comparison_recognises_what_is_pretended(
    fleet: Fleet, kind: Kind, upgraded: int, design: Design, hours: float
) -> None:
    rollout = Rollout(kind, upgraded, 4, WAIT / 2.0 if kind == "swap" else 0.0)
    chosen = [number < upgraded for number in range(4)]
    start = start_of(fleet)
    upgrade, candidates = pretended_upgrade(fleet, rollout, chosen, start)
    windows = upgrade.windows
    seen = windows.where(windows.time < start + hours * 3600.0)
    found = choose_design(seen, candidates, upgrade.facts, 3600.0)
    assert (found.kind, found.fault) == (design, "")


def test_a_canary_changes_names_alone(fleet: Fleet) -> None:
    start = start_of(fleet)
    upgrade, candidates = pretended_upgrade(
        fleet, Rollout("canary", 2, 4), [True, False, True, False], start
    )
    before, after = fleet.windows, upgrade.windows
    kept = before.where(before.time >= start - 24 * 3600.0)
    for name in before.sums:
        np.testing.assert_array_equal(after.column(name), kept.column(name))
    is_candidate = np.array(candidates)[after.server]
    targets = np.array([server.target for server in after.servers])[after.server]
    upgraded = np.isin(targets, ["node0", "node2"]) & (after.time >= start)
    np.testing.assert_array_equal(is_candidate, upgraded)
    releases = {server.release for server in after.servers[len(before.servers) :]}
    assert releases == {PRETENDED}


def test_new_servers_have_no_past_and_start_when_they_come(fleet: Fleet) -> None:
    start = start_of(fleet)
    upgrade, candidates = pretended_upgrade(
        fleet, Rollout("new servers", 2, 4), [True, True, False, False], start
    )
    windows = upgrade.windows
    targets = np.array([server.target for server in windows.servers])[windows.server]
    assert windows.time[np.isin(targets, ["node0", "node1"])].min() == start
    starts = [facts.starts for facts, new in zip(upgrade.facts, candidates, strict=True) if new]
    assert starts == [(start,)] * 4


def test_a_pretended_upgrade_leaves_the_fleet_as_it_was(fleet: Fleet) -> None:
    before = replace(fleet.windows, server=fleet.windows.server.copy())
    pretended_upgrade(fleet, Rollout("swap", 2, 4, WAIT / 2), [True, False] * 2, start_of(fleet))
    np.testing.assert_array_equal(fleet.windows.server, before.server)
