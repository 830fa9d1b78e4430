"""Each measure as observations: time per unit of work, and the load it was done under.

With speculation a step of a sequence makes as many tokens as drafts are accepted, and that hangs
on what is asked: there the unit of decoding is the step, of which each makes one token of its own.
What is accepted is a measure by itself.

Pure arithmetic. Decode, prefill and energy are compared in their batch cells; inter-token latency
at equal demand over whole windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..fleet.arrays import Floats, Ints, Mask
from ..fleet.windows import IDLE, Windows, collapse

_MIN_SECONDS: Final = 2.0
_MIN_TOKENS: Final = 50.0
_MIN_KNOWN_SHARE: Final = 0.9
_MAX_SATURATED_SHARE: Final = 0.05
_MOSTLY_SATURATED: Final = 0.5
_MAX_PREFILLING: Final = 0.95
_ITERATIONS: Final = 30


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Time per unit of work and the load it was done under, for rows of windows.

    `x` is what the curve runs over (decode batch, or tokens per second for inter-token latency);
    `loads` are the covariates that must overlap, on a log scale; `covariates` those of the curve, a
    column each; `spent` is the time or energy that the row took and `work` what it did, which
    coverage counts. `weight` is 0 where that work cannot be compared. `rows` marks which rows of
    the windows these are, `window` numbers those in time; `unknown` names the covariates that the
    engines do not report.
    """

    x: Floats
    time: Floats
    covariates: Floats
    loads: dict[str, Floats]
    weight: Floats
    spent: Floats
    work: Floats
    rows: Mask
    unknown: tuple[str, ...]
    window: Ints

    def where(self, mask: Mask) -> "Observations":
        """Return the observations of a mask, which has an entry for each of them."""
        rows = self.rows.copy()
        rows[np.flatnonzero(rows)[~mask]] = False
        return Observations(
            self.x[mask],
            self.time[mask],
            self.covariates[mask],
            {name: values[mask] for name, values in self.loads.items()},
            self.weight[mask],
            self.spent[mask],
            self.work[mask],
            rows,
            self.unknown,
            self.window[mask],
        )


def steps_of(windows: Windows) -> Floats:
    """Return the steps that decoding sequences took: tokens, less the drafts that were accepted."""
    accepted = np.nan_to_num(windows.column("spec_accepted_tokens"))
    return np.asarray(windows.column("decode_tokens") - accepted)


def decode(windows: Windows) -> Observations:
    """Return sequence-seconds per decoded token, or step, over the decode batch.

    By Little's law the mean number of sequences is their rate times their mean time: sequence
    seconds over tokens are the mean time a sequence takes for a token, without any histogram.
    """
    return _per_unit(windows, windows.column("decode_sequence_seconds"), steps_of(windows))


def energy(windows: Windows) -> Observations:
    """Return joules per step of the whole batch, of metered time, over the decode batch.

    A step's joules grow with its prompt tokens and its context as its time does. Those of a token
    are a batch-th of them: falling as steep as one over the batch, which hats do not follow, and
    growing with the prefill share itself.
    """
    with np.errstate(all="ignore"):
        metered = windows.column("metered_decode_tokens") / windows.column("decode_tokens")
    per_token = _per_unit(windows, windows.column("joules"), metered * steps_of(windows))
    return replace(per_token, time=per_token.time * per_token.x)


def prefill(windows: Windows, step: Floats | None = None) -> Observations:
    """Return seconds per computed prompt token of finished prefills, over prompts in like steps.

    Each prompt of a step takes all of its time, so that speed hangs on how many come together:
    those that arrive while a step runs. A release that is slower at either part of a step changes
    that by itself, at the same batch and the same traffic. So the curve runs over the
    prompts that arrive beside one (`prompts_a_step`); `step` is what a step that only decodes takes
    on the baseline, of each whole window in seconds, which each prompt waits for as well.

    Where requests wait for most of a window, the engine lets prompts in as others end, whatever
    arrives: such windows have no weight. What is counted when a request ends lies in another cell
    than its work: a row is a whole window here, and `rows` marks the first of each.
    """
    whole = collapse(windows)
    seconds, sequences = whole.column("seconds"), whole.column("decode_sequence_seconds")
    spent = whole.column("finished_prefill_seconds")
    with np.errstate(all="ignore"):
        length = whole.column("prefill_tokens") / whole.column("first_tokens")
        length = np.where(length > 0, length, np.nan)
        context = whole.column("context_token_seconds") / sequences
        prompts = prompts_a_step(
            whole.column("first_tokens") / seconds, sequences / steps_of(whole), spent / seconds
        )
        # a prompt token attends to those before it
        covariates = [_Covariate("context", _log_context(context), context)]
        if step is not None:
            covariates.append(_Covariate("prompt length", None, step / length))
    observed = _observed(
        whole,
        spent,
        whole.column("finished_prefill_tokens"),
        ("prompts a step", prompts),
        covariates,
    )
    waiting = np.nan_to_num(whole.column("saturated_seconds"))[observed.rows]
    saturated = waiting >= _MOSTLY_SATURATED * seconds[observed.rows]
    rows = np.zeros(len(windows), dtype=bool)
    rows[windows.first_rows()[observed.rows]] = True
    return replace(observed, rows=rows, weight=np.where(saturated, 0.0, observed.weight))


def prompts_a_step(rate: Floats, step: Floats, in_prefill: Floats) -> Floats:
    """Return how many prompts arrive during the step that one arrives in.

    `rate` is prompts a second n, `step` the mean seconds of a step t, `in_prefill` the prompts in
    prefill q on the mean, which by Little's law each spend q / n there. A prompt arrives in a step
    of prefill by the share f of time that these take, else in one of decoding, of d seconds: with
    c prompts beside it, f (1 + c) = q, 1 / t = (1 - f) / d + f n / q, and c = n (1 - f) d + f q,
    for arrivals at random (a step's length as an arrival sees it: Wolff, Poisson arrivals see time
    averages, Operations Research 30, 1982). Solved by damped iteration.
    """
    prompts = rate * step
    for _ in range(_ITERATIONS):
        prefilling = np.minimum(in_prefill / (1.0 + prompts), _MAX_PREFILLING)
        of_decoding = 1.0 / step - prefilling * rate / in_prefill
        # steps of prefill are the longer ones
        decoding = np.where(of_decoding > 0, (1.0 - prefilling) / of_decoding, step)
        decoding = np.minimum(decoding, step)
        arriving = rate * (1.0 - prefilling) * decoding + prefilling * in_prefill
        prompts = 0.5 * (prompts + arriving)
    return np.asarray(prompts)


def inter_token_latency(windows: Windows) -> tuple[Windows, Observations]:
    """Return whole windows, and seconds per decoded token, or step, over the rate demanded.

    At equal demand a slower release also runs a larger batch, so that its latency changes by more
    than its speed at equal batch does. Windows that were saturated are left out: there the engine
    decides the rate, not the demand.
    """
    whole = collapse(windows)
    seconds = whole.column("seconds")
    saturated = np.nan_to_num(whole.column("saturated_seconds")) / seconds
    steps = steps_of(whole)
    with np.errstate(all="ignore"):
        rate = steps / seconds
    observations = _per_unit(whole, whole.column("decode_sequence_seconds"), steps, demand=rate)
    unsaturated = saturated[observations.rows] < _MAX_SATURATED_SHARE
    return whole, observations.where(unsaturated)


def _per_unit(
    windows: Windows, spent: Floats, work: Floats, demand: Floats | None = None
) -> Observations:
    """Return what was spent per unit of work, over the decode batch or over a demand."""
    steps, sequences = steps_of(windows), windows.column("decode_sequence_seconds")
    with np.errstate(all="ignore"):
        batch = sequences / windows.column("seconds")
        name, x = ("decode batch", batch) if demand is None else ("demand", demand)
        prefill_share = windows.column("prefill_tokens") / steps
        context = windows.column("context_token_seconds") / sequences
        # Prefill share and context are 0 at times: the offsets keep their logarithms finite, and
        # make a difference between small shares small. A step's time grows with the prompt tokens
        # and the context of all its sequences.
        log_share = np.log(np.nan_to_num(prefill_share) + 0.2)
        covariates = (
            _Covariate("prefill share", log_share, prefill_share * x),
            _Covariate("context", _log_context(context), context * x),
        )
    return _observed(windows, spent, work, (name, x), covariates)


@dataclass(frozen=True, slots=True, eq=False)
class _Covariate:
    """A load beside the one that the curve runs over: its log, and the column of the curve.

    The column is NaN where it is unknown; the log is None where the sides need not overlap in it.
    """

    name: str
    log: Floats | None
    column: Floats


def _log_context(context: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(np.nan_to_num(context), 1.0)))


def _observed(
    windows: Windows,
    spent: Floats,
    work: Floats,
    load: tuple[str, Floats],
    covariates: Sequence[_Covariate],
) -> Observations:
    """Return what was spent per unit of work, over a load with its name."""
    seconds, (name, x) = windows.column("seconds"), load
    steps, sequences = steps_of(windows), windows.column("decode_sequence_seconds")
    with np.errstate(invalid="ignore"):
        # a ratio of a few tokens or of a moment is mostly rounding
        rows = (seconds >= _MIN_SECONDS) & (work >= _MIN_TOKENS) & (spent > 0) & (x > 0)
        rows &= (steps > 0) & (sequences > 0) & (windows.batch != IDLE)
        rows &= np.isfinite(x)
    x = x[rows]
    loads = {name: np.log(x)}
    columns, unknown = [], list[str]()
    for covariate in covariates:
        column = covariate.column[rows]
        if len(column) and np.isfinite(column).mean() < _MIN_KNOWN_SHARE:
            unknown.append(covariate.name)
            continue
        if covariate.log is not None:
            loads[covariate.name] = covariate.log[rows]
        columns.append(np.nan_to_num(column))
    time = windows.time[rows]
    return Observations(
        x,
        spent[rows] / work[rows],
        np.stack(columns, axis=1) if columns else np.zeros((len(x), 0)),
        loads,
        seconds[rows] / windows.width,
        spent[rows],
        work[rows],
        rows,
        tuple(unknown),
        np.rint((time - time.min(initial=np.inf)) / windows.width).astype(np.int64),
    )
