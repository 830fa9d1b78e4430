"""Plans and snapshots of a page by model."""

from exporter.engines import detect
from exporter.engines.catalog import PageContext
from exporter.engines.page_plans import page_plans
from exporter.engines.plan import Plan, Snapshot
from exporter.exposition import Reader

CONTEXT = PageContext("0.25.0")
RAY = {
    "Component": "core_worker",
    "NodeAddress": "10.1.2.3",
    "SessionName": "session_1",
    "Version": "2.60.0",
}


def plans(text: str, before: dict[str, tuple[str, ...]] | None = None) -> dict[str, Plan]:
    """Return the plans of a page by model."""
    layout = Reader(detect.is_in_catalog).read(text).layout
    made = page_plans(layout, detect.detect(layout), lambda _: CONTEXT, before)
    return {one.model: one for one in made}


def snapshots(text: str) -> dict[str, Snapshot]:
    """Return the snapshots of a page by model."""
    page = Reader(detect.is_in_catalog).read(text)
    made = page_plans(page.layout, detect.detect(page.layout), lambda _: CONTEXT)
    return {one.model: one.apply(page, 0.0) for one in made}


def notes(found: Plan) -> str:
    return "; ".join(found.notes)
