"""The measures of recorded runs, each with its effect and verdict.

Pure arithmetic. Decode, tokens per joule and the shares of tokens become one number a run, and the
verdict follows from the spread of those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from typing import Final, TypeVar

import numpy as np

from ...vocabulary.verdict import Measure
from ..assess.criteria import Criteria, not_comparable, result_of
from ..assess.effects import MEASURES, MIN_COVERAGE
from ..assess.result import MeasureResult, PhaseEffect, RangeEffect, RequiredSampleSize, RunSpread
from ..assess.subgroups import RANGES
from ..assess.verdict import (
    estimate_of,
    holm,
    p_value,
    verdict_of,
    withdraw_chance_calls,
)
from ..estimate import observations
from ..estimate.observations import Observations
from ..fleet.arrays import Floats, Mask
from ..fleet.windows import Lookups, Windows
from .effect import MIN_RUNS, difference_of_runs, effect_of_runs, required_runs
from .index import RunIndex, run_index

_Part = TypeVar("_Part", RangeEffect, PhaseEffect)

MORE_RUNS: Final = "record more runs of each side, each from a start of the server"
_LONGER: Final = "record each run for longer, under load"
_COUNTED_AT_THE_END: Final[tuple[Measure, ...]] = ("prefill", "inter_token_latency")
_SHORT_WINDOWS: Final = (
    "the windows are shorter than requests, and what is counted when a request ends falls into "
    "another window than its work"
)


@dataclass(frozen=True, slots=True, eq=False)
class RunMeasures:
    """The results in the order of the report, and the index of each run by measure, NaN unknown."""

    results: tuple[MeasureResult, ...]
    values: Mapping[Measure, Floats]


def measure_runs(
    windows: Windows,
    lookups: Lookups | None,
    candidate: Mask,
    forbidden: Mapping[str, str],
    criteria: Criteria,
) -> RunMeasures:
    """Return every measure there is data for, decode first.

    `candidate` holds of each run whether it is the candidate's; `forbidden` maps the measures that
    may not be compared to the reason.
    """
    forbidden = {**dict.fromkeys(_COUNTED_AT_THE_END, _SHORT_WINDOWS), **forbidden}
    results = dict[Measure, MeasureResult]()
    values = dict[Measure, Floats]()
    observed: dict[Measure, Observations] = {
        "decode": observations.decode(windows),
        "prefill": observations.prefill(windows),
        "energy": observations.energy(windows),
    }
    for measure, rows in observed.items():
        if rows.rows.any() or measure == "decode":
            results[measure], values[measure] = _at_equal_load(
                measure, windows, rows, candidate, forbidden, criteria
            )
    shares: dict[Measure, Floats | None] = {
        "hit_ratio": None if lookups is None else _hit_ratio(lookups, len(candidate)),
        "speculation": _acceptance(windows, len(candidate)),
    }
    for measure, logs in shares.items():
        if logs is None or not np.isfinite(logs).any():
            continue
        if measure in forbidden:
            results[measure] = not_comparable(measure, forbidden[measure])
        else:
            results[measure] = _result(measure, logs, candidate, criteria)
    others = [results[measure] for measure in MEASURES if measure in results][1:]
    judged = withdraw_chance_calls(others, criteria.alpha, "measures judged")
    return RunMeasures((results["decode"], *judged), values)


def lacking_runs(counts: tuple[int, int]) -> str:
    """Return why so many runs of baseline and candidate give no verdict, empty where they do."""
    if min(counts) >= MIN_RUNS:
        return ""
    if max(counts) <= 1:
        return "there is one run each, and nothing tells what two runs of one side differ by"
    side = "baseline" if counts[0] < counts[1] else "candidate"
    return f"there is one run of the {side}, and nothing tells what two of its runs differ by"


def spread_of(logs: Floats, candidate: Mask) -> RunSpread:
    """Return what runs of each side differ by; unknown runs are NaN."""
    old, new = known_sides(logs, candidate)
    return RunSpread(baseline=difference_of_runs(old), candidate=difference_of_runs(new))


def known_sides(logs: Floats, candidate: Mask) -> tuple[Floats, Floats]:
    """Return the known values of the baseline's runs and of the candidate's."""
    known = np.isfinite(logs)
    return logs[known & ~candidate], logs[known & candidate]


def standing_calls(
    effects: Sequence[_Part], p_values: Sequence[float | None], alpha: float
) -> list[_Part]:
    """Return parts of a measure with the calls withdrawn that do not stand together (Holm)."""
    return [
        effect
        if stands or effect.verdict not in ("regression", "improvement")
        else effect.model_copy(update={"verdict": "inconclusive"})
        for effect, stands in zip(effects, holm(p_values, alpha), strict=True)
    ]


def _at_equal_load(
    measure: Measure,
    windows: Windows,
    observed: Observations,
    candidate: Mask,
    forbidden: Mapping[str, str],
    criteria: Criteria,
) -> tuple[MeasureResult, Floats]:
    """Return a measure compared at equal load, and its index by run."""
    logs = np.full(len(candidate), np.nan)
    if measure in forbidden:
        return not_comparable(measure, forbidden[measure]), logs
    present = np.isin(np.arange(len(candidate)), windows.server[observed.rows])
    if not present[candidate].any() or not present[~candidate].any():
        remedy = _LONGER if measure == "decode" else ""
        return not_comparable(measure, _known_in(present, candidate), remedy), logs
    index = run_index(windows, observed, candidate, windows.width)
    if index is None:
        lacking = "the baseline has too few windows with such work"
        return not_comparable(measure, lacking, _LONGER), logs
    if index.coverage < MIN_COVERAGE:
        refused = not_comparable(
            measure,
            f"only {index.coverage:.0%} of a run's work was done at batches that all runs had",
            "send every run the same load",
            code="coverage",
        )
        return refused.model_copy(update={"coverage": index.coverage}), logs
    logs[index.runs] = index.values()
    result = _result(measure, logs, candidate, criteria)
    if not present.all() and result.verdict != "not_comparable":
        result = result.model_copy(update={"reason": _known_in(present, candidate)})
    edges = [0.0, *np.unique([*index.lower, *index.upper]).tolist()]
    described = {
        "coverage": index.coverage,
        "ranges": _by_batch(index, RANGES, candidate, criteria),
        "cells": _by_batch(index, tuple(pairwise(dict.fromkeys(edges))), candidate, criteria),
    }
    return result.model_copy(update=described), logs


def _known_in(present: Mask, candidate: Mask) -> str:
    """Say in how many runs a measure is known."""
    (old, olds), (new, news) = (
        (int((present & side).sum()), int(side.sum())) for side in (~candidate, candidate)
    )
    return (
        f"there is data in {old} of {olds} runs of the baseline and in {new} of {news} of the "
        "candidate"
    )


def _result(measure: Measure, logs: Floats, candidate: Mask, criteria: Criteria) -> MeasureResult:
    """Return the result of logs by run, NaN where unknown."""
    old, new = known_sides(logs, candidate)
    if not len(old) or not len(new):
        return not_comparable(measure, _known_in(np.isfinite(logs), candidate))
    spread, effect = spread_of(logs, candidate), effect_of_runs(old, new)
    if effect is None:
        known = np.isfinite(logs)
        reason = lacking_runs((len(old), len(new))) if known.all() else _known_in(known, candidate)
        result = not_comparable(measure, reason, MORE_RUNS)
        return result.model_copy(
            update={"observed_ratio": exp(new.mean() - old.mean()), "run_spread": spread}
        )
    result, required = result_of(measure, effect, criteria), None
    if result.verdict == "inconclusive":
        runs = required_runs(old, new, criteria.margin, criteria.alpha)
        required = RequiredSampleSize(servers=runs, hours=None)
    return result.model_copy(update={"required_sample_size": required, "run_spread": spread})


def _by_batch(
    index: RunIndex,
    ranges: tuple[tuple[float, float], ...],
    candidate: Mask,
    criteria: Criteria,
) -> tuple[RangeEffect, ...]:
    """Return the effect in ranges of batch; they describe, the verdict is the whole's.

    Of several ranges some differ by chance: the calls that do not stand together (Holm) are
    withdrawn.
    """
    if not criteria.detail:
        return ()
    effects, p_values = list[RangeEffect](), list[float | None]()
    for low, high in ranges:
        cells = (index.lower >= low) & (index.upper <= high)
        if not cells.any():
            continue
        old, new = known_sides(index.values(cells), candidate[index.runs])
        effect = effect_of_runs(old, new)
        p_values.append(None if effect is None else p_value(effect))
        effects.append(
            RangeEffect(
                low=low,
                high=high,
                verdict="not_comparable"
                if effect is None
                else verdict_of(effect, criteria.margin, criteria.alpha),
                estimate=None if effect is None else estimate_of(effect, criteria.alpha),
                observed_ratio=exp(new.mean() - old.mean()) if effect is None else None,
                token_share=float(index.weights[cells].sum()),
            )
        )
    return tuple(standing_calls(effects, p_values, criteria.alpha))


def _hit_ratio(lookups: Lookups, runs: int) -> Floats:
    """Return the log of hit over looked-up tokens by run, NaN where nothing was hit."""
    queried, hit = (
        np.bincount(lookups.server, values, runs).astype(np.float64)
        for values in (lookups.queried, lookups.hit)
    )
    return _log_share(hit, queried)


def _acceptance(windows: Windows, runs: int) -> Floats:
    """Return the log of accepted over drafted tokens by run, NaN where nothing was accepted."""
    drafted, accepted = (
        np.bincount(windows.server, np.nan_to_num(windows.column(name)), runs).astype(np.float64)
        for name in ("spec_draft_tokens", "spec_accepted_tokens")
    )
    return _log_share(accepted, drafted)


def _log_share(part: Floats, total: Floats) -> Floats:
    positive = (part > 0) & (total > 0)
    logs = np.full(len(part), np.nan)
    logs[positive] = np.log(part[positive] / total[positive])
    return logs
