"""Each measure as what a regression sees: outcome, load, weight.

Pure arithmetic. Decode, prefill and energy are compared in their batch cells; inter-token latency
at equal demand over whole windows; shares (speculation) as differences of their rates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..fleet.windows import IDLE, Floats, Mask, Windows, collapse
from .curve import Curve, fit
from .design import Design
from .matching import LEAST_ROWS, Matched, concurrent, reweighted

_LEAST_SECONDS: Final = 2.0
_LEAST_TOKENS: Final = 50.0
_KNOWN: Final = 0.9
_SATURATED: Final = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """Time per unit of work and the load it was done under, for rows of windows.

    `x` is what the curve runs over (decode batch, or tokens per second for inter-token latency);
    `loads` are the covariates that must overlap, on a log scale; `covariates` those of the curve, a
    column each; `work` what coverage counts. `rows` says which rows of the windows these are.
    """

    x: Floats
    time: Floats
    covariates: Floats
    loads: dict[str, Floats]
    weight: Floats
    work: Floats
    rows: Mask
    unknown: tuple[str, ...]


def decode(windows: Windows) -> Load:
    """Return sequence-seconds per decoded token over the decode batch (Little's law)."""
    return _per_token(windows, windows.column("decode_sequence_seconds"), "decode_tokens")


def energy(windows: Windows) -> Load:
    """Return joules per decoded token of metered time over the decode batch."""
    return _per_token(windows, windows.column("joules"), "metered_decode_tokens")


def prefill(windows: Windows) -> Load:
    """Return seconds per computed prompt token of finished prefills over the decode batch."""
    return _per_token(
        windows, windows.column("finished_prefill_seconds"), "finished_prefill_tokens"
    )


def inter_token_latency(windows: Windows) -> tuple[Windows, Load]:
    """Return whole windows, and seconds per decoded token over the tokens per second demanded.

    Windows that were saturated are left out: there the engine decides the rate, not the demand.
    """
    whole = collapse(windows)
    saturated = np.nan_to_num(whole.column("saturated_seconds")) / whole.column("seconds")
    with np.errstate(all="ignore"):
        rate = whole.column("decode_tokens") / whole.column("seconds")
    found = _per_token(whole, whole.column("decode_sequence_seconds"), "decode_tokens", rate)
    return whole, _only(found, saturated[found.rows] < _SATURATED)


def _per_token(windows: Windows, spent: Floats, counted: str, over: Floats | None = None) -> Load:
    seconds, tokens = windows.column("seconds"), windows.column("decode_tokens")
    sequences, work = windows.column("decode_sequence_seconds"), windows.column(counted)
    with np.errstate(all="ignore"):
        batch = sequences / seconds
        x = batch if over is None else over
        share = windows.column("prefill_tokens") / tokens
        context = windows.column("context_token_seconds") / sequences
        rows = (seconds >= _LEAST_SECONDS) & (work >= _LEAST_TOKENS) & (spent > 0) & (x > 0)
        rows &= (tokens > 0) & (sequences > 0) & (windows.batch != IDLE)
    x, share, context = x[rows], share[rows], context[rows]
    loads = {"decode batch" if over is None else "demand": np.log(x)}
    columns, unknown = [], list[str]()
    for name, values, log in (
        ("prefill share", share, np.log(np.nan_to_num(share) + 0.2)),
        ("context", context, np.log(np.maximum(np.nan_to_num(context), 1.0))),
    ):
        if len(values) and np.isfinite(values).mean() < _KNOWN:
            unknown.append(name)
            continue
        loads[name] = log
        columns.append(np.nan_to_num(values) * x)
    covariates = np.stack(columns, axis=1) if columns else np.zeros((len(x), 0))
    weight = seconds[rows] / windows.width
    return Load(
        x, spent[rows] / work[rows], covariates, loads, weight, work[rows], rows, tuple(unknown)
    )


def _only(load: Load, mask: Mask) -> Load:
    rows = load.rows.copy()
    rows[np.flatnonzero(rows)[~mask]] = False
    return Load(
        load.x[mask],
        load.time[mask],
        load.covariates[mask],
        {name: values[mask] for name, values in load.loads.items()},
        load.weight[mask],
        load.work[mask],
        rows,
        load.unknown,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Log of (time expected on the baseline's curve / time seen) by row, and the matching.

    Above 0 is faster than the baseline at the same load. Arrays are parallel to the load's rows.
    """

    load: Load
    y: Floats
    treated: Mask
    matched: Matched
    curve: Curve


_MATCH: Final[Mapping[bool, Callable[..., Matched]]] = {True: concurrent, False: reweighted}


def index(load: Load, design: Design, of_rows: Mask) -> Index | None:
    """Fit the baseline's curve and match; None where the baseline has too few rows.

    `of_rows` are the design's rows that stand behind the load's rows.
    """
    treated, keep = design.treated[of_rows], design.keep[of_rows]
    weight = np.where(keep, load.weight, 0.0)
    baseline = (weight > 0) & ~treated
    # with a fault there is no verdict, and what is shown only describes
    least, times = (0.5, 1) if design.fault else (LEAST_ROWS, 2)
    if baseline.sum() < times * _columns(load) or not (treated & (weight > 0)).any():
        return None
    curve = fit(load.x[baseline], load.covariates[baseline], load.time[baseline], weight[baseline])
    cell = np.floor(2.0 * np.log2(load.x)).astype(np.int64)
    cell -= cell.min()
    expected = curve.at(load.x, load.covariates)
    usable = (weight > 0) & (expected > 0)
    matched = _MATCH[design.concurrent](
        load.loads,
        np.where(usable, weight, 0.0),
        treated,
        np.where(keep, load.work, 0.0),
        cell,
        least,
    )
    y = np.log(np.where(usable, expected, load.time) / load.time)
    return Index(load, y, treated, matched, curve)


def _columns(load: Load) -> int:
    return len(np.unique(np.floor(2.0 * np.log2(load.x)))) + int(load.covariates.shape[1])
