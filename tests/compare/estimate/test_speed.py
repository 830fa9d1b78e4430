"""The speed index: stray windows weigh little, an effect in some batches alone weighs in full."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.estimate.design import choose_design
from exporter.compare.estimate.observations import decode
from exporter.compare.estimate.speed import speed_index
from exporter.compare.fleet.arrays import Mask
from exporter.compare.fleet.windows import Fleet
from exporter.compare.statistics.effect import Effect, estimate_effect
from tests.sim.comparison import NEW, simulate_comparison
from tests.sim.scenario import Scenario

QUIET = Scenario(neighbours=-1.0, host_sd=0.003, wander_sd=0.003)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return simulate_comparison(3, scenario=QUIET)


def effect_of(fleet: Fleet, slowed: Mask, factor: float) -> Effect:
    """Return the effect where steps in some rows of the windows took longer by a factor."""
    windows, slower = fleet.windows, np.where(slowed, factor, 1.0)
    fewer = {name: windows.column(name) / slower for name in ("decode_tokens", "prefill_tokens")}
    windows = replace(windows, sums={**windows.sums, **fewer})
    candidate = [server.release == NEW for server in windows.servers]
    design = choose_design(windows, candidate, fleet.facts, 3600.0)
    index = speed_index(decode(windows), design)
    assert index is not None
    effect = estimate_effect(index.regression(design), design.minimum_stderr)
    assert effect is not None
    return effect


def treated(fleet: Fleet) -> Mask:
    newer = np.array([server.release == NEW for server in fleet.windows.servers])
    return np.asarray(newer[fleet.windows.server])


def test_stray_windows_weigh_little(fleet: Fleet) -> None:
    still = effect_of(fleet, np.zeros(len(fleet.windows), dtype=bool), 1.0)
    stray = treated(fleet) & (np.arange(len(fleet.windows)) % 20 == 0)
    moved = effect_of(fleet, stray, 1.5)
    # plainly averaged they would count for two percent
    assert moved.estimate == pytest.approx(still.estimate, abs=0.006)


def test_an_effect_on_few_batches_weighs_in_full(fleet: Fleet) -> None:
    windows = fleet.windows
    still = effect_of(fleet, np.zeros(len(windows), dtype=bool), 1.0)
    full = treated(fleet) & (windows.batch > 64)
    moved = effect_of(fleet, full, 1.25)
    weight = windows.column("seconds")
    share = weight[full].sum() / weight[treated(fleet)].sum()
    assert 0.05 < share < 0.5
    expected = still.estimate - share * np.log(1.25)
    assert moved.estimate == pytest.approx(expected, abs=0.012)
