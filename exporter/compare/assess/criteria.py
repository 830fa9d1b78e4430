"""The criteria of a verdict, and how the result of a measure is made by them.

Pure arithmetic.
"""

from dataclasses import dataclass, replace
from typing import Final

from ...vocabulary.verdict import Measure, Reason
from ..estimate.design import Design
from ..estimate.spending import look_level
from ..statistics.effect import Effect
from .result import MeasureResult
from .verdict import (
    estimate_of,
    minimum_detectable_effect,
    p_value,
    required_sample_size,
    verdict_of,
)

_EXCHANGE: Final = (
    "or exchange the releases between the two halves for as long again, so that each server is its "
    "own control (docs/compare.md, A swap)"
)


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a verdict is judged by: the margin (relative) and the significance level.

    Without `detail` no effects by batch cell are worked out, and by range those of decode alone.
    `sequential` is whether it is one of any number of looks at growing data, which share the level.
    """

    margin: float
    alpha: float
    detail: bool = True
    sequential: bool = False

    def at_look(self, effect: Effect | None, design: Design) -> "Criteria":
        """Return the criteria of a look that has an effect, at the level that is its share."""
        if not self.sequential or effect is None:
            return self
        information = min((design.shared_stderr / effect.stderr) ** 2, 1.0)
        return replace(self, alpha=look_level(self.alpha, information), sequential=False)


def judge_effect(
    measure: Measure, effect: Effect, design: Design, criteria: Criteria
) -> MeasureResult:
    """Return the result of a measure from its effect on the log ratio, and what would settle it."""
    result = result_of(measure, effect, criteria)
    if result.verdict != "inconclusive":
        return result
    required = required_sample_size(
        effect, criteria.margin, criteria.alpha, min(design.servers), design.hours[1]
    )
    remedy = _EXCHANGE if design.kind == "side by side" else ""
    return result.model_copy(update={"required_sample_size": required, "remedy": remedy})


def result_of(measure: Measure, effect: Effect, criteria: Criteria) -> MeasureResult:
    """Return the result of a measure from its effect on the log ratio, of whatever design."""
    return MeasureResult(
        measure=measure,
        verdict=verdict_of(effect, criteria.margin, criteria.alpha),
        estimate=estimate_of(effect, criteria.alpha),
        p_value=p_value(effect),
        minimum_detectable_effect=minimum_detectable_effect(effect, criteria.alpha),
    )


def not_comparable(
    measure: Measure, reason: str, remedy: str = "", *, code: Reason | None = None
) -> MeasureResult:
    """Return the result of a measure that cannot be compared."""
    return MeasureResult(
        measure=measure, verdict="not_comparable", reason=reason, reason_code=code, remedy=remedy
    )
