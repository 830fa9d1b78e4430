"""The benchmark that was run says what its document says, and clients and counters agree."""

from exporter.bench_plan.runs import order_of, run_names, runs_per_side
from exporter.compare.replicates.effect import RUN_STDDEV
from scripts.bench.document import with_sections
from scripts.planned_benchmark import DOCUMENT, EFFECT, ROOT, RUNS, compared, sections


def test_the_document_has_what_the_recordings_say() -> None:
    page = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    assert with_sections(page, sections()) == page


def test_every_run_of_a_plan_for_the_effect_was_made() -> None:
    names = run_names(order_of(runs_per_side(EFFECT, RUN_STDDEV)))
    assert len(names) == 6
    assert sorted(path.name for path in RUNS.iterdir()) == [f"{name}.tar.xz" for name in names]


def test_the_load_client_measured_what_the_counters_say() -> None:
    phases = compared().phases
    assert [phase.phase for phase in phases] == ["quiet", "typical-busy"]
    for phase in phases:
        assert phase.estimate is not None
        assert phase.cells_estimate is not None
        assert phase.cells_estimate.lower < phase.client_ratio < phase.cells_estimate.upper
        assert abs(phase.estimate.ratio - phase.cells_estimate.ratio) < 0.01


def test_runs_of_a_side_differ_more_than_the_plan_took_them_to() -> None:
    decode = compared().measures[0]
    assert decode.run_spread is not None
    assert decode.required_sample_size is not None
    for difference in (decode.run_spread.baseline, decode.run_spread.candidate):
        assert difference is not None
        assert 2**0.5 * RUN_STDDEV < difference < 0.02
    assert decode.required_sample_size.servers is not None
    assert decode.required_sample_size.servers > 3
    assert decode.verdict == "inconclusive"
