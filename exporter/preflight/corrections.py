"""Names and matchers corrected in files as text, so that their layout stays as it is. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff

from .finding import Finding, MatcherEdit
from .rewriting import edited


@dataclass(frozen=True, slots=True)
class Correction:
    """What is wrong in a file: each name with the one to put in its place, and matchers."""

    names: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[MatcherEdit, ...] = ()

    def __len__(self) -> int:
        """Return how many corrections there are."""
        return len(self.names) + len(self.edits)

    def __str__(self) -> str:
        """Return what is corrected, for people."""
        matchers = [f'{edit.label}{edit.operator}"{edit.value}"' for edit in self.edits]
        return ", ".join((*sorted(self.names), *matchers))


def corrections(findings: Iterable[Finding]) -> dict[str, Correction]:
    """Return by file what follows from findings; a name with two replacements in a file stays."""
    names = dict[str, dict[str, set[str]]]()
    edits = dict[str, dict[MatcherEdit, None]]()
    for finding in findings:
        file = finding.place.file
        if finding.replacement:
            names.setdefault(file, {}).setdefault(finding.subject, set()).add(finding.replacement)
        if finding.edit is not None:
            edits.setdefault(file, {})[finding.edit] = None
    wanted = {
        file: Correction(
            {name: min(new) for name, new in names.get(file, {}).items() if len(new) == 1},
            tuple(edits.get(file, ())),
        )
        for file in (*names, *edits)
    }
    return {file: correction for file, correction in wanted.items() if len(correction)}


def corrected(text: str, correction: Correction) -> str:
    """Return a file's text with matchers edited and whole names replaced.

    Parts of longer names are left alone.
    """
    for edit in correction.edits:
        text = edited(text, edit)
    names = correction.names
    if not names:
        return text
    pattern = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.sub(rf"(?<![\w:])(?:{pattern})(?![\w:])", lambda match: names[match[0]], text)


def difference(file: str, before: str, after: str) -> str:
    """Return a unified diff that `patch -p0` applies."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(unified_diff(old, new, file, file))
