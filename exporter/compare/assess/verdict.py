"""From an effect and its interval to a verdict, and from verdicts to exit codes.

Pure arithmetic. A call needs both: an interval that excludes no change, and an effect as large as
the margin. Over many comparisons calls are held to Holm's step-down procedure (Holm 1979).
"""

from collections.abc import Mapping, Sequence
from math import ceil, exp, expm1, log1p
from typing import Final

from ...vocabulary.verdict import Verdict
from ..estimate.effect import Effect
from ..estimate.t_distribution import quantile, two_sided
from .result import Estimate, RequiredSampleSize

POWER: Final = 0.8
_MOST_TIMES: Final = 30.0
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
    found = expm1(effect.estimate)
    if high < 0 and found <= -margin:
        return "regression"
    if low > 0 and found >= margin:
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
    """Return the probability of such an effect where the releases are alike."""
    return two_sided(effect.estimate / effect.stderr, effect.freedom)


def minimum_detectable_effect(effect: Effect, alpha: float) -> float:
    """Return the smallest relative effect an interval would exclude 0 for in 80 % of cases."""
    return expm1(_reach(effect.freedom, alpha) * effect.stderr)


def required_sample_size(
    effect: Effect, margin: float, alpha: float, servers: int, hours: float
) -> RequiredSampleSize:
    """Return about how many servers a side, or hours of the candidate, would see the margin.

    What the floor alone hides no amount of data shows; and hours do not average out servers.
    """
    target = (log1p(margin) / _reach(effect.freedom, alpha)) ** 2 - effect.floor**2
    missing = effect.stderr**2 - effect.floor**2
    if target <= 0 or missing > _MOST_TIMES * target:
        return RequiredSampleSize(servers=None, hours=None)
    times = max(missing / target, 1.0)
    if effect.limited_by == "servers":
        return RequiredSampleSize(servers=ceil(servers * times), hours=None)
    return RequiredSampleSize(servers=ceil(servers * times), hours=hours * times)


def _reach(freedom: float, alpha: float) -> float:
    return quantile(1.0 - alpha / 2.0, freedom) + quantile(POWER, freedom)


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Return which hypotheses stay rejected when all are tested at once (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    kept = [False] * len(p_values)
    for rank, i in enumerate(order):
        if p_values[i] > alpha / (len(p_values) - rank):
            break
        kept[i] = True
    return kept


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict a gate goes by."""
    return min(verdicts, key=_WORST_FIRST.index, default="not_comparable")
