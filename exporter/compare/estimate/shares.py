"""Measures that are shares of tokens: prefix-cache hits of lookups, accepted of drafted tokens.

Pure arithmetic. They are compared as they are, without a curve: what is cached or guessed right is
the traffic's doing first, and the fixed effects take that out where both releases ran at once.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..fleet.arrays import Floats, Ints, Mask
from ..fleet.windows import Lookups, Windows, collapse
from ..statistics.effect import Effect, estimate_effect
from ..statistics.regression import Regression, absorbed, coefficient
from .design import Design

_MIN_LOOKUPS: Final = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """A share of tokens by server and window; `total` are the tokens it is a share of."""

    share: Floats
    total: Floats
    treated: Mask
    node: Ints
    block: Ints

    @property
    def baseline(self) -> float:
        """The baseline's share over all its tokens."""
        return self._mean(~self.treated)

    @property
    def candidate(self) -> float:
        """The candidate's share over all its tokens."""
        return self._mean(self.treated)

    def regression(self, design: Design) -> Regression:
        """Return the regression of the share, in units of the baseline's, on the release."""
        return Regression(
            self.share / self.baseline,
            self.total / self.total.mean(),
            self.treated.astype(np.float64),
            self.node,
            self.block,
            design.treated_arm,
            design.node_effects,
            design.concurrent,
        )

    def _mean(self, side: Mask) -> float:
        return float(np.average(self.share[side], weights=self.total[side]))


def speculation(windows: Windows, design: Design) -> Share | None:
    """Return accepted over drafted tokens by server and window, None where nothing was drafted."""
    if not (windows.column("spec_draft_tokens") > 0).any():
        return None
    whole, whole_design = collapse(windows), design.per_window(windows)
    drafted, accepted = whole.column("spec_draft_tokens"), whole.column("spec_accepted_tokens")
    rows = whole_design.keep & (drafted > 0) & np.isfinite(accepted)
    return Share(
        accepted[rows] / drafted[rows],
        drafted[rows],
        whole_design.treated[rows],
        whole_design.node[rows],
        whole_design.block[rows],
    )


def hit_ratio(lookups: Lookups | None, windows: Windows, design: Design) -> Share | None:
    """Return hit over looked-up tokens, in the windows the design keeps; None without any."""
    kept = kept_lookups(lookups, windows, design)
    if kept is None:
        return None
    rows, source = kept.queried > _MIN_LOOKUPS, kept_row(kept, windows, design)
    if not rows.any():
        return None
    return Share(
        kept.hit[rows] / kept.queried[rows],
        kept.queried[rows],
        design.treated[source][rows],
        design.node[source][rows],
        design.block[source][rows],
    )


def kept_lookups(lookups: Lookups | None, windows: Windows, design: Design) -> Lookups | None:
    """Return the lookups of the windows that a design keeps, None where there are none."""
    if lookups is None or not len(lookups.server) or not design.keep.any():
        return None
    rows = kept_row(lookups, windows, design) >= 0
    return lookups.where(rows) if rows.any() else None


def kept_row(lookups: Lookups, windows: Windows, design: Design) -> Ints:
    """Return for each lookup a kept row of its server and window, -1 where there is none.

    Lookups belong to a whole server, rows to its batch cells: any cell's row of the same window
    says whether the window is kept, and on which node and time block it lies.
    """
    first = min(float(windows.time.min()), float(lookups.time.min()))
    row_step = np.round((windows.time - first) / windows.width).astype(np.int64)
    lookup_step = np.round((lookups.time - first) / windows.width).astype(np.int64)
    count = int(max(row_step.max(), lookup_step.max())) + 1
    row_keys = (windows.server * count + row_step)[design.keep]
    keys, index = np.unique(row_keys, return_index=True)
    row = np.flatnonzero(design.keep)[index]
    lookup_keys = lookups.server * count + lookup_step
    position = np.minimum(np.searchsorted(keys, lookup_keys), len(keys) - 1)
    return np.where(keys[position] == lookup_keys, row[position], -1)


def share_effect(share: Share, design: Design) -> Effect | None:
    """Return the effect on a share, on the scale of its relative change; None without overlap.

    Shares are compared by their difference, since windows may have a share of 0 and a mean of
    logarithms would hang on those; it is given in units of the baseline's share, which is above 0.
    """
    return estimate_effect(
        share.regression(design),
        design.minimum_stderr,
    )


def effect_by_half(share: Share, design: Design) -> tuple[float, float] | None:
    """Return the relative change in the first and second half of the candidate's time blocks.

    None where a half does not identify one.
    """
    regression = share.regression(design)
    blocks = np.unique(share.block[share.treated])
    middle = blocks[len(blocks) // 2]
    changes = list[float]()
    for half in (share.block < middle, share.block >= middle):
        weight = np.where(half | ~share.treated, regression.weight, 0.0)
        treatment = absorbed(regression.treated, weight, regression)
        change = coefficient(absorbed(regression.y, weight, regression), treatment, weight)
        if change is None or not (half & share.treated).any():
            return None
        changes.append(change)
    return changes[0], changes[1]


def log_scale(effect: Effect) -> Effect | None:
    """Return an effect on a relative change as one on the log ratio, by the delta method.

    None where the share fell to nothing, so that no ratio is left. The derivative of log(1 + d) is
    1 / (1 + d), and the standard error changes by it.
    """
    ratio = 1.0 + effect.estimate
    if ratio <= 0:
        return None
    return replace(effect, estimate=float(np.log(ratio)), stderr=effect.stderr / ratio)
