"""The report on recordings: what is drawn, written and left out agrees with itself."""

import re
from html import unescape
from io import StringIO

import pytest
from rich.console import Console

from exporter.compare.assess.criteria import Criteria
from exporter.compare.assess.result import Report
from exporter.compare.options import Options
from exporter.compare.replicates.comparison import compare_runs
from exporter.compare.report.html import html
from exporter.compare.report.markdown import markdown
from exporter.compare.report.plots import effect_by_batch
from exporter.compare.report.rows import DETECTABLE, OUTSIDE, effect_table, side_rows
from exporter.compare.report.runs import AA_LEGEND, run_tables
from exporter.compare.report.terminal import print_report
from exporter.compare.run import run
from tests.compare.replicates.made import WIDTH, made_fleet, made_windows

RECORDED = "vllm-dense-0.20.2-mrv1", "vllm-dense-0.26.0"


@pytest.fixture(scope="module")
def report() -> Report:
    old, new = RECORDED
    options = Options(
        baseline_recordings=(old,), candidate_recordings=(new,), margin=0.03, warm_up=3600.0
    )
    return run(options, now=lambda: 0.0)


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


@pytest.fixture(scope="module")
def of_runs() -> Report:
    """A report on made runs, three a side, the last one wild."""
    rates = [{"small": 100.0 + i, "large": 900.0 - 10 * i} for i in range(6)]
    windows = made_windows([1.0, 1.01, 1.0, 0.9, 0.91, 0.5], joules=[0.2] * 3 + [None] * 3)
    fleet = made_fleet(windows, 3, rates=rates, ttfts=[0.01 * (10 + i) for i in range(6)])
    comparison = compare_runs(fleet, Criteria(0.03, 0.05), None)
    return Report(
        inferfleet_version="1",
        generated_at=0.0,
        source="recordings",
        baseline="run-0, run-1, run-2",
        candidate="run-3, run-4, run-5",
        margin=0.03,
        alpha=0.05,
        window_seconds=WIDTH,
        start=None,
        end=None,
        headline=comparison.headline,
        verdict=comparison.verdict,
        comparisons=(comparison,),
        notes=(),
    )


def printed(report: Report, width: int) -> str:
    text = StringIO()
    print_report(report, Console(file=text, width=width, emoji=False))
    return text.getvalue()


def test_runs_and_phases_stand_in_every_report(of_runs: Report) -> None:
    (runs, phases, latencies) = run_tables(of_runs.comparisons[0])
    names = [f"run-{i}" for i in range(6)]
    assert [row[0] for row in runs.rows[:6]] == names
    assert [row[0] for row in phases.rows] == ["small", "large"]
    for text in (printed(of_runs, 120), markdown(of_runs), html(of_runs)):
        plain = " ".join(unescape(re.sub("<[^>]+>", " ", text)).split())
        for table in (runs, phases, latencies):
            assert table.title.casefold() in plain.casefold()
            for row in table.rows:
                assert all(cell in plain for cell in row)
        assert AA_LEGEND in plain
    assert "A/A, %" in phases.heads
    assert latencies.rows[0][:3] == ("small, time to first token", "109.7", "139.8")
    assert "0.2 J" in {row[-1] for row in runs.rows}


def test_a_narrow_terminal_cuts_no_word_of_the_runs(of_runs: Report) -> None:
    for width in (80, 120):
        text = printed(of_runs, width)
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= width
        for word in ("run-5", "candidate", "small", "interval, %", "A/A, %", "inconclusive"):
            assert word in text


def test_no_table_of_single_runs(report: Report) -> None:
    (phases,) = run_tables(report.comparisons[0])
    assert phases.heads == ("phase", "baseline", "candidate", "from the cells, %", "change, %")
    assert not phases.legend


def test_the_report_keeps_what_json_says(of_runs: Report) -> None:
    again = Report.model_validate_json(of_runs.model_dump_json())
    assert again == of_runs


def test_an_interval_that_says_nothing_presses_no_other_flat(of_runs: Report) -> None:
    (comparison,) = of_runs.comparisons
    estimates = [part.estimate for part in comparison.measures[0].cells]
    assert max(estimate.upper for estimate in estimates if estimate) > 1.7
    labels = re.findall(r">[\u2212-]?(\d+)</text>", effect_by_batch(comparison))
    assert 0 < max(int(label) for label in labels) <= 40
