"""Student's t against scipy."""

import pytest
from scipy import stats

from exporter.compare.estimate.t_distribution import below, quantile, two_sided


@pytest.mark.parametrize("freedom", [1.0, 2.0, 3.0, 6.0, 20.0, 400.0])
def test_it_is_scipys(freedom: float) -> None:
    for share in (0.6, 0.8, 0.975, 0.99583, 0.9995):
        assert quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-9)
    for t in (-3.0, -0.5, 0.0, 0.1, 2.0, 9.0):
        assert below(t, freedom) == pytest.approx(stats.t.cdf(t, freedom), abs=1e-12)
        assert two_sided(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), abs=1e-12)
