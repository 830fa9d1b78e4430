"""Words and counts that every form of a review shares."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from ...base.units import format_duration
from ...vocabulary.verdict import MEASURES
from ..comparability import Forbidden
from ..finding import SEVERITIES, USES, Group, Severity
from ..plan.fleet import Hours, LiveFleet
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


def fleet_line(live: LiveFleet) -> str:
    """Return what runs: servers, GPUs, model, and how much it generates."""
    gpus = f"{live.gpus} {live.gpu_model}" if live.gpus else live.gpu_model
    servers = f"{live.servers} server{'s' * (live.servers != 1)}"
    return (
        f"{servers} of {live.engine} {live.release} on {gpus or 'unknown GPUs'} "
        f"serve{'s' * (live.servers == 1)} {live.model}: "
        f"{live.tokens_per_second:,.0f} tokens/s over the last {format_duration(live.past_seconds)}"
    )


def hours_head(live: LiveFleet) -> tuple[str, str, str]:
    """Return the heads of the table of hours."""
    return (
        "upgraded",
        f"a loss of {100 * live.effect:.3g} % is found",
        f"no change is shown ({100 * live.margin:.3g} %)",
    )


def hours_rows(live: LiveFleet) -> list[tuple[str, str, str]]:
    """Return the rows of the table of hours, a way to roll out each."""
    return [(each.title, _hours(each.loss), _hours(each.no_change)) for each in live.rollouts]


def hours_note(live: LiveFleet) -> str:
    """Return where the hours are from, and how often a change was called where there was none."""
    tried = sum(each.loss.tried for each in live.rollouts)
    wrong = sum(each.wrong_calls for each in live.rollouts)
    called = f"; in {wrong} of them a change was called" if wrong else ""
    return (
        f"hours from their traffic on, median (least to most), had it been done in this past: "
        f"{tried} upgrades pretended there, which changed nothing{called}"
    )


def _hours(hours: Hours) -> str:
    if hours.least is None or hours.most is None:
        return "not in time"
    middle = "not in time" if hours.median is None else f"{hours.median:.3g} h"
    parts = [f"{hours.least:.3g} to {hours.most:.3g}"] if hours.least < hours.most else []
    if hours.decided < hours.tried:
        parts.append(f"{hours.decided} of {hours.tried}")
    return f"{middle} ({', '.join(parts)})" if parts else middle
