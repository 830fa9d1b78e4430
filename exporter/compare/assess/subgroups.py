"""The effect of a release on parts of its load: batch ranges and cells, prefill share, context.

Pure arithmetic. They describe where the whole's effect comes from; the verdict is the whole's, but
a part that got slower keeps the whole from being equivalent. The calls of a family of parts are
those that stand when all of them are tested at once (Holm 1979).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np

from ...vocabulary.verdict import Verdict
from ..estimate.design import Design
from ..estimate.speed import SpeedIndex
from ..statistics.regression import MIN_WINDOWS
from .criteria import Criteria
from .result import RangeEffect, SubgroupEffect
from .verdict import estimate_of, holm, p_value, verdict_of

_Part = TypeVar("_Part", RangeEffect, SubgroupEffect)

RANGES: Final = ((0.0, 4.0), (4.0, 16.0), (16.0, 64.0), (64.0, 256.0), (256.0, float("inf")))
MIN_SHARE_JUDGED: Final = 0.01
"""Share of the candidate's tokens that a range has at least to be judged.

What happens in less moves the whole by nothing, and some windows of it are its verdict.
"""
MIN_WINDOWS_DESCRIBED: Final = 3
"""Windows that a mean needs which only describes: fewer show what began and ended in them."""


def by_range(index: SpeedIndex, design: Design, criteria: Criteria) -> tuple[RangeEffect, ...]:
    """Return the effect in each range of decode batch that the candidate visited."""
    return _by_batch(index, design, criteria, RANGES)


def by_cell(index: SpeedIndex, design: Design, criteria: Criteria) -> tuple[RangeEffect, ...]:
    """Return the effect in each half octave, in the edges the exporter counts by."""
    if not criteria.detail:
        return ()
    edges = sorted([0.0, *(2.0**k for k in range(14)), *(1.5 * 2.0**k for k in range(13))])
    top = float(index.observations.x.max(initial=1.0))
    cells = tuple((low, high) for low, high in pairwise(edges) if low < top)
    return _by_batch(index, design, criteria, cells)


def _by_batch(
    index: SpeedIndex,
    design: Design,
    criteria: Criteria,
    ranges: tuple[tuple[float, float], ...],
) -> tuple[RangeEffect, ...]:
    effects, p_values = list[RangeEffect](), list[float | None]()
    x, work = index.observations.x, index.observations.work
    used, treated = index.matching.weight > 0, index.treated
    total = float(work[treated & used].sum())
    # with a fault there is no verdict, and what is shown only describes
    min_windows = MIN_WINDOWS_DESCRIBED if design.fault else MIN_WINDOWS
    for low, high in ranges:
        inside = (x > low) & (x <= high)
        candidate, baseline = inside & treated & used, inside & ~treated & used
        if not candidate.any() or total <= 0:
            continue
        effect = None
        if min(candidate.sum(), baseline.sum()) >= min_windows:
            effect = index.effect(design, inside)
        verdict: Verdict = "not_comparable" if design.fault else "inconclusive"
        estimate = observed_ratio = tested = None
        share = float(work[candidate].sum()) / total
        if effect is not None and design.fault:
            observed_ratio = float(np.exp(effect.estimate))
        elif effect is not None:
            estimate = estimate_of(effect, criteria.alpha)
            if share >= MIN_SHARE_JUDGED:
                verdict = verdict_of(effect, criteria.margin, criteria.alpha)
                tested = p_value(effect)
        p_values.append(tested)
        effects.append(
            RangeEffect(
                low=low,
                high=high,
                verdict=verdict,
                estimate=estimate,
                observed_ratio=observed_ratio,
                token_share=share,
            )
        )
    return _standing(effects, p_values, criteria)


def _standing(
    effects: Sequence[_Part], p_values: Sequence[float | None], criteria: Criteria
) -> tuple[_Part, ...]:
    """Return the parts with the calls withdrawn that do not stand together."""
    return tuple(
        part
        if stands or part.verdict not in ("regression", "improvement")
        else part.model_copy(update={"verdict": "inconclusive"})
        for part, stands in zip(effects, holm(p_values, criteria.alpha), strict=True)
    )


def by_subgroup(
    index: SpeedIndex, design: Design, criteria: Criteria
) -> tuple[SubgroupEffect, ...]:
    """Return the effect below and above the candidate's median prefill share and context."""
    effects, p_values = list[SubgroupEffect](), list[float | None]()
    observations = index.observations
    candidate = index.treated & (index.matching.weight > 0)
    names = [name for name in ("prefill share", "context") if name in observations.loads]
    for column, name in enumerate(names):
        # the curve's covariates are those times the batch
        values = observations.covariates[:, column] / observations.x
        median = float(np.median(values[candidate]))
        unit = f"{median:.1f} prompt tokens a token"
        if name == "context":
            unit = f"{median:,.0f} tokens"
        for preposition, mask in (("up to", values <= median), ("above", values > median)):
            effect = index.effect(design, mask)
            if effect is not None and (mask & candidate).sum() >= MIN_WINDOWS:
                p_values.append(p_value(effect))
                effects.append(
                    SubgroupEffect(
                        name=f"{name} {preposition} {unit}",
                        verdict=verdict_of(effect, criteria.margin, criteria.alpha),
                        estimate=estimate_of(effect, criteria.alpha),
                    )
                )
    return _standing(effects, p_values, criteria)
