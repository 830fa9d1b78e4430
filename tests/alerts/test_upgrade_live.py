"""Upgrades judged live: replayed servers, exporters, the generated rules in a real Prometheus, and
what reaches a real Alertmanager."""

from pathlib import Path

import pytest

from .fleets import doing, token_seconds
from .processes import needs_both
from .upgrade import SHARE, play, recorded, same, slower

# half of the change that matters by the rules' own margin: the pages are the same on both sides
_ALIKE = 0.015
# the load client counted a whole phase, the tape is its steady middle of 16 s
_RECORDED = 0.05
# 12 s with prefill in waves: pages with the same share of prefill differ by as much
_WAVES = 0.15
# a window of minutes holds a part of a loop more or less
_LEVEL = 0.05


def test_less_work_in_the_same_time_is_more_time_for_each_token() -> None:
    tape = same().before
    assert token_seconds(doing(tape, SHARE)) == pytest.approx(token_seconds(tape) / SHARE)


@needs_both
def test_upgrades_are_judged_and_told_as_they_are(tmp_path: Path) -> None:
    newer = recorded("dense-0.20.2-mrv1", "dense-0.26.0", "medium", versions=True)
    runner = recorded("dense-0.20.2-mrv1", "dense-0.20.2-mrv2", "medium")
    moe = recorded("moe-0.20.2-mrv1", "moe-0.20.2-mrv2", "overload")
    allowed = {
        newer: _RECORDED,
        runner: _RECORDED,
        moe: _WAVES,
        same(): _ALIKE,
        slower(): _ALIKE,
    }
    losing = frozenset({moe.name, "slower"})
    found = play(tmp_path, tuple(allowed), losing)

    assert found.early == []
    for case, off in allowed.items():
        mean = token_seconds(case.before)
        assert found.levels[case.name] == pytest.approx(mean, rel=_LEVEL), case.name
        told = found.verdicts[case.name]
        assert len(told.verdicts) == 1, case.name
        assert ("regression" in told.called) is (case.name in losing), case.name
        assert told.ratio == pytest.approx(case.truth, rel=off), case.name
        assert told.lower < told.ratio < told.upper
    judged = found.verdicts[newer.name]
    assert (judged.baseline, judged.release) == ("0.20.2", "0.26.0")
    assert found.verdicts["same"].called == ()
    for name in losing:
        assert found.verdicts[name].verdicts == ("regression",)
        assert found.verdicts[name].upper < 1

    assert {one["labels"]["fleet"] for one in found.alerts} == losing
    for one in found.alerts:
        labels, told = one["labels"], found.verdicts[one["labels"]["fleet"]]
        assert labels["alertname"] == "InferfleetDecodeRegression"
        assert (labels["baseline"], labels["release"]) == (told.baseline, told.release)
        assert one["annotations"]["summary"].endswith(f"decodes slower since {told.release}")
        assert one["receivers"] == [{"name": "rollouts"}]
        assert one["status"]["state"] == "active"
