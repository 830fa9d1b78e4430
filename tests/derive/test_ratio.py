"""Ratios pooled by their parts."""

from exporter.derive.ratio import Ratio, pooled, ratio_of


def test_ratios_pool_by_numerators_and_denominators() -> None:
    assert pooled([Ratio(1, 10), Ratio(90, 90)]) == Ratio(91, 100)
    assert pooled([]) is None


def test_a_ratio_of_the_unknown_or_over_nothing_is_unknown() -> None:
    assert ratio_of(0, 0) is None
    assert ratio_of(None, 5) is None
    assert ratio_of(5, None) is None
    assert ratio_of(0, 5) == Ratio(0, 5)
