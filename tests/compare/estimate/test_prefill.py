"""Prefill is compared where as many prompts are together, whatever part of a step changed."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from exporter.compare.estimate import observations
from exporter.compare.estimate.demand import decoding_seconds
from exporter.compare.estimate.mix import unlike_stderr
from exporter.compare.estimate.observations import Observations
from exporter.compare.estimate.speed import SpeedIndex, speed_index
from exporter.compare.fleet.arrays import Floats
from exporter.compare.fleet.windows import Windows
from tests.compare.estimate.test_demand import LIVES, effect_over
from tests.compare.estimate.test_design import chosen, windows

_LAUNCH, _SEQUENCE, _TOKEN = 0.010, 2e-5, 4e-5
"""Seconds of a decoding step, of a sequence in it, and of a prompt token."""
_PROMPT = 1500.0
_OUTPUT = 400.0


class Change(NamedTuple):
    """How many times as long the candidate decodes and computes prompts, and steps it takes."""

    decode: float = 1.0
    prefill: float = 1.0
    steps: float = 1.0


class Fleet(NamedTuple):
    """What servers did, and the log of the old release's time over it for the same steps."""

    windows: Windows
    true: Floats
    new: Floats


def worked(change: Change) -> Fleet:
    """Return what servers did that share steps between the prompts that come during a step.

    Of n prompts a second, n t come during a step of t seconds: prompts come in steps of prefill
    by the share of time spent in these, else in steps of decoding. Solved by iteration, as the
    batch and the share follow from the times.
    """
    fleet = windows(*LIVES)
    random = np.random.default_rng(11)
    new = np.array([server.release == "new" for server in fleet.servers])[fleet.server]
    day = 1.0 + 0.5 * np.sin(2.0 * np.pi * fleet.time / 86400.0)
    prompts = 4.0 * day * np.exp(0.2 * random.standard_normal(len(day)))
    steps = _OUTPUT * np.where(new, change.steps, 1.0)
    decode, token = np.where(new, change.decode, 1.0), _TOKEN * np.where(new, change.prefill, 1.0)
    batch, others, share = np.full(len(day), 16.0), np.zeros(len(day)), np.full(len(day), 0.2)
    for _ in range(60):
        step = (_LAUNCH + _SEQUENCE * batch) * decode
        alone = _LAUNCH + _SEQUENCE * batch
        seconds = step + token * _PROMPT * (1.0 + others)
        others = prompts * ((1.0 - share) * step + share * seconds)
        share = np.minimum(prompts * seconds / (1.0 + others), 0.95)
        mean = 1.0 / ((1.0 - share) / step + share / seconds)
        batch = 0.5 * batch + 0.5 * prompts * steps * mean
    seconds = seconds * np.exp(0.02 * random.standard_normal(len(day)))
    baseline = seconds * (alone + _TOKEN * _PROMPT * (1.0 + others))
    baseline = baseline / (step + token * _PROMPT * (1.0 + others))
    second = np.full(len(day), fleet.width)
    counted = {
        "seconds": second,
        "decode_tokens": prompts * steps * second,
        "decode_sequence_seconds": batch * second,
        "context_token_seconds": 2000.0 * batch * second,
        "first_tokens": prompts * second,
        "prefill_tokens": _PROMPT * prompts * second,
        "finished_prefill_tokens": _PROMPT * prompts * second,
        "finished_prefill_seconds": seconds * prompts * second,
        "saturated_seconds": 0.0 * second,
    }
    rows = replace(fleet, batch=2.0 ** np.ceil(np.log2(batch)), sums=counted)
    return Fleet(rows, np.log(baseline / seconds), new.astype(np.float64))


def true_of(fleet: Fleet) -> float:
    return float(np.average(fleet.true, weights=fleet.new))


def at_equal_batch(rows: Windows) -> Observations:
    """Return prefill as the curve of decoding would have it: over the batch, by prefill share."""
    decode = observations.decode(rows)
    spent, work = (
        rows.column(name)[decode.rows]
        for name in ("finished_prefill_seconds", "finished_prefill_tokens")
    )
    return replace(decode, time=spent / work, spent=spent, work=work)


def decode_of(rows: Windows) -> SpeedIndex:
    index = speed_index(observations.decode(rows), chosen(rows))
    assert index is not None
    return index


def prefill_of(rows: Windows) -> Observations:
    return observations.prefill(rows, decoding_seconds(decode_of(rows), rows))


def index_of(rows: Windows) -> SpeedIndex:
    index = speed_index(prefill_of(rows), chosen(rows))
    assert index is not None
    return index


@pytest.mark.parametrize(
    "change",
    [
        Change(),
        Change(1.05, 1.05),
        Change(decode=1.1),
        Change(prefill=1.1),
        Change(prefill=1.25),
        Change(steps=1.15),
    ],
)
def test_the_parts_of_a_step_may_change_unlike(change: Change) -> None:
    fleet = worked(change)
    estimate = effect_over(fleet.windows, prefill_of(fleet.windows))
    assert estimate == pytest.approx(true_of(fleet), abs=0.012)


@pytest.mark.parametrize("change", [Change(prefill=1.25), Change(steps=1.15)])
def test_equal_batches_hold_other_prompts(change: Change) -> None:
    fleet = worked(change)
    estimate = effect_over(fleet.windows, at_equal_batch(fleet.windows))
    assert abs(estimate - true_of(fleet)) > 0.02


def test_what_is_known_less_where_steps_changed_unlike_widens_the_interval() -> None:
    alike, unlike = (
        unlike_stderr(decode_of(rows), index_of(rows), chosen(rows))
        for rows in (worked(Change(1.1, 1.1)).windows, worked(Change(prefill=1.25)).windows)
    )
    assert alike == pytest.approx(0.1 * np.log(1.1), abs=0.002)
    assert 0.02 < unlike < 0.03
    rows = worked(Change()).windows
    assert unlike_stderr(None, index_of(rows), chosen(rows)) < 0.001


def test_a_row_is_a_whole_window() -> None:
    """Cells of one window are added up: what ends in one was computed in another."""
    rows = worked(Change()).windows
    halves = {name: np.concatenate([0.4 * v, 0.6 * v]) for name, v in rows.sums.items()}
    split = Windows(
        rows.servers,
        np.concatenate([rows.server, rows.server]),
        np.concatenate([rows.time, rows.time]),
        np.concatenate([rows.batch, 2.0 * rows.batch]),
        rows.width,
        halves,
    )
    whole, cells = prefill_of(rows), observations.prefill(split)
    assert cells.rows.sum() == len(rows)
    assert len(cells.rows) == 2 * len(rows)
    assert np.sort(cells.x) == pytest.approx(np.sort(whole.x))
    assert np.sort(cells.time) == pytest.approx(np.sort(whole.time))


def test_windows_in_which_requests_wait_have_no_weight() -> None:
    rows, _, new = worked(Change())
    busy = rows.column("first_tokens") > 6.0 * rows.width
    # the engine lets them in one by one, so that fewer are together
    seconds = rows.column("finished_prefill_seconds") * np.where(busy & (new > 0), 0.7, 1.0)
    waiting = np.where(busy, 0.8, 0.2) * rows.column("seconds")
    changed = {**rows.sums, "finished_prefill_seconds": seconds, "saturated_seconds": waiting}
    queued = replace(rows, sums=changed)
    index = index_of(queued)
    assert not (index.matching.weight[busy] > 0).any()
    assert 0.5 < index.matching.coverage < 0.95
    assert index.matching.lacking == "whether requests waited"
    estimate = effect_over(queued, prefill_of(queued))
    assert estimate == pytest.approx(0.0, abs=0.01)


def test_how_many_prompts_a_step_has() -> None:
    """Steps of 10 ms, and of 100 ms with a prompt; 2 a second arrive."""
    arrived, decoding, together = 2.0, 0.010, 0.0
    for _ in range(50):
        share = arrived * 0.1 / (1.0 + together)
        together = arrived * ((1.0 - share) * decoding + share * 0.1)
    mean = 1.0 / ((1.0 - share) / decoding + share / 0.1)
    rate, step, in_prefill = (np.array([value]) for value in (arrived, mean, arrived * 0.1))
    prompts = observations.prompts_a_step(rate, step, in_prefill)
    assert prompts == pytest.approx(together, rel=1e-6)
    # the same ten times as fast, with ten times the traffic
    faster = observations.prompts_a_step(10.0 * rate, 0.1 * step, in_prefill)
    assert faster == pytest.approx(prompts)
    # prefill in steps that nothing decodes in
    assert np.isfinite(observations.prompts_a_step(rate, np.array([0.5]), in_prefill)).all()


def test_prompts_that_nobody_counted_are_no_load() -> None:
    rows = worked(Change()).windows.without("first_tokens")
    assert not observations.prefill(rows).rows.any()


def test_a_step_of_decoding_takes_what_the_baseline_took() -> None:
    rows, _, new = worked(Change(decode=1.1))
    index = decode_of(rows)
    seconds = decoding_seconds(index, rows)
    alike = worked(Change()).windows
    assert seconds[new == 0] == pytest.approx(
        decoding_seconds(decode_of(alike), alike)[new == 0], rel=1e-6
    )
    # at no load that both had, it is still known what the baseline took
    nothing = replace(index, reference=np.zeros(len(index.reference)))
    assert decoding_seconds(nothing, rows) == pytest.approx(seconds)
    idle = replace(rows, sums={**rows.sums, "decode_sequence_seconds": np.zeros(len(rows))})
    assert np.isnan(decoding_seconds(index, idle)).all()
