"""Ratios that keep their numerator and denominator, so that several servers' can be pooled."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """A numerator over a denominator that is not 0."""

    numerator: float
    denominator: float

    @property
    def value(self) -> float:
        """The numerator over the denominator."""
        return self.numerator / self.denominator


def ratio_of(numerator: float | None, denominator: float | None) -> Ratio | None:
    """Return a ratio, None where the numerator is unknown or the denominator unknown or 0."""
    return None if numerator is None or not denominator else Ratio(numerator, denominator)


def pooled(ratios: Iterable[Ratio]) -> Ratio | None:
    """Return the ratio of all taken together: numerators and denominators added up.

    A mean of ratios would weigh an idle server like a busy one. None where there is none.
    """
    known = list(ratios)
    return ratio_of(sum(r.numerator for r in known), sum(r.denominator for r in known))
