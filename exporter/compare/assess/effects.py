"""The measures of one comparison, each with its effect and verdict, whole and by batch range.

Pure arithmetic.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np

from ...vocabulary.verdict import Measure, Verdict
from ..estimate import measures
from ..estimate.design import Design
from ..estimate.effect import Rows, effect
from ..estimate.measures import Index, Load
from ..fleet.windows import Floats, Lookups, Mask, Windows
from .result import MeasureResult, RangeEffect, SubgroupEffect
from .shares import hits, of_share, speculation
from .terms import Terms, judged, of_whole, refused
from .verdict import estimate_of, holm, verdict_of

MEASURES: Final[tuple[Measure, ...]] = (
    "decode",
    "prefill",
    "inter_token_latency",
    "energy",
    "hit_ratio",
    "speculation",
)
"""What is compared, in the order of the report."""

LEAST_COVERAGE: Final = 0.5
LEAST_ROWS: Final = 24
RANGES: Final = ((0.0, 4.0), (4.0, 16.0), (16.0, 64.0), (64.0, 256.0), (256.0, float("inf")))
_LARGE_LATENCY: Final = 0.10


def all_measures(
    windows: Windows,
    design: Design,
    lookups: Lookups | None,
    forbidden: Mapping[str, str],
    terms: Terms,
) -> tuple[tuple[MeasureResult, ...], Index | None]:
    """Return every measure there is data for, decode first, and decode's index for the plots."""
    found, speed = list[MeasureResult](), None
    for name, load_of in (
        ("decode", measures.decode),
        ("prefill", measures.prefill),
        ("energy", measures.energy),
    ):
        measure: Measure = name  # type: ignore[assignment]
        load = load_of(windows)
        if not load.rows.any() and measure != "decode":
            continue
        result, index = at_load(measure, load, windows, design, forbidden, terms)
        found.append(result)
        speed = index if measure == "decode" else speed
    whole, load = measures.inter_token_latency(windows)
    result, _ = at_load(
        "inter_token_latency", load, whole, of_whole(windows, whole, design), forbidden, terms
    )
    found.insert(min(2, len(found)), result)
    found[0] = _by_direction(found[0], result, design)
    shares = (
        ("hit_ratio", hits(lookups, windows, design)),
        ("speculation", speculation(windows, design)),
    )
    for name, share in shares:
        if share is not None:
            found.append(of_share(name, *share, design, forbidden, terms))  # type: ignore[arg-type]
    return (found[0], *_held_together(found[1:], terms.alpha)), speed


def _held_together(found: list[MeasureResult], alpha: float) -> list[MeasureResult]:
    """Take back calls of the measures beside decode that do not stand together (Holm)."""
    told = [i for i, one in enumerate(found) if one.p_value is not None]
    kept = dict(zip(told, holm([found[i].p_value or 0.0 for i in told], alpha), strict=True))
    return [
        one.model_copy(
            update={
                "verdict": "inconclusive",
                "reason": f"of {len(told)} measures judged at once, one such effect is likely by "
                "chance (Holm)",
            }
        )
        if one.verdict in ("regression", "improvement") and not kept.get(i, True)
        else one
        for i, one in enumerate(found)
    ]


def at_load(
    measure: Measure,
    load: Load,
    windows: Windows,
    design: Design,
    forbidden: Mapping[str, str],
    terms: Terms,
) -> tuple[MeasureResult, Index | None]:
    """Return a measure compared at matched load, and its index where there is one."""
    if measure in forbidden:
        return refused(measure, forbidden[measure]), None
    index = measures.index(load, design, load.rows) if load.rows.any() else None
    if index is None:
        return refused(
            measure,
            "there are too few windows with such work",
            "wait for more traffic, or widen --window",
        ), None
    matched = index.matched
    cells = _ranges(index, design, terms, _cells(load.x))
    # demand is no batch: there is nothing to cut into batch ranges
    by_batch = measure != "inter_token_latency"
    ranges = _ranges(index, design, terms, RANGES) if by_batch else ()
    if design.fault:
        rows = _rows(index, design, np.ones(len(load.x), dtype=bool))
        told = effect(rows, design.floor, design.least)
        plain = refused(measure, design.fault, design.remedy)
        if told is None:
            return plain, index
        return plain.model_copy(
            update={
                "observed_ratio": float(np.exp(told.estimate)),
                "coverage": matched.coverage,
                "ranges": ranges,
                "cells": cells,
            }
        ), index
    if matched.coverage < LEAST_COVERAGE:
        plain = refused(
            measure,
            f"only {matched.coverage:.0%} of the candidate's work was done at loads the baseline "
            f"also saw; most of the rest differs in {matched.lacking}",
            "send both sides the same traffic, or widen the window to a time when they had it",
        )
        return plain.model_copy(update={"coverage": matched.coverage, "cells": cells}), index
    rows = _rows(index, design, np.ones(len(load.x), dtype=bool))
    told = effect(rows, design.floor, design.least)
    if told is None or (rows.weight[rows.treated > 0] > 0).sum() < LEAST_ROWS:
        plain = refused(
            measure, "the candidate has too few windows at such loads", "wait for more data"
        )
        return plain.model_copy(update={"coverage": matched.coverage}), index
    result = judged(measure, told, design, terms)
    return result.model_copy(
        update={
            "coverage": matched.coverage,
            "ranges": ranges,
            "cells": cells,
            "subgroups": _subgroups(index, design, terms) if measure == "decode" else (),
        }
    ), index


def _rows(index: Index, design: Design, mask: Mask) -> Rows:
    of_rows = index.load.rows
    return Rows(
        index.y,
        np.where(mask, index.matched.weight, 0.0),
        index.treated.astype(np.float64),
        design.node[of_rows],
        design.block[of_rows],
        design.ever,
        design.kind != "side by side",
        design.concurrent,
    )


def _cells(x: Floats) -> tuple[tuple[float, float], ...]:
    """Return the half-octave cells as (lower, upper], in the edges the exporter uses."""
    edges = sorted([0.0, *(2.0**k for k in range(14)), *(1.5 * 2.0**k for k in range(13))])
    top = float(x.max(initial=1.0))
    return tuple((low, high) for low, high in pairwise(edges) if low < top)


def _ranges(
    index: Index, design: Design, terms: Terms, ranges: tuple[tuple[float, float], ...]
) -> tuple[RangeEffect, ...]:
    found = list[RangeEffect]()
    if not terms.detail:
        return ()
    x, weight, treated = index.load.x, index.matched.weight, index.treated
    total = float(index.load.work[treated & (weight > 0)].sum())
    for low, high in ranges:
        mask = (x > low) & (x <= high)
        ours = mask & treated & (weight > 0)
        if not ours.any() or total <= 0:
            continue
        rows = _rows(index, design, mask)
        least = 3 if design.fault else LEAST_ROWS // 2
        enough = min(ours.sum(), (mask & ~treated & (weight > 0)).sum()) >= least
        told = effect(rows, design.floor, design.least) if enough else None
        sure = told is not None and not design.fault
        verdict: Verdict = (
            verdict_of(told, terms.margin, terms.alpha)
            if told and sure
            else ("not_comparable" if design.fault else "inconclusive")
        )
        found.append(
            RangeEffect(
                low=low,
                high=high,
                verdict=verdict,
                estimate=estimate_of(told, terms.alpha) if told and sure else None,
                observed_ratio=float(np.exp(told.estimate)) if told and not sure else None,
                token_share=float(index.load.work[ours].sum()) / total,
            )
        )
    return tuple(found)


def _subgroups(index: Index, design: Design, terms: Terms) -> tuple[SubgroupEffect, ...]:
    """Return the effect below and above the candidate's median prefill share and context."""
    if not terms.detail:
        return ()
    found, load = list[SubgroupEffect](), index.load
    ours = index.treated & (index.matched.weight > 0)
    names = [name for name in ("prefill share", "context") if name in load.loads]
    for column, name in enumerate(names):
        values = load.covariates[:, column] / load.x
        middle = float(np.median(values[ours]))
        told_as = f"{middle:.1f} prompt tokens a token"
        if name == "context":
            told_as = f"{middle:,.0f} tokens"
        for word, mask in (("up to", values <= middle), ("above", values > middle)):
            told = effect(_rows(index, design, mask), design.floor, design.least)
            if told is not None and (mask & ours).sum() >= LEAST_ROWS // 2:
                found.append(
                    SubgroupEffect(
                        name=f"{name} {word} {told_as}",
                        verdict=verdict_of(told, terms.margin, terms.alpha),
                        estimate=estimate_of(told, terms.alpha),
                    )
                )
    return tuple(found)


def _by_direction(decode: MeasureResult, latency: MeasureResult, design: Design) -> MeasureResult:
    """Call a change too large for the loads to overlap by its direction, if latency is clear.

    Only with concurrent controls: before and after, other traffic moves latency just so.
    """
    told = latency.estimate
    if decode.verdict != "not_comparable" or decode.coverage is None or told is None:
        return decode
    if design.fault or not design.concurrent or latency.verdict == "not_comparable":
        return decode
    verdict: Verdict
    if told.upper < 1.0 - _LARGE_LATENCY:
        verdict = "regression"
    elif told.lower > 1.0 + _LARGE_LATENCY:
        verdict = "improvement"
    else:
        return decode
    return decode.model_copy(
        update={
            "verdict": verdict,
            "direction_only": True,
            "p_value": latency.p_value,
            "reason": f"{decode.reason}; the direction is that of the time between tokens at "
            "equal demand, the size is not known",
        }
    )
