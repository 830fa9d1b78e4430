"""A share that moved with the traffic, or with caches that fill, is no regression."""

import numpy as np

from exporter.compare.assess.criteria import Criteria
from exporter.compare.assess.effects import of_share
from exporter.compare.assess.result import MeasureResult
from exporter.compare.estimate.design import Design
from exporter.compare.estimate.shares import Share
from exporter.compare.fleet.arrays import Floats
from tests.compare.estimate.test_design import HOUR, chosen, windows

BESIDE = [*((n, "old", 0.0, 12.0) for n in "abcd"), *((n, "new", 0.0, 12.0) for n in "efgh")]
AFTER = [*((n, "old", 0.0, 24.0) for n in "abcd"), *((n, "new", 24.0, 50.0) for n in "abcd")]


def judged(lives: list[tuple[str, str, float, float]], change: Floats) -> MeasureResult:
    """Return the hit rate's result; `change` is the candidate's relative change by the hour."""
    rows = windows(*lives)
    design: Design = chosen(rows)
    assert design.fault == ""
    hour = np.minimum((rows.time / HOUR).astype(np.int64), len(change) - 1)
    noise = 0.01 * np.random.default_rng(3).standard_normal(len(rows))
    share = 0.5 * (1.0 + np.where(design.treated, change[hour], 0.0) + noise)
    keep = design.keep
    kept = Share(
        share[keep],
        np.full(int(keep.sum()), 1e6),
        design.treated[keep],
        design.node[keep],
        design.block[keep],
    )
    return of_share("hit_ratio", kept, design, {}, Criteria(0.03, 0.05))


def test_a_loss_that_stays_is_a_regression() -> None:
    assert judged(BESIDE, np.full(12, -0.2)).verdict == "regression"


def test_a_loss_that_shrinks_is_a_cache_that_fills() -> None:
    result = judged(BESIDE, np.linspace(-0.4, -0.1, 12))
    assert result.verdict == "not_comparable"
    assert "hit rate still rises" in result.reason
    assert result.reason_code == "overlap"
    assert result.remedy == "wait"


def test_a_loss_that_grows_is_a_regression() -> None:
    assert judged(BESIDE, np.linspace(-0.1, -0.4, 12)).verdict == "regression"


def test_one_release_after_the_other_tells_nothing_of_what_is_asked() -> None:
    for change in (-0.2, 0.2):
        result = judged(AFTER, np.full(50, change))
        assert result.verdict == "inconclusive"
        assert "what is asked may have changed it" in result.reason
        assert "both releases at once" in result.remedy
    assert judged(AFTER, np.zeros(50)).verdict in ("equivalent", "inconclusive")
