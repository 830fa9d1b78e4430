"""From an effect and its interval to a verdict, and from verdicts to exit codes.

Pure arithmetic. A call needs both: an interval that excludes no change, and an effect as large as
the margin. Over many comparisons Holm's step-down procedure is applied to the calls (Holm 1979).
"""

from collections.abc import Mapping, Sequence
from math import ceil, exp, expm1, log1p
from typing import Final

from ...vocabulary.verdict import Verdict
from ..statistics.effect import Effect
from ..statistics.t_distribution import quantile, two_sided_p_value
from .result import Estimate, MeasureResult, RequiredSampleSize

POWER: Final = 0.8
_MAX_FACTOR: Final = 30.0
PASS, REGRESSION, INCONCLUSIVE, NOT_COMPARABLE, ERROR = range(5)
EXIT: Final[Mapping[Verdict, int]] = {
    "improvement": PASS,
    "equivalent": PASS,
    "regression": REGRESSION,
    "inconclusive": INCONCLUSIVE,
    "not_comparable": NOT_COMPARABLE,
}
_WORST_FIRST: Final[tuple[Verdict, ...]] = (
    "regression",
    "not_comparable",
    "inconclusive",
    "equivalent",
    "improvement",
)


def verdict_of(effect: Effect, margin: float, alpha: float) -> Verdict:
    """Return the verdict on an effect on a log scale; margin is relative, 0.03 for 3 %."""
    low, high = (expm1(bound) for bound in effect.interval(alpha))
    change = expm1(effect.estimate)
    if high < 0 and change <= -margin:
        return "regression"
    if low > 0 and change >= margin:
        return "improvement"
    if low > -margin and high < margin:
        return "equivalent"
    return "inconclusive"


def estimate_of(effect: Effect, alpha: float) -> Estimate:
    """Return an effect on a log scale as a ratio."""
    low, high = effect.interval(alpha)
    return Estimate(
        ratio=exp(effect.estimate), lower=exp(low), upper=exp(high), stderr=effect.stderr
    )


def p_value(effect: Effect) -> float:
    """Return the probability of so large an effect where the releases are alike."""
    return two_sided_p_value(effect.estimate / effect.stderr, effect.degrees_of_freedom)


def minimum_detectable_effect(effect: Effect, alpha: float) -> float:
    """Return the smallest relative effect whose interval would exclude 0 in 80 % of cases."""
    return expm1(_detectable_in_stderr(effect.degrees_of_freedom, alpha) * effect.stderr)


def required_sample_size(
    effect: Effect, margin: float, alpha: float, servers: int, hours: float
) -> RequiredSampleSize:
    """Return about how many servers a side, or hours of the candidate, would detect the margin.

    The variance of the data falls as one over its amount, the floor's does not; and more hours do
    not average out what differs between servers.
    """
    detectable = _detectable_in_stderr(effect.degrees_of_freedom, alpha)
    target = (log1p(margin) / detectable) ** 2 - effect.minimum_stderr**2
    present = effect.stderr**2 - effect.minimum_stderr**2
    if target <= 0 or present > _MAX_FACTOR * target:
        return RequiredSampleSize(servers=None, hours=None)
    factor = max(present / target, 1.0)
    if effect.limited_by == "servers":
        return RequiredSampleSize(servers=ceil(servers * factor), hours=None)
    return RequiredSampleSize(servers=ceil(servers * factor), hours=hours * factor)


def _detectable_in_stderr(degrees_of_freedom: float, alpha: float) -> float:
    """Return how many standard errors an effect needs: those of the interval and of the power."""
    significance = quantile(1.0 - alpha / 2.0, degrees_of_freedom)
    return significance + quantile(POWER, degrees_of_freedom)


def holm(p_values: Sequence[float | None], alpha: float) -> list[bool]:
    """Return which hypotheses stay rejected when all are tested at once (Holm 1979).

    What has no p-value was not tested, and is not rejected.
    """
    tested = [(p, i) for i, p in enumerate(p_values) if p is not None]
    rejected = [False] * len(p_values)
    for rank, (p, i) in enumerate(sorted(tested)):
        if p > alpha / (len(tested) - rank):
            break
        rejected[i] = True
    return rejected


def is_call(result: MeasureResult) -> bool:
    """Whether a result calls a change."""
    return result.verdict in ("regression", "improvement")


def withdraw_chance_calls(
    results: Sequence[MeasureResult], alpha: float, tests: str
) -> list[MeasureResult]:
    """Return the results with the calls withdrawn that do not stand together (Holm).

    `tests` says what was tested, such as `measures judged`.
    """
    p_values = [result.p_value for result in results]
    count = sum(p is not None for p in p_values)
    reason = f"of {count} {tests} at once, one such effect is expected by chance (Holm)"
    return [
        result.model_copy(update={"verdict": "inconclusive", "reason": reason})
        if is_call(result) and result.p_value is not None and not rejected
        else result
        for result, rejected in zip(results, holm(p_values, alpha), strict=True)
    ]


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict that decides over all of them."""
    return min(verdicts, key=_WORST_FIRST.index, default="not_comparable")
