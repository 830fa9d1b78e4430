"""The criteria of a verdict, and how the result of a measure is made by them.

Pure arithmetic.
"""

from dataclasses import dataclass, replace
from math import sqrt
from typing import Final, Literal

from ...vocabulary.verdict import Measure, Reason
from ..estimate.design import Design
from ..estimate.spending import look_level
from ..statistics.effect import Effect, Variance
from .result import MeasureResult, NodeSpread, SpreadSource
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
    `horizon` is after how many hours of the candidate's work the last look is due, where there are
    any number of looks at growing data, which share the level; 0 for a single one.
    """

    margin: float
    alpha: float
    detail: bool = True
    horizon: float = 0.0

    def at_look(self, effect: Effect | None, design: Design) -> "Criteria":
        """Return the criteria of a look that has an effect, at the level that is its share."""
        if not self.horizon or effect is None:
            return self
        # what hours average out falls as one over them until the last look, the rest stays
        present = effect.stderr**2
        shared = min(design.shared_stderr**2, present)
        last = shared + (present - shared) * design.hours[1] / self.horizon
        return replace(self, alpha=look_level(self.alpha, last / present), horizon=0.0)


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


def node_spread(effect: Effect, design: Design) -> NodeSpread | None:
    """Return what nodes are taken to differ by, None where an interval does not rest on it."""
    factor, own = design.node_factor, effect.of_nodes
    if own is None or not factor:
        return None
    compared = Variance(own.value / factor, own.degrees_of_freedom)
    total, sources = design.assumed.pooled(compared), [_source("assumed", design.assumed)]
    learnt, others = design.learnt.spread, design.learnt_machines
    if learnt is not None and others is not None:
        total = total.pooled(others)
        source = _source("other_servers", others)
        update = {"servers": learnt.servers, "releases": learnt.releases}
        sources.append(source.model_copy(update=update))
    source = _source("compared_servers", compared)
    sources.append(source.model_copy(update={"servers": sum(design.arms)}))
    return NodeSpread(
        between="starts" if design.has_past else "machines",
        past_release=design.learnt.past.release if design.learnt.past else None,
        deviation=sqrt(total.value),
        degrees_of_freedom=total.degrees_of_freedom,
        sources=tuple(sources),
    )


def _source(
    name: Literal["assumed", "other_servers", "compared_servers"], variance: Variance
) -> SpreadSource:
    return SpreadSource(
        source=name,
        deviation=sqrt(variance.value),
        degrees_of_freedom=variance.degrees_of_freedom,
    )


def not_comparable(
    measure: Measure, reason: str, remedy: str = "", *, code: Reason | None = None
) -> MeasureResult:
    """Return the result of a measure that cannot be compared."""
    return MeasureResult(
        measure=measure, verdict="not_comparable", reason=reason, reason_code=code, remedy=remedy
    )
