"""A part of the load that got slower keeps the whole from being equivalent, and is named."""

from exporter.compare.assess.effects import _with_slower_parts
from exporter.compare.assess.result import Estimate, MeasureResult, RangeEffect, SubgroupEffect
from exporter.compare.assess.wording import _range_change
from exporter.vocabulary.verdict import Verdict

SLOWER = Estimate(ratio=0.88, lower=0.85, upper=0.91, stderr=0.015)


def decode(part: Verdict, subgroup: Verdict = "equivalent") -> MeasureResult:
    return MeasureResult(
        measure="decode",
        verdict="equivalent",
        ranges=(
            RangeEffect(low=64, high=256, verdict=part, estimate=SLOWER, token_share=0.15),
            RangeEffect(low=16, high=64, verdict="equivalent", estimate=None, token_share=0.85),
        ),
        subgroups=(SubgroupEffect(name="context above 9", verdict=subgroup, estimate=SLOWER),),
    )


def test_a_slower_range_keeps_the_whole_from_being_equivalent() -> None:
    result = _with_slower_parts(decode("regression"))
    assert result.verdict == "inconclusive"
    assert "slower at batch 64 to 256 (15% of the tokens)" in result.reason
    assert _range_change(result) == "; at batch 64 to 256 -12.0 %"


def test_so_does_a_slower_part_by_context() -> None:
    result = _with_slower_parts(decode("equivalent", "regression"))
    assert result.verdict == "inconclusive"
    assert _range_change(result) == "; at context above 9 -12.0 %"


def test_a_part_that_is_not_clear_does_not() -> None:
    assert _with_slower_parts(decode("inconclusive", "improvement")).verdict == "equivalent"


def test_a_part_that_got_slower_by_more_than_the_whole_is_named() -> None:
    whole = Estimate(ratio=0.95, lower=0.93, upper=0.97, stderr=0.01)
    slower = decode("regression").model_copy(update={"verdict": "regression", "estimate": whole})
    assert _range_change(slower) == "; at batch 64 to 256 -12.0 %"
    alike = slower.model_copy(update={"estimate": whole.model_copy(update={"ratio": 0.90})})
    assert _range_change(alike) == ""
