"""Each measure as observations: time per unit of work, and the load it was done under.

With speculation a step of a sequence makes as many tokens as drafts are accepted, and that hangs
on what is asked: there the unit of decoding is the step, of which each makes one token of its own.
What is accepted is a measure by itself.

Pure arithmetic. Decode, prefill and energy are compared in their batch cells; inter-token latency
at equal demand over whole windows.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..fleet.arrays import Floats, Ints, Mask
from ..fleet.windows import IDLE, Windows, collapse

_MIN_SECONDS: Final = 2.0
_MIN_TOKENS: Final = 50.0
_MIN_KNOWN_SHARE: Final = 0.9
_MAX_SATURATED_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Time per unit of work and the load it was done under, for rows of windows.

    `x` is what the curve runs over (decode batch, or tokens per second for inter-token latency);
    `loads` are the covariates that must overlap, on a log scale; `covariates` those of the curve, a
    column each; `spent` is the time or energy that the row took and `work` what it did, which
    coverage counts. `rows` marks which rows of the windows these are, `window` numbers those in
    time; `unknown` names the covariates that the engines do not report.
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


def prefill(windows: Windows) -> Observations:
    """Return seconds per computed prompt token of finished prefills over the decode batch."""
    return _per_unit(
        windows,
        windows.column("finished_prefill_seconds"),
        windows.column("finished_prefill_tokens"),
    )


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
    seconds, steps = windows.column("seconds"), steps_of(windows)
    sequences = windows.column("decode_sequence_seconds")
    with np.errstate(all="ignore"):
        batch = sequences / seconds
        x = batch if demand is None else demand
        prefill_share = windows.column("prefill_tokens") / steps
        context = windows.column("context_token_seconds") / sequences
        # a ratio of a few tokens or of a moment is mostly rounding
        rows = (seconds >= _MIN_SECONDS) & (work >= _MIN_TOKENS) & (spent > 0) & (x > 0)
        rows &= (steps > 0) & (sequences > 0) & (windows.batch != IDLE)
    x, prefill_share, context = x[rows], prefill_share[rows], context[rows]
    loads = {"decode batch" if demand is None else "demand": np.log(x)}
    columns, unknown = [], list[str]()
    # Prefill share and context are 0 at times: the offsets keep their logarithms finite, and make
    # a difference between small shares small.
    for name, values, log in (
        ("prefill share", prefill_share, np.log(np.nan_to_num(prefill_share) + 0.2)),
        ("context", context, np.log(np.maximum(np.nan_to_num(context), 1.0))),
    ):
        if len(values) and np.isfinite(values).mean() < _MIN_KNOWN_SHARE:
            unknown.append(name)
            continue
        loads[name] = log
        # a step's time grows with the prompt tokens and the context of all its sequences
        columns.append(np.nan_to_num(values) * x)
    covariates = np.stack(columns, axis=1) if columns else np.zeros((len(x), 0))
    weight = seconds[rows] / windows.width
    spent, work, time = spent[rows], work[rows], windows.time[rows]
    window = np.rint((time - time.min(initial=np.inf)) / windows.width).astype(np.int64)
    return Observations(
        x,
        spent / work,
        covariates,
        loads,
        weight,
        spent,
        work,
        rows,
        tuple(unknown),
        window,
    )
