"""Findings of single queries, for tests."""

from exporter.preflight.catalog import release_catalog
from exporter.preflight.finding import Finding, Place
from exporter.preflight.names import name_findings
from exporter.preflight.samples import SampleNames
from exporter.preflight.sources.queries import Query


def findings_of(
    text: str, old: str, new: str, engine: str = "vllm", recorded: frozenset[str] = frozenset()
) -> list[Finding]:
    """Return what is wrong with a query on an upgrade."""
    names = SampleNames(release_catalog(engine), old, new)
    return list(name_findings(Query(text, Place("file"), "query"), names, recorded))
