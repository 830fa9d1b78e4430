"""What every measure of a comparison has in common: its terms, and how a result is made of it.

Pure arithmetic.
"""

from dataclasses import dataclass, replace

import numpy as np

from ...vocabulary.verdict import Measure
from ..estimate.design import Design
from ..estimate.effect import Effect
from ..fleet.windows import Windows
from .result import MeasureResult
from .verdict import (
    estimate_of,
    minimum_detectable_effect,
    p_value,
    required_sample_size,
    verdict_of,
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a verdict is held to: the margin (relative) and the error of an interval.

    Without `detail` no effects by batch range and cell are worked out.
    """

    margin: float
    alpha: float
    detail: bool = True


def judged(measure: Measure, told: Effect, design: Design, terms: Terms) -> MeasureResult:
    verdict = verdict_of(told, terms.margin, terms.alpha)
    more = None
    if verdict == "inconclusive":
        more = required_sample_size(
            told, terms.margin, terms.alpha, min(design.servers), design.hours[1]
        )
    return MeasureResult(
        measure=measure,
        verdict=verdict,
        estimate=estimate_of(told, terms.alpha),
        p_value=p_value(told),
        minimum_detectable_effect=minimum_detectable_effect(told, terms.alpha),
        required_sample_size=more,
    )


def refused(measure: Measure, reason: str, remedy: str = "") -> MeasureResult:
    return MeasureResult(measure=measure, verdict="not_comparable", reason=reason, remedy=remedy)


def of_whole(windows: Windows, whole: Windows, design: Design) -> Design:
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
