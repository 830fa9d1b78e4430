"""Sections of a document that a command writes, each between two comments."""

import re
from collections.abc import Mapping


def with_sections(page: str, sections: Mapping[str, str]) -> str:
    """Return a page with what stands between the comments of each section replaced.

    A section `costs` stands between `<!-- costs -->` and `<!-- end of costs -->`. Raises
    `ValueError` where the page has not each of them once.
    """
    for name, text in sections.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        parts = re.split(f"({re.escape(begin)}|{re.escape(end)})", page)
        if parts[1::2] != [begin, end]:
            raise ValueError(f"the page needs {begin.strip()} and {end} once, in this order")
        page = f"{parts[0]}{begin}\n{text}\n{end}{parts[4]}"
    return page
