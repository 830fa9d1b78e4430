"""The measures of one comparison, each with its effect and verdict, whole and by batch range.

Pure arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from . import measures
from .design import Design
from .estimate import Effect, Rows, effect
from .measures import Index, Load, Measure
from .result import MeasureResult, RangeEffect, RegimeEffect, Verdict
from .verdict import detectable, estimate_of, needed, p_value, verdict_of
from .windows import Floats, Ints, Lookups, Mask, Windows, collapse

LEAST_COVERAGE: Final = 0.5
LEAST_ROWS: Final = 24
RANGES: Final = ((0.0, 4.0), (4.0, 16.0), (16.0, 64.0), (64.0, 256.0), (256.0, float("inf")))
_LARGE_LATENCY: Final = 0.10
_LEAST_LOOKUPS: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a verdict is held to: the margin (relative) and the error of an interval.

    Without `detail` no effects by batch range and cell are worked out.
    """

    margin: float
    alpha: float
    detail: bool = True


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
    whole, load = measures.latency(windows)
    result, _ = at_load("latency", load, whole, _of_whole(windows, whole, design), forbidden, terms)
    found.insert(min(2, len(found)), result)
    found[0] = _by_direction(found[0], result, design)
    shares = (
        ("hit_ratio", _hits(lookups, windows, design)),
        ("speculation", _speculation(windows, design)),
    )
    for name, share in shares:
        if share is not None:
            found.append(_of_share(name, *share, design, forbidden, terms))  # type: ignore[arg-type]
    return tuple(found), speed


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
        return _refused(measure, forbidden[measure]), None
    index = measures.index(load, design, load.rows) if load.rows.any() else None
    if index is None:
        return _refused(
            measure,
            "there are too few windows with such work",
            "wait for more traffic, or widen --window",
        ), None
    matched = index.matched
    cells = _ranges(index, design, terms, _cells(load.x))
    if design.fault:
        rows = _rows(index, design, np.ones(len(load.x), dtype=bool))
        told = effect(rows, design.floor, design.least)
        plain = _refused(measure, design.fault, design.mend)
        if told is None:
            return plain, index
        return plain.model_copy(
            update={
                "seen": float(np.exp(told.estimate)),
                "coverage": matched.coverage,
                "ranges": _ranges(index, design, terms, RANGES) if measure != "latency" else (),
                "cells": cells,
            }
        ), index
    if matched.coverage < LEAST_COVERAGE:
        refused = _refused(
            measure,
            f"only {matched.coverage:.0%} of the candidate's work was done at loads the baseline "
            f"also saw; most of the rest differs in {matched.lacking}",
            "send both sides the same traffic, or widen the window to a time when they had it",
        )
        return refused.model_copy(update={"coverage": matched.coverage, "cells": cells}), index
    rows = _rows(index, design, np.ones(len(load.x), dtype=bool))
    told = effect(rows, design.floor, design.least)
    if told is None or (rows.weight[rows.treated > 0] > 0).sum() < LEAST_ROWS:
        refused = _refused(
            measure, "the candidate has too few windows at such loads", "wait for more data"
        )
        return refused.model_copy(update={"coverage": matched.coverage}), index
    result = _judged(measure, told, design, terms)
    return result.model_copy(
        update={
            "coverage": matched.coverage,
            "ranges": _ranges(index, design, terms, RANGES) if measure != "latency" else (),
            "cells": cells,
            "regimes": _regimes(index, design, terms) if measure == "decode" else (),
        }
    ), index


def _judged(measure: Measure, told: Effect, design: Design, terms: Terms) -> MeasureResult:
    verdict = verdict_of(told, terms.margin, terms.alpha)
    more = None
    if verdict == "inconclusive":
        more = needed(told, terms.margin, terms.alpha, min(design.servers), design.hours[1])
    return MeasureResult(
        measure=measure,
        verdict=verdict,
        estimate=estimate_of(told, terms.alpha),
        p_value=p_value(told),
        detectable=detectable(told, terms.alpha),
        needed=more,
    )


def _refused(measure: Measure, because: str, mend: str = "") -> MeasureResult:
    return MeasureResult(measure=measure, verdict="not_comparable", because=because, mend=mend)


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
                seen=float(np.exp(told.estimate)) if told and not sure else None,
                share=float(index.load.work[ours].sum()) / total,
            )
        )
    return tuple(found)


def _regimes(index: Index, design: Design, terms: Terms) -> tuple[RegimeEffect, ...]:
    """Return the effect below and above the candidate's median prefill share and context."""
    if not terms.detail:
        return ()
    found, load = list[RegimeEffect](), index.load
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
                    RegimeEffect(
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
            "extrapolated": True,
            "p_value": latency.p_value,
            "because": f"{decode.because}; the direction is that of latency at equal demand, the "
            "size is not known",
        }
    )


def _of_whole(windows: Windows, whole: Windows, design: Design) -> Design:
    """Return the design for whole windows: each takes what its first row had."""
    step = np.round((windows.time - windows.time.min()) / windows.width).astype(np.int64)
    key = windows.server * (int(step.max(initial=0)) + 1) + step
    _, first = np.unique(key, return_index=True)
    return replace(
        design,
        keep=design.keep[first],
        treated=design.treated[first],
        node=design.node[first],
        block=design.block[first],
    )


Share = tuple[Floats, Floats, Mask, Ints, Ints]


def _speculation(windows: Windows, design: Design) -> Share | None:
    """Return accepted over drafted tokens by server and window."""
    drafted = windows.column("spec_draft_tokens")
    if not (drafted > 0).any():
        return None
    whole = collapse(windows)
    of_whole = _of_whole(windows, whole, design)
    drafts, taken = whole.column("spec_draft_tokens"), whole.column("spec_accepted_tokens")
    rows = of_whole.keep & (drafts > 0) & np.isfinite(taken)
    return (
        taken[rows] / drafts[rows],
        drafts[rows],
        of_whole.treated[rows],
        of_whole.node[rows],
        of_whole.block[rows],
    )


def _hits(lookups: Lookups | None, windows: Windows, design: Design) -> Share | None:
    """Return hit over looked-up tokens, in the windows the design keeps."""
    found = kept(lookups, windows, design)
    if found is None:
        return None
    rows, source = found.queried > _LEAST_LOOKUPS, _row_of(found, windows, design)
    if not rows.any():
        return None
    return (
        found.hit[rows] / found.queried[rows],
        found.queried[rows],
        design.treated[source][rows],
        design.node[source][rows],
        design.block[source][rows],
    )


def kept(lookups: Lookups | None, windows: Windows, design: Design) -> Lookups | None:
    """Return the lookups of the windows a design keeps, None where there are none."""
    if lookups is None or not len(lookups.server) or not design.keep.any():
        return None
    rows = _row_of(lookups, windows, design) >= 0
    if not rows.any():
        return None
    return Lookups(
        lookups.server[rows], lookups.time[rows], lookups.queried[rows], lookups.hit[rows]
    )


def _row_of(lookups: Lookups, windows: Windows, design: Design) -> Ints:
    """Return for each lookup a kept row of its server and window, -1 where there is none."""
    begin = min(float(windows.time.min()), float(lookups.time.min()))
    step = np.round((windows.time - begin) / windows.width).astype(np.int64)
    other = np.round((lookups.time - begin) / windows.width).astype(np.int64)
    count = int(max(step.max(), other.max())) + 1
    keys, first = np.unique((windows.server * count + step)[design.keep], return_index=True)
    row = np.flatnonzero(design.keep)[first]
    wanted = lookups.server * count + other
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, row[place], -1)


def _of_share(
    measure: Measure,
    y: Floats,
    whole: Floats,
    treated: Mask,
    node: Ints,
    block: Ints,
    design: Design,
    forbidden: Mapping[str, str],
    terms: Terms,
) -> MeasureResult:
    """Return a share compared as it is; the ratio is that of the shares, the error relative."""
    if measure in forbidden:
        return _refused(measure, forbidden[measure])
    if design.fault:
        return _refused(measure, design.fault, design.mend)
    if not treated.any() or treated.all():
        return _refused(measure, "one side has no such work")
    base = float(np.average(y[~treated], weights=whole[~treated]))
    if base <= 0:
        return _refused(measure, "the baseline's share is 0")
    rows = Rows(
        y / base,
        whole / whole.mean(),
        treated.astype(np.float64),
        node,
        block,
        design.ever,
        design.kind != "side by side",
        design.concurrent,
    )
    told = effect(rows, design.floor)
    if told is None:
        return _refused(measure, "the sides have no windows in common")
    change = 1.0 + told.estimate
    if change <= 0:
        return _refused(measure, "the share fell to nothing, so no ratio can be given")
    relative = replace(told, estimate=float(np.log(change)), stderr=told.stderr / change)
    return _judged(measure, relative, design, terms)
