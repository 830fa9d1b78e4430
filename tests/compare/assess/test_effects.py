"""How the measures of one comparison bear on each other."""

from exporter.compare.assess.effects import _by_direction
from exporter.compare.assess.result import Estimate, MeasureResult
from exporter.compare.assess.verdict import withdraw_chance_calls
from tests.compare.estimate.test_design import chosen, windows

ESTIMATE = Estimate(ratio=0.9, lower=0.85, upper=0.95, stderr=0.02)
SIDES = windows(*[(n, "old", 0, 8) for n in "ab"], *[(n, "new", 0, 8) for n in "cd"])


def measured(name: str, p: float | None, verdict: str = "regression") -> MeasureResult:
    return MeasureResult(measure=name, verdict=verdict, p_value=p, estimate=ESTIMATE)  # type: ignore[arg-type]


def test_one_weak_call_among_many_measures_is_withdrawn() -> None:
    results = withdraw_chance_calls(
        [
            measured("prefill", 0.001),
            measured("energy", 0.04),
            measured("hit_ratio", 0.5, "inconclusive"),
            measured("speculation", None, "not_comparable"),
        ],
        0.05,
        "measures judged",
    )
    assert [result.verdict for result in results] == [
        "regression",
        "inconclusive",
        "inconclusive",
        "not_comparable",
    ]
    assert "of 3 measures" in results[1].reason
    assert results[0].reason == ""


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
