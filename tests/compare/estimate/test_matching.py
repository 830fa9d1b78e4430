"""Matching: what lies outside the baseline is left out, and its mix becomes the candidate's."""

from typing import Any

import numpy as np
import pytest

from exporter.compare.estimate.matching import Matched, concurrent, reweighted
from exporter.compare.fleet.windows import Floats


def made(old: Floats, new: Floats, share_old: Floats, share_new: Floats) -> dict[str, Any]:
    batch = np.concatenate([old, new])
    loads = {
        "decode batch": np.log(batch),
        "prefill share": np.log(np.concatenate([share_old, share_new])),
    }
    treated = np.concatenate([np.zeros(len(old), bool), np.ones(len(new), bool)])
    cell = np.floor(2 * np.log2(batch)).astype(np.int64)
    ones = np.ones(len(batch))
    return {"loads": loads, "weight": ones, "treated": treated, "work": ones, "cell": cell}


def test_work_outside_the_baseline_is_lost_and_named() -> None:
    random = np.random.default_rng(0)
    old, new = random.uniform(8, 16, 400), random.uniform(8, 32, 400)
    share = random.uniform(1, 2, 400)
    for match in (concurrent, reweighted):
        found = match(**made(old, new, share, share))
        assert isinstance(found, Matched)
        assert 0.2 < found.coverage < 0.45
        assert found.lacking == "decode batch"
        inside = np.concatenate([old, new]) < 16
        assert (found.weight[~inside] == 0).all()


def test_the_baseline_takes_the_candidates_mix() -> None:
    random = np.random.default_rng(1)
    old, new = 2.0 ** random.uniform(2, 6, 4000), 2.0 ** random.normal(5, 0.4, 4000)
    given = made(old, new, np.full(4000, 2.0), np.full(4000, 2.0))
    found = reweighted(**given)
    treated = given["treated"]
    batch = np.log2(np.concatenate([old, new]))
    used = np.average(batch[~treated], weights=found.weight[~treated])
    wanted = np.average(batch[treated], weights=found.weight[treated])
    assert np.mean(np.log2(old)) == pytest.approx(4.0, abs=0.1)
    assert used == pytest.approx(wanted, abs=0.05)


def test_a_candidate_without_work_has_no_coverage() -> None:
    ones = np.ones(50)
    given = made(8 * ones, 8 * ones[:5], ones, ones[:5])
    given["work"] = np.zeros(55)
    assert concurrent(**given).coverage == 0.0
