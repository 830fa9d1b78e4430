"""What decoding that changed by another amount leaves in prefill is in its interval."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from exporter.compare.assess.effects import unlike_stderr
from exporter.compare.estimate import observations
from exporter.compare.estimate.mix import Mix
from exporter.compare.estimate.speed import SpeedIndex, speed_index
from exporter.compare.fleet.arrays import Floats
from exporter.compare.fleet.windows import Windows
from tests.compare.estimate.test_demand import LIVES
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


def prefill_of(rows: Windows) -> SpeedIndex:
    index = speed_index(observations.prefill(rows), chosen(rows))
    assert index is not None
    return index


def decoding_of(rows: Windows) -> SpeedIndex | None:
    observed = observations.decode(rows)
    return speed_index(observed, chosen(rows)) if observed.rows.any() else None


def stderr_of(rows: Windows, outputs: float = 1.0) -> float:
    """Return what is left where the candidate's outputs are so many times as long."""
    design, mix = chosen(rows), Mix({"outputs": outputs})
    return unlike_stderr(rows, decoding_of(rows), prefill_of(rows), design, design, mix)


@pytest.mark.parametrize("change", [Change(), Change(1.1, 1.1)])
def test_what_changed_all_of_a_step_alike_widens_nothing(change: Change) -> None:
    assert stderr_of(worked(change).windows) < 0.004


@pytest.mark.parametrize("change", [Change(prefill=1.25), Change(decode=1.15), Change(steps=1.15)])
def test_the_interval_holds_what_unlike_parts_of_a_step_make(change: Change) -> None:
    """At the batch of a release that takes longer for an output fewer prompts are together."""
    fleet = worked(change)
    true = float(np.average(fleet.true, weights=fleet.new))
    error = prefill_of(fleet.windows).change(chosen(fleet.windows)) - true
    assert 0.008 < abs(error) < 1.96 * stderr_of(fleet.windows, change.steps)


def test_without_decoding_nothing_is_known_of_it() -> None:
    rows = worked(Change(prefill=1.25)).windows
    index, design = prefill_of(rows), chosen(rows)
    silent = replace(rows, sums={**rows.sums, "decode_tokens": np.zeros(len(rows))})
    assert unlike_stderr(silent, decoding_of(silent), index, design, design, Mix({})) == 0.0


def test_drafts_are_no_tokens_of_steps_of_their_own() -> None:
    """Fewer accepted drafts are longer outputs, though a step takes as long."""
    rows = worked(Change()).windows
    new = np.array([server.release == "new" for server in rows.servers])[rows.server]
    steps = rows.column("decode_tokens")
    drafted = {
        "decode_tokens": steps * np.where(new, 1.3, 1.5),
        "spec_accepted_tokens": steps * np.where(new, 0.3, 0.5),
    }
    rows = replace(rows, sums={**rows.sums, **drafted})
    by_step = decoding_of(rows)
    assert by_step is not None
    assert abs(by_step.change(chosen(rows))) < 0.005
    assert stderr_of(rows) == pytest.approx(0.2 * np.log(1.5 / 1.3), abs=0.006)
