"""The speed index: stray windows weigh little; an effect in some batches weighs as their work.

What other loads and noisy neighbours of before leave unknown is in its variance.
"""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.estimate.design import Design, choose_design
from exporter.compare.estimate.observations import decode
from exporter.compare.estimate.speed import SpeedIndex, speed_index, transient_variance
from exporter.compare.fleet.arrays import Mask
from exporter.compare.fleet.windows import Fleet
from exporter.compare.statistics.effect import Effect
from tests.sim.comparison import NEW, START, simulate_comparison
from tests.sim.scenario import Scenario

QUIET = Scenario(neighbours=-1.0, host_sd=0.003, wander_sd=0.003)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return simulate_comparison(3, scenario=QUIET)


def index_of(fleet: Fleet, slowed: Mask, factor: float) -> tuple[SpeedIndex, Design]:
    """Return the index where steps in some rows of the windows took longer by a factor."""
    windows, slower = fleet.windows, np.where(slowed, factor, 1.0)
    fewer = {name: windows.column(name) / slower for name in ("decode_tokens", "prefill_tokens")}
    windows = replace(windows, sums={**windows.sums, **fewer})
    candidate = [server.release == NEW for server in windows.servers]
    design = choose_design(windows, candidate, fleet.facts, 3600.0)
    index = speed_index(decode(windows), design)
    assert index is not None
    return index, design


def effect_of(fleet: Fleet, slowed: Mask, factor: float) -> Effect:
    """Return the effect where steps in some rows of the windows took longer by a factor."""
    index, design = index_of(fleet, slowed, factor)
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


def test_a_neighbour_that_was_noisy_before_hardly_widens_a_short_watch(fleet: Fleet) -> None:
    """The effect weights such windows down, and so does the variance that is taken of the past."""
    windows = fleet.windows
    before = (windows.time > START - 8 * 3600.0) & (windows.time < START - 7 * 3600.0)
    episode = (windows.server == windows.server[0]) & before
    assert episode.any()
    quiet, noisy = (transient_variance(*index_of(fleet, episode, factor)) for factor in (1.0, 1.3))
    assert quiet is not None
    assert noisy is not None
    assert noisy.value < 4.0 * quiet.value


def test_a_load_that_the_baseline_never_had_is_known_less_well(fleet: Fleet) -> None:
    """A started server's caches are cold: its prefill share is outside what the slopes show."""
    windows = fleet.windows
    colder = np.where(treated(fleet), 1.4, 1.0)
    sums = {**windows.sums, "prefill_tokens": windows.column("prefill_tokens") * colder}
    still = np.zeros(len(windows), dtype=bool)
    curve_stderr = []
    for each in (fleet, replace(fleet, windows=replace(windows, sums=sums))):
        index, design = index_of(each, still, 1.0)
        with_curve, without = (
            known.effect(design)
            for known in (index, replace(index, curve_error=0.0 * index.curve_error))
        )
        assert with_curve is not None
        assert without is not None
        curve_stderr.append(np.sqrt(with_curve.stderr**2 - without.stderr**2))
    assert curve_stderr[1] > 2.0 * curve_stderr[0]
