"""Sections are replaced between their comments, and nothing else is."""

import pytest

from scripts.bench.__main__ import DOCUMENT
from scripts.bench.document import with_sections
from scripts.bench.report import SECTIONS

PAGE = "before\n<!-- costs -->\nold \\1\n<!-- end of costs -->\nafter\n"


def test_what_stands_around_a_section_stays() -> None:
    page = with_sections(PAGE, {"costs": "new \\2\n"})
    assert page == PAGE.replace("old \\1", "\nnew \\2\n")
    assert with_sections(page, {"costs": "new \\2\n"}) == page


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<!-- costs -->\n",
        "<!-- end of costs -->\n<!-- costs -->\n",
        PAGE + PAGE,
    ],
)
def test_a_page_without_the_section_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="<!-- costs -->"):
        with_sections(page, {"costs": "new\n"})


def test_the_document_has_every_section() -> None:
    assert with_sections(DOCUMENT.read_text("utf-8"), dict.fromkeys(SECTIONS, ""))
