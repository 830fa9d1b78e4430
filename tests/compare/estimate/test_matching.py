"""Matching: what lies outside the baseline is left out, and its mix becomes the candidate's."""

import numpy as np
import pytest

from exporter.compare.estimate.matching import LoadRows, match_distribution, match_range
from exporter.compare.fleet.arrays import Floats


def load_rows(
    old_batch: Floats, new_batch: Floats, old_share: Floats, new_share: Floats, work: float = 1.0
) -> LoadRows:
    batch = np.concatenate([old_batch, new_batch])
    return LoadRows(
        loads={
            "decode batch": np.log(batch),
            "prefill share": np.log(np.concatenate([old_share, new_share])),
        },
        cell=np.floor(2 * np.log2(batch)).astype(np.int64),
        weight=np.ones(len(batch)),
        work=np.full(len(batch), work),
        treated=np.arange(len(batch)) >= len(old_batch),
    )


@pytest.mark.parametrize("match", [match_range, match_distribution])
def test_work_outside_the_baseline_is_lost_and_named(match: type) -> None:
    random = np.random.default_rng(0)
    old, new = random.uniform(8, 16, 400), random.uniform(8, 32, 400)
    share = random.uniform(1, 2, 400)
    matching = match(load_rows(old, new, share, share))
    assert 0.2 < matching.coverage < 0.45
    assert matching.lacking == "decode batch"
    inside = np.concatenate([old, new]) < 16
    assert (matching.weight[~inside] == 0).all()


def test_the_baseline_takes_the_candidates_mix() -> None:
    random = np.random.default_rng(1)
    old, new = 2.0 ** random.uniform(2, 6, 4000), 2.0 ** random.normal(5, 0.4, 4000)
    rows = load_rows(old, new, np.full(4000, 2.0), np.full(4000, 2.0))
    weight, treated = match_distribution(rows).weight, rows.treated
    batch = np.log2(np.concatenate([old, new]))
    baseline = np.average(batch[~treated], weights=weight[~treated])
    candidate = np.average(batch[treated], weights=weight[treated])
    assert np.mean(np.log2(old)) == pytest.approx(4.0, abs=0.1)
    assert baseline == pytest.approx(candidate, abs=0.05)


def test_a_candidate_without_work_has_no_coverage() -> None:
    ones = np.ones(50)
    rows = load_rows(8 * ones, 8 * ones[:5], ones, ones[:5], work=0.0)
    assert match_range(rows).coverage == 0.0


def test_a_load_counts_only_beside_the_baselines_at_that_batch() -> None:
    """What the baseline did at other batches tells nothing of this one."""
    random = np.random.default_rng(2)
    few, many = random.uniform(8, 11, 200), random.uniform(16, 22, 200)
    little, much = random.uniform(1, 1.5, 200), random.uniform(8, 12, 200)
    old_batch, old_share = np.concatenate([few, many]), np.concatenate([little, much])
    rows = load_rows(old_batch, np.concatenate([few, many]), old_share, np.concatenate([much] * 2))
    matching = match_range(rows)
    new = matching.weight[rows.treated]
    assert (new[:200] == 0).all()
    assert (new[200:] == 1).mean() > 0.98
    assert matching.lacking == "prefill share"


def test_a_line_is_followed_further_where_it_was_seen_over_a_wider_range() -> None:
    """The slope of a load is known well where the baseline had much and little of it."""
    batch = np.full(400, 9.0)
    twice = np.full(400, 8.0)
    for widest, kept in ((1.3, False), (4.0, True)):
        share = np.geomspace(4.0 / widest, 4.0 * 1.0, 400)
        matching = match_range(load_rows(batch, batch, share, twice * 0.95))
        assert (matching.coverage > 0.9) == kept


def test_batches_of_a_full_engine_are_alike_though_none_is_the_same() -> None:
    random = np.random.default_rng(3)
    old, new = random.uniform(249.0, 250.0, 300), random.uniform(246.0, 248.0, 300)
    share = random.uniform(1, 2, 300)
    assert match_range(load_rows(old, new, share, share)).coverage > 0.98
