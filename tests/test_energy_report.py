"""Joules per token of the recordings: the phases add up to the counter, and stand to reason."""

import pytest

from scripts.energy import BETWEEN, counted, phases
from tests.conftest import H200, RECORDINGS, cached_load


@pytest.mark.parametrize("name", H200)
def test_the_phases_add_up_to_the_counter(name: str) -> None:
    recording = cached_load(RECORDINGS[name])
    found = phases(recording)
    assert sum(phase.joules for phase in found) == pytest.approx(counted(recording), rel=1e-9)
    samples = [sample for sample in recording.nvml if "t" in sample]
    assert sum(phase.seconds for phase in found) == pytest.approx(
        samples[-1]["t"] - samples[0]["t"], rel=1e-9
    )


@pytest.mark.parametrize("name", H200)
def test_a_larger_batch_costs_less_energy_a_token(name: str) -> None:
    found = {phase.name: phase for phase in phases(cached_load(RECORDINGS[name]))}
    each = [found[n].joules / found[n].generated for n in ("single", "small", "medium", "full")]
    assert each == sorted(each, reverse=True)
    assert found[BETWEEN].watts < min(one.watts for n, one in found.items() if n != BETWEEN)
    assert all(phase.watts < 705 for phase in found.values())
