"""Measures that are shares of tokens: prefix-cache hits among lookups, accepted among drafted.

Pure arithmetic.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from ...vocabulary.verdict import Measure
from ..estimate.design import Design
from ..estimate.effect import Rows, effect
from ..fleet.windows import Floats, Ints, Lookups, Mask, Windows, collapse
from .result import MeasureResult
from .terms import Terms, judged, of_whole, refused

_LEAST_LOOKUPS: Final = 1000.0

Share = tuple[Floats, Floats, Mask, Ints, Ints]


def speculation(windows: Windows, design: Design) -> Share | None:
    """Return accepted over drafted tokens by server and window."""
    drafted = windows.column("spec_draft_tokens")
    if not (drafted > 0).any():
        return None
    whole = collapse(windows)
    of_rows = of_whole(windows, whole, design)
    drafts, taken = whole.column("spec_draft_tokens"), whole.column("spec_accepted_tokens")
    rows = of_rows.keep & (drafts > 0) & np.isfinite(taken)
    return (
        taken[rows] / drafts[rows],
        drafts[rows],
        of_rows.treated[rows],
        of_rows.node[rows],
        of_rows.block[rows],
    )


def hits(lookups: Lookups | None, windows: Windows, design: Design) -> Share | None:
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


def of_share(
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
        return refused(measure, forbidden[measure])
    if design.fault:
        return refused(measure, design.fault, design.remedy)
    if not treated.any() or treated.all():
        return refused(measure, "one side has no such work")
    base = float(np.average(y[~treated], weights=whole[~treated]))
    if base <= 0:
        return refused(measure, "the baseline's share is 0")
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
        return refused(measure, "the sides have no windows in common")
    change = 1.0 + told.estimate
    if change <= 0:
        return refused(measure, "the share fell to nothing, so no ratio can be given")
    relative = replace(told, estimate=float(np.log(change)), stderr=told.stderr / change)
    return judged(measure, relative, design, terms)
