"""Words and counts that every form of a review shares."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from ...vocabulary.verdict import MEASURES
from ..comparability import Forbidden
from ..finding import SEVERITIES, USES, Group, Severity
from ..review import Review

TITLES: Final[Mapping[Severity, str]] = {
    "error": "Breaks, or is lost",
    "warning": "Says or does something else",
    "note": "Good to know",
    "detail": "Of little weight",
}


def headline(review: Review) -> str:
    """Return the upgrade and what was found, one line."""
    upgrade = review.upgrade
    counts = Counter(group.first.severity for group in review.groups)
    named = (
        f"{counts[severity]} {severity}{'s' * (counts[severity] != 1)}"
        for severity in SEVERITIES
        if counts[severity] and severity != "detail"
    )
    title = f"{upgrade.catalog.engine} {upgrade.old} to {upgrade.new}"
    return f"{title}: {', '.join(named) or 'nothing stands in the way'}"


def looked_at(review: Review) -> str:
    """Return how much was looked at."""
    counts = {
        "document": review.documents,
        "query": review.queries,
        "server's command line": review.launches,
    }
    plurals = {"query": "queries", "server's command line": "servers' command lines"}
    words = (
        f"{count} {word if count == 1 else plurals.get(word, word + 's')}"
        for word, count in counts.items()
    )
    return f"looked at {', '.join(words)}"


def kinds_of_use(group: Group) -> str:
    """Return what the places of a group are for, with their numbers; empty for servers."""
    counts = Counter(finding.use for finding in group.findings)
    plural = {"query": "queries"}
    return ", ".join(
        f"{counts[use]} {use if counts[use] == 1 else plural.get(use, use + 's')}"
        for use in USES
        if counts[use] and use != "server"
    )


def not_comparable(forbidden: Forbidden) -> str:
    """Return what may not be compared, on which servers, and why."""
    servers = f" on {' and '.join(forbidden.roles)} servers" if forbidden.roles else ""
    return f"not {MEASURES[forbidden.measure].title}{servers}: {forbidden.reason}"
