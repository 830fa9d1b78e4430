"""Names corrected in files as text, so that their layout stays as it is. Pure."""

import re
from collections.abc import Iterable, Mapping
from difflib import unified_diff

from .finding import Finding

Corrections = Mapping[str, Mapping[str, str]]
"""By file, each name that is wrong there and the one to put in its place."""


def corrections(findings: Iterable[Finding]) -> Corrections:
    """Return what follows from findings; a name with two replacements in a file stays."""
    wanted = dict[str, dict[str, str]]()
    unclear = set[tuple[str, str]]()
    for finding in findings:
        if not finding.replacement:
            continue
        names = wanted.setdefault(finding.place.file, {})
        if names.setdefault(finding.subject, finding.replacement) != finding.replacement:
            unclear.add((finding.place.file, finding.subject))
    for file, name in unclear:
        del wanted[file][name]
    return {file: names for file, names in wanted.items() if names}


def corrected(text: str, names: Mapping[str, str]) -> str:
    """Return a file's text with each whole name replaced; parts of longer names are left alone."""
    pattern = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.sub(rf"(?<![\w:])(?:{pattern})(?![\w:])", lambda match: names[match[0]], text)


def difference(file: str, before: str, after: str) -> str:
    """Return a unified diff that `patch -p0` applies."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(unified_diff(old, new, file, file))
