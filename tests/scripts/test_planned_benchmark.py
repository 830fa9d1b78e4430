"""The benchmark that was run says what its document says, and clients and counters agree."""

from scripts.bench.document import with_sections
from scripts.planned_benchmark import DOCUMENT, ROOT, compared, sections


def test_the_document_has_what_the_recordings_say() -> None:
    page = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    assert with_sections(page, sections()) == page


def test_the_load_client_measured_what_the_counters_say() -> None:
    phases = compared().phases
    assert [phase.phase for phase in phases] == ["quiet", "typical-busy"]
    for phase in phases:
        assert phase.estimate is not None
        assert phase.cells_estimate is not None
        assert abs(phase.estimate.ratio - phase.cells_estimate.ratio) < 0.005
