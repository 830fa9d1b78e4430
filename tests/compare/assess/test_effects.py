"""What the measures of one comparison owe each other."""

from exporter.compare.assess.effects import _by_direction, _held_together
from exporter.compare.assess.result import Estimate, MeasureResult
from tests.compare.estimate.test_design import chosen, windows

TOLD = Estimate(ratio=0.9, lower=0.85, upper=0.95, stderr=0.02)
SIDES = windows(*[(n, "old", 0, 8) for n in "ab"], *[(n, "new", 0, 8) for n in "cd"])


def measured(name: str, p: float | None, verdict: str = "regression") -> MeasureResult:
    return MeasureResult(measure=name, verdict=verdict, p_value=p, estimate=TOLD)  # type: ignore[arg-type]


def test_one_weak_call_among_many_measures_is_taken_back() -> None:
    found = _held_together(
        [
            measured("prefill", 0.001),
            measured("energy", 0.04),
            measured("hit_ratio", 0.5, "inconclusive"),
            measured("speculation", None, "not_comparable"),
        ],
        0.05,
    )
    assert [one.verdict for one in found] == [
        "regression",
        "inconclusive",
        "inconclusive",
        "not_comparable",
    ]
    assert "of 3 measures" in found[1].reason
    assert found[0].reason == ""


def test_a_change_too_large_to_overlap_is_called_by_direction_alone() -> None:
    decode = MeasureResult(
        measure="decode", verdict="not_comparable", coverage=0.2, reason="only 20% of the work"
    )
    beside = chosen(SIDES)
    assert beside.kind == "side by side"
    slow = measured("inter_token_latency", 0.001).model_copy(
        update={"estimate": Estimate(ratio=0.5, lower=0.4, upper=0.6, stderr=0.1)}
    )
    called = _by_direction(decode, slow, beside)
    assert called.verdict == "regression"
    assert called.direction_only
    assert called.estimate is None
    assert "size is not known" in called.reason
    # a small change of latency decides nothing
    assert _by_direction(decode, measured("inter_token_latency", 0.001), beside) == decode
    # and before and after other traffic moves latency just so
    lives = [(n, "old", 0.0, 24.0) for n in "ab"] + [(n, "new", 24.0, 49.0) for n in "ab"]
    assert _by_direction(decode, slow, chosen(windows(*lives))) == decode
