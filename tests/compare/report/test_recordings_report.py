"""The report on two recordings: what is drawn, written and left out agrees with itself."""

import re

import pytest

from exporter.compare.assess.result import Report
from exporter.compare.options import Options
from exporter.compare.report.html import html
from exporter.compare.report.markdown import markdown
from exporter.compare.report.rows import DETECTABLE, OUTSIDE, effect_table, side_rows
from exporter.compare.run import run

RECORDED = "vllm-dense-0.20.2-mrv1", "vllm-dense-0.26.0"


@pytest.fixture(scope="module")
def report() -> Report:
    return run(Options(recordings=RECORDED, margin=0.03, warm_up=3600.0), now=lambda: 0.0)


def test_no_point_is_drawn_where_the_table_knows_nothing(report: Report) -> None:
    (comparison,) = report.comparisons
    for side in (comparison.baseline, comparison.candidate):
        rates = [point.tokens_per_second for point in side.curve]
        assert len(rates) >= 4
        # more sequences are more tokens: a window cut by the end of a phase made it jump twofold
        assert rates == sorted(rates)
        assert max(point.batch for point in side.curve) <= 256
        assert side.largest_batch is not None
        assert side.largest_batch <= 256


def test_what_is_known_of_both_sides_is_compared(report: Report) -> None:
    (comparison,) = report.comparisons
    (share,) = (result for result in comparison.measures if result.measure == "hit_ratio")
    old, new = comparison.baseline.hit_ratio, comparison.candidate.hit_ratio
    assert old is not None
    assert new is not None
    assert share.observed_ratio == pytest.approx(new / old, abs=0.01)


def test_minutes_are_minutes(report: Report) -> None:
    rows = {name: (old, new) for name, old, new in side_rows(report.comparisons[0])}
    assert rows["data"] == ("3 min", "3 min")


def test_columns_that_say_nothing_are_left_out(report: Report) -> None:
    assert effect_table(report.comparisons[0]).columns == ("change",)
    assert "| measure | change |" in markdown(report)
    page = html(report)
    assert page.count("not comparable") <= 3
    assert DETECTABLE not in page


@pytest.mark.parametrize(
    ("ratios", "subgroups", "outside"),
    [
        ((0.854, 0.883, 0.999, 1.011), (), False),
        ((0.96, 0.97), (), True),
        ((0.94, 0.96), (0.954, 0.949), True),
        ((0.94, 0.96), (0.954, 0.940), False),
        ((0.9471,), (), False),
        ((), (), False),
    ],
)
def test_a_whole_outside_its_parts_is_explained(
    ratios: tuple[float, ...], subgroups: tuple[float, ...], outside: bool, report: Report
) -> None:
    decode = report.comparisons[0].measures[0]
    estimate = {"lower": 0.5, "upper": 1.5, "stderr": 0.1}
    data = decode.model_dump() | {
        "estimate": estimate | {"ratio": 0.947},
        "verdict": "regression",
        "minimum_detectable_effect": 0.02,
        "ranges": [
            {"low": 0, "high": 1, "verdict": "regression", "token_share": 0.5}
            | {"estimate": estimate | {"ratio": ratio}}
            for ratio in ratios
        ],
        "subgroups": [
            {"name": "x", "verdict": "regression", "estimate": estimate | {"ratio": ratio}}
            for ratio in subgroups
        ],
    }
    measure = type(decode).model_validate(data)
    comparison = report.comparisons[0].model_copy(update={"measures": (measure,)})
    legend = effect_table(comparison).legend
    assert (OUTSIDE in legend) == outside
    assert DETECTABLE in legend
    page = html(report.model_copy(update={"comparisons": (comparison,)}))
    assert (OUTSIDE in re.sub(r"\s+", " ", page)) == outside
