"""Student's t against scipy."""

import pytest
from scipy import stats

from exporter.compare.statistics.t_distribution import cumulative, quantile, two_sided_p_value


@pytest.mark.parametrize("degrees_of_freedom", [1.0, 2.0, 3.0, 6.0, 20.0, 400.0])
def test_it_is_scipys(degrees_of_freedom: float) -> None:
    for probability in (0.6, 0.8, 0.975, 0.99583, 0.9995):
        assert quantile(probability, degrees_of_freedom) == pytest.approx(
            stats.t.ppf(probability, degrees_of_freedom), rel=1e-9
        )
    for t in (-3.0, -0.5, 0.0, 0.1, 2.0, 9.0):
        assert cumulative(t, degrees_of_freedom) == pytest.approx(
            stats.t.cdf(t, degrees_of_freedom), abs=1e-12
        )
        assert two_sided_p_value(t, degrees_of_freedom) == pytest.approx(
            2 * stats.t.sf(abs(t), degrees_of_freedom), abs=1e-12
        )
