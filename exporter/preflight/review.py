"""An upgrade looked at: documents and servers in, what it breaks out, the worst first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..engines.registry import ENGINES
from ..vocabulary.verdict import Measure
from .behaviour import launch_findings, release_findings
from .catalog import release_catalog
from .catalog.notes import release_notes
from .comparability import Forbidden, allowed_measures, forbidden_measures
from .finding import Finding, Group, Place, Severity, grouped
from .names import name_findings
from .samples import SampleNames
from .sources.files import Document, Unread, documents, located
from .sources.grafana import dashboard_queries, is_dashboard
from .sources.launches import Launch, document_launches
from .sources.manifests import manifest_queries, recorded_names
from .sources.queries import Query
from .upgrade import Upgrade


@dataclass(frozen=True, slots=True)
class Review:
    """What is to be known before an upgrade.

    `documents`, `queries` and `launches` count what was looked at, `servers` the replicas that the
    workloads ask for, None where one does not say; `allowed` are the measures of a
    verdict that may be compared across the upgrade, `forbidden` those that may not, or not on all
    servers.
    """

    upgrade: Upgrade
    groups: tuple[Group, ...]
    unread: tuple[Unread, ...]
    documents: int
    queries: int
    launches: int
    servers: int | None
    allowed: tuple[Measure, ...]
    forbidden: tuple[Forbidden, ...]

    def groups_of(self, severity: Severity) -> tuple[Group, ...]:
        """Return the groups of a severity."""
        return tuple(group for group in self.groups if group.first.severity == severity)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, by harm."""
        return tuple(finding for group in self.groups for finding in group.findings)


def review(upgrade: Upgrade, paths: Sequence[Path], given: Sequence[Launch]) -> Review:
    """Return what an upgrade breaks in documents below paths and in servers started so."""
    read = list(documents(paths))
    known = [each for each in read if isinstance(each, Document)]
    engine = upgrade.catalog.engine
    queries = [query for document in known for query in _queries(document)]
    arguments = {name: _arguments(name) for name in ENGINES}
    launches = [
        *given,
        *(
            launch
            for document in known
            # a dashboard starts nothing, and is large
            if not is_dashboard(document.content)
            for launch in document_launches(
                document.content, ENGINES[engine], document.file, arguments
            )
        ),
    ]
    recorded = {name for document in known for name in recorded_names(document.content)}
    forbidden = forbidden_measures(engine, upgrade.old, upgrade.new)
    return Review(
        upgrade,
        grouped(located(_findings(upgrade, queries, launches, recorded))),
        tuple(each for each in read if isinstance(each, Unread)),
        len(known),
        len(queries),
        sum(launch.is_server for launch in launches),
        _servers([launch for launch in launches if launch.is_server]),
        allowed_measures(forbidden),
        forbidden,
    )


def _arguments(engine: str) -> frozenset[str]:
    """Return the arguments of any release, those before the catalog by their notes."""
    gone = {name for note in release_notes(engine) for name in note.replaces}
    return release_catalog(engine).names("arguments") | gone


def _servers(launches: Sequence[Launch]) -> int | None:
    replicas = [launch.replicas for launch in launches]
    known = [count for count in replicas if count is not None]
    return sum(known) if known and len(known) == len(replicas) else None


def _queries(document: Document) -> Iterator[Query]:
    if isinstance(document.content, dict) and is_dashboard(document.content):
        yield from dashboard_queries(document.content, document.file)
    else:
        yield from manifest_queries(document.content, document.file)


def _findings(
    upgrade: Upgrade, queries: list[Query], launches: list[Launch], recorded: set[str]
) -> Iterator[Finding]:
    catalog, old, new = upgrade.catalog, upgrade.before, upgrade.after
    names = SampleNames(catalog, old, new)
    for query in queries:
        yield from name_findings(query, names, recorded)
    yield from release_findings(catalog, old, new)
    if not any(launch.is_server for launch in launches):
        launches = [*launches, Launch({}, {}, Place(f"{catalog.engine} {new}"))]
    for launch in launches:
        yield from launch_findings(launch, catalog, old, new)
