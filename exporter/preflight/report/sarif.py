"""A review as SARIF 2.1.0, which code hosts show beside the lines it is about.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0; what GitHub wants
of it beyond the schema: GitHub Docs, SARIF support for code scanning.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePath
from typing import Any, Final

from ...base.untrusted import printable
from ..finding import Finding, Kind, Severity
from ..review import Review

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final[Mapping[Severity, str]] = {
    "error": "error",
    "warning": "warning",
    "note": "note",
    "detail": "note",
}
_HELP: Final = "docs/preflight.md of inferfleet says what is looked at, and how it is judged."
_RULES: Final[Mapping[Kind, str]] = {
    "name-removed": "A query asks for a metric that the new release does not have.",
    "name-renamed": "A query asks for a metric that has another name in the new release.",
    "name-unknown": "A query asks for a metric that neither release has.",
    "type-changed": "A query asks for a metric that is of another type in the new release.",
    "meaning-changed": "A metric means something else in the new release.",
    "label-removed": "A query asks for a label that the metric does not have in the new release.",
    "label-added": "A metric has another label in the new release.",
    "bucket-removed": "A query asks for a bucket that the histogram does not have.",
    "buckets-changed": "A histogram has other buckets in the new release.",
    "query-unreadable": "A query of the engine's metrics could not be read.",
    "argument-removed": "The new release does not take an argument and ends with an error.",
    "argument-unknown": "Neither release takes an argument.",
    "value-removed": "The new release does not take a value of an argument and ends with an error.",
    "value-unknown": "Neither release takes a value of an argument.",
    "variable-removed": "The new release does not read an environment variable.",
    "variable-unknown": "Neither release reads an environment variable.",
    "default-changed": "The new release has another default for what is not given.",
    "requirement-changed": "The new release stands on another version of a package.",
    "behaviour-changed": "The new release does something otherwise.",
}


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line that a finding is about: its file as a URI reference, and its text."""

    uri: str
    text: str


def sarif(
    review: Review, version: str, source_line: Callable[[Finding], SourceLine], details: bool
) -> dict[str, Any]:
    """Return a SARIF log of one run; what is of no file is left out, as code hosts refuse it.

    With `details` it has the findings of little weight too.
    """
    rules = [
        {
            "id": kind,
            "name": kind,
            "shortDescription": {"text": text},
            "fullDescription": {"text": text},
            "help": {"text": _HELP},
        }
        for kind, text in _RULES.items()
    ]
    shown = [
        finding
        for finding in review.findings
        if _is_file(finding) and (details or finding.severity != "detail")
    ]
    counts = Counter[str]()
    results = list[dict[str, Any]]()
    for finding in shown:
        fingerprint = _fingerprint(finding)
        counts[fingerprint] += 1
        own = f"{fingerprint}:{counts[fingerprint]}"
        results.append(_result(finding, source_line(finding), own))
    driver = {"name": "inferfleet preflight", "version": version, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log: dict[str, Any] = printable({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})
    return log


def _is_file(finding: Finding) -> bool:
    return PurePath(finding.place.file).suffix in (".json", ".yaml", ".yml")


def _fingerprint(finding: Finding) -> str:
    """Return what stays as it is while lines above the finding come and go."""
    place = finding.place
    words = (finding.kind, finding.subject, finding.query, place.file, place.path)
    return sha256("\0".join(words).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _result(finding: Finding, line: SourceLine, fingerprint: str) -> dict[str, Any]:
    place = finding.place
    number = max(place.line, 1)
    text = line.text.rstrip()
    region = {
        "startLine": number,
        "startColumn": len(text) - len(text.lstrip()) + 1,
        "endLine": number,
        "endColumn": len(text) + 1,
    }
    message = f"{finding.text}: {finding.remedy}" if finding.remedy else finding.text
    return {
        "ruleId": finding.kind,
        "level": _LEVELS[finding.severity],
        "message": {"text": message},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": line.uri}, "region": region},
                "logicalLocations": [{"fullyQualifiedName": place.path or finding.subject}],
            }
        ],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }
