"""What the documents say of the recorded runs is what those runs give."""

from scripts.bench.document import with_sections
from scripts.real_upgrades import ROOT, sections


def test_the_documents_have_what_the_runs_give() -> None:
    for name, texts in sections().items():
        page = (ROOT / name).read_text("utf-8")
        assert with_sections(page, texts) == page, name
