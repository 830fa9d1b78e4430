"""Speed at equal demand and energy follow from the same curve, whatever is asked."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.compare.estimate import observations
from exporter.compare.estimate.demand import at_equal_demand
from exporter.compare.estimate.observations import Observations
from exporter.compare.estimate.speed import speed_index
from exporter.compare.fleet.arrays import Floats
from exporter.compare.fleet.windows import Windows
from tests.compare.estimate.test_design import chosen, windows

_LAUNCH, _SEQUENCE, _PROMPT = 0.010, 1e-4, 3e-5
"""Seconds of a step, of a sequence in it, and of a prompt token computed in it."""
LIVES = [
    *((n, "old", 0.0, 30.0) for n in "abcd"),
    *((n, "old", 0.0, 24.0) for n in "efgh"),
    *((n, "new", 24.0, 30.0) for n in "efgh"),
]


def _step_seconds(demand: Floats, prompt: Floats, slower: Floats) -> Floats:
    """Return the step's time that a demand of steps a second settles at, in closed form.

    B = r t and t = (launch + (sequence + prompt q) B) slower.
    """
    return _LAUNCH * slower / (1.0 - demand * (_SEQUENCE + _PROMPT * prompt) * slower)


def worked(*, slower: float = 1.0, prompt: float = 1.0, rate: float = 1100.0) -> Windows:
    """Return what servers did of a demand around a rate of steps a second, over a day and more.

    The candidate takes `slower` times as long for a step, and gets `prompt` times as many prompt
    tokens for each of them. Both sides see the same demand.
    """
    fleet = windows(*LIVES)
    random = np.random.default_rng(7)
    new = np.array([server.release == "new" for server in fleet.servers])[fleet.server]
    day = 1.0 + 0.5 * np.sin(2.0 * np.pi * fleet.time / 86400.0)
    demand = rate * day * np.exp(0.2 * random.standard_normal(len(day)))
    share = 4.0 * np.exp(0.2 * random.standard_normal(len(day))) * np.where(new, prompt, 1.0)
    seconds = _step_seconds(demand, share, np.where(new, slower, 1.0))
    batch = demand * seconds
    # a prompt token's time takes more power than the rest of a step, and that more in full batches
    of_prompts = _PROMPT * share * batch * np.where(new, slower, 1.0)
    watts = 150.0 + 200.0 * batch / (batch + 24.0)
    joules = 570.0 * of_prompts + watts * (seconds - of_prompts)
    second = np.full(len(day), fleet.width)
    counted = {
        "seconds": second,
        "decode_tokens": demand * second,
        "metered_decode_tokens": demand * second,
        "decode_sequence_seconds": batch * second,
        "prefill_tokens": share * demand * second,
        "context_token_seconds": 2000.0 * batch * second,
        "saturated_seconds": 0.0 * second,
        "joules": joules * demand / batch * second,
    }
    return replace(fleet, batch=2.0 ** np.ceil(np.log2(batch)), sums=counted)


def effect_over(rows: Windows, observed: Observations) -> float:
    """Return the effect as it is estimated over the loads of some observations."""
    index = speed_index(observed, chosen(rows))
    assert index is not None
    effect = index.effect(chosen(rows))
    assert effect is not None
    return effect.estimate


def effect_at_equal_demand(rows: Windows) -> float:
    index = speed_index(observations.decode(rows), chosen(rows))
    assert index is not None
    demand = at_equal_demand(index, rows)
    assert demand is not None
    effect = demand.speed.effect(chosen(rows))
    assert effect is not None
    return effect.times(demand.amplification).estimate


@pytest.mark.parametrize("slower", [1.0, 1.05, 1.15])
def test_a_slower_release_is_slower_twice_at_equal_demand(slower: float) -> None:
    rows = worked(slower=slower)
    candidate = np.array([server.release == "new" for server in rows.servers])[rows.server]
    demand = rows.column("decode_tokens")[candidate] / rows.width
    share = (rows.column("prefill_tokens") / rows.column("decode_tokens"))[candidate]
    one = np.ones(len(demand))
    before, after = (_step_seconds(demand, share, factor * one) for factor in (1.0, slower))
    true = float(np.mean(np.log(before / after)))
    assert slower == 1.0 or true < -1.2 * np.log(slower)
    assert effect_at_equal_demand(rows) == pytest.approx(true, abs=0.1 * abs(true) + 0.002)


def test_longer_prompts_are_no_change_at_equal_demand() -> None:
    rows = worked(prompt=1.4)
    assert effect_at_equal_demand(rows) == pytest.approx(0.0, abs=0.005)
    # what prompts add grows with the batch, so that a slope over the demand takes it for slowness
    direct = observations.inter_token_latency(rows)[1]
    assert effect_over(rows, direct) < -0.015


@pytest.mark.parametrize("prompt", [0.7, 1.0, 1.4])
def test_prompts_of_another_length_are_no_change_of_energy(prompt: float) -> None:
    rows = worked(prompt=prompt)
    assert effect_over(rows, observations.energy(rows)) == pytest.approx(0.0, abs=0.006)


def test_a_slower_release_takes_more_energy() -> None:
    rows = worked(slower=1.05)
    assert effect_over(rows, observations.energy(rows)) == pytest.approx(-np.log(1.05), abs=0.006)


def test_rows_at_saturation_tell_nothing_of_demand() -> None:
    rows = worked()
    index = speed_index(observations.decode(rows), chosen(rows))
    assert index is not None
    queued = rows.column("seconds") * (rows.column("decode_tokens") > 1300.0 * rows.width)
    partly = at_equal_demand(index, replace(rows, sums={**rows.sums, "saturated_seconds": queued}))
    assert partly is not None
    assert not (partly.speed.matching.weight[queued[index.observations.rows] > 0] > 0).any()
    assert 0.0 < partly.speed.matching.coverage < index.matching.coverage
    everywhere = {**rows.sums, "saturated_seconds": rows.column("seconds")}
    assert at_equal_demand(index, replace(rows, sums=everywhere)) is None
