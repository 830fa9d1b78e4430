"""The speed index: stray windows weigh little; an effect in some batches weighs as their work."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.estimate.design import choose_design
from exporter.compare.estimate.observations import decode
from exporter.compare.estimate.speed import speed_index
from exporter.compare.fleet.arrays import Mask
from exporter.compare.fleet.windows import Fleet
from exporter.compare.statistics.effect import Effect
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
    effect = index.effect(design)
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


@pytest.mark.parametrize("factor", [1.25, 0.8])
def test_an_effect_on_few_batches_weighs_as_the_work_there(fleet: Fleet, factor: float) -> None:
    """The whole is what the candidate's work would have taken on the baseline over what it took."""
    windows = fleet.windows
    still = effect_of(fleet, np.zeros(len(windows), dtype=bool), 1.0)
    touched = treated(fleet) & (windows.batch > 64)
    moved = effect_of(fleet, touched, factor)
    spent = windows.column("decode_sequence_seconds")
    share = spent[touched].sum() / spent[treated(fleet)].sum()
    assert 0.1 < share < 0.6
    expected = still.estimate + np.log(1.0 - share + share / factor)
    assert moved.estimate == pytest.approx(expected, abs=0.008)
    # how much each hour and server worked at those batches is no noise of it
    assert moved.stderr < still.stderr + 0.003 + 0.04 * abs(moved.estimate)
