"""A review as SARIF 2.1.0, which code hosts show beside the lines it is about.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final, get_args

from ...base.untrusted import printable
from ..finding import Finding, Kind, Severity
from ..review import Review

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final[Mapping[Severity, str]] = {
    "error": "error",
    "warning": "warning",
    "note": "note",
    "detail": "none",
}


def sarif(review: Review, version: str) -> dict[str, Any]:
    """Return a SARIF log of one run; what is of no file is left out, as code hosts refuse it."""
    rules = [{"id": kind, "name": kind} for kind in get_args(Kind)]
    results = [_result(finding) for finding in review.findings if _is_file(finding)]
    driver = {"name": "inferfleet preflight", "version": version, "rules": rules}
    log: dict[str, Any] = printable(
        {
            "$schema": _SCHEMA,
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "results": results}],
        }
    )
    return log


def _is_file(finding: Finding) -> bool:
    return PurePath(finding.place.file).suffix in (".json", ".yaml", ".yml")


def _result(finding: Finding) -> dict[str, Any]:
    place = finding.place
    location: dict[str, Any] = {"artifactLocation": {"uri": PurePath(place.file).as_posix()}}
    location["region"] = {"startLine": max(place.line, 1)}
    text = f"{finding.text}: {finding.remedy}" if finding.remedy else finding.text
    return {
        "ruleId": finding.kind,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": location,
                "logicalLocations": [{"fullyQualifiedName": place.path or finding.subject}],
            }
        ],
    }
