"""What preflight says of one place: how bad it is, what is wrong, and the remedy."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["error", "warning", "note", "detail"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note", "detail")
"""What will not work, what will say or do something else, what is good to know, and the rest."""

Kind = Literal[
    "name-removed",
    "name-renamed",
    "name-unknown",
    "type-changed",
    "meaning-changed",
    "label-removed",
    "label-added",
    "bucket-removed",
    "buckets-changed",
    "query-unreadable",
    "argument-removed",
    "argument-unknown",
    "value-removed",
    "value-unknown",
    "variable-removed",
    "variable-unknown",
    "default-changed",
    "requirement-changed",
    "behaviour-changed",
]

Use = Literal[
    "server", "autoscaler", "rollout gate", "alert", "recording rule", "query", "dashboard"
]
USES: Final[tuple[Use, ...]] = (
    "server",
    "autoscaler",
    "rollout gate",
    "alert",
    "recording rule",
    "query",
    "dashboard",
)
"""What something is for, that which acts by itself first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file, names or titles on the way to it, and a line from 1 on.

    `line` is 0 where it is not known.
    """

    file: str
    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        """Return the place as people write it."""
        line = f":{self.line}" if self.line else ""
        return f"{self.file}{line}" + (f" ({self.path})" if self.path else "")


@dataclass(frozen=True, slots=True)
class MatcherEdit:
    """A matcher of a metric's that has one right correction: label, operator and value it has.

    `written` is the value that takes its place, None where the matcher is to go.
    """

    metric: str
    label: str
    operator: str
    value: str
    written: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know before the upgrade.

    `subject` is the name it is about; `text` a sentence; `remedy` what to do, half a sentence,
    empty where nothing is to be done. `query` is the query as it stands; `replacement` what the
    subject is to be replaced by, empty where that does not follow; `edit` what is to be done to a
    matcher, None where that does not follow. `source` says where it is known from.
    """

    kind: Kind
    severity: Severity
    use: Use
    place: Place
    subject: str
    text: str
    remedy: str = ""
    query: str = ""
    replacement: str = ""
    source: str = ""
    edit: MatcherEdit | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Findings that say the same of several places, the places that act by themselves first."""

    findings: tuple[Finding, ...]

    @property
    def first(self) -> Finding:
        """What all of them say."""
        return self.findings[0]

    @property
    def places(self) -> tuple[Place, ...]:
        """Where it stands, each place once."""
        return tuple(dict.fromkeys(finding.place for finding in self.findings))


def grouped(findings: Iterable[Finding]) -> tuple[Group, ...]:
    """Return findings in groups, by harm: severity, what they break, how often."""
    groups = dict[tuple[str, ...], list[Finding]]()
    for each in findings:
        groups.setdefault((each.kind, each.severity, each.subject, each.text), []).append(each)
    ordered = [
        Group(tuple(sorted(group, key=lambda each: USES.index(each.use))))
        for group in groups.values()
    ]
    return tuple(sorted(ordered, key=_harm))


def _harm(group: Group) -> tuple[object, ...]:
    first = group.first
    return (
        SEVERITIES.index(first.severity),
        USES.index(first.use),
        # without it nothing starts
        first.kind != "requirement-changed",
        -len(group.findings),
        first.subject,
    )
