"""Upgrades judged live: replayed servers, exporters, the generated rules in a real Prometheus, and
what reaches a real Alertmanager."""

from pathlib import Path

import pytest

from .fleets import doing, token_seconds
from .processes import needs_both
from .upgrade import SHARE, play, recorded, same, slower

# the change that matters, by the rules' own margin: half of it would still be seen
_NEAR = 0.015
# windows further than this from the curve are not fitted
_TRIM = 0.05


def test_less_work_in_the_same_time_is_more_time_for_each_token() -> None:
    tape = same().before
    assert token_seconds(doing(tape, SHARE)) == pytest.approx(token_seconds(tape) / SHARE)


@needs_both
def test_upgrades_are_judged_and_told_as_they_are(tmp_path: Path) -> None:
    newer = recorded("dense-0.20.2-mrv1", "dense-0.26.0", "medium", versions=True)
    runner = recorded("dense-0.20.2-mrv1", "dense-0.20.2-mrv2", "medium")
    moe = recorded("moe-0.20.2-mrv1", "moe-0.20.2-mrv2", "overload")
    cases = (newer, runner, moe, same(), slower())
    losing = frozenset({moe.name, "slower"})
    found = play(tmp_path, cases, losing)

    assert found.early == []
    for case in cases:
        assert found.levels[case.name] == pytest.approx(token_seconds(case.before), rel=_TRIM)
        told = found.verdicts[case.name]
        assert len(told.verdicts) == 1
        assert told.coverage > 0.5
        assert told.called == (("regression",) if case.name in losing else ()), case.name
        near = _NEAR if case.name in ("same", "slower") else _TRIM
        assert told.ratio == pytest.approx(case.truth, rel=near), case.name
        assert told.lower < told.ratio < told.upper

    assert (found.verdicts[newer.name].baseline, found.verdicts[newer.name].release) == (
        "0.20.2",
        "0.26.0",
    )
    assert {one["labels"]["fleet"] for one in found.alerts} == losing
    for one in found.alerts:
        assert one["labels"]["alertname"] == "InferfleetDecodeRegression"
        assert one["receivers"] == [{"name": "rollouts"}]
        assert one["status"]["state"] == "active"
        told = found.verdicts[one["labels"]["fleet"]]
        assert one["labels"]["release"] == told.release
        assert one["labels"]["baseline"] == told.baseline
        assert one["annotations"]["summary"].endswith(f"decodes slower since {told.release}")
