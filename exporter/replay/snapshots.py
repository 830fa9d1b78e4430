"""A recording's pages as canonical snapshots, as the exporter would have taken them."""

from collections.abc import Iterator

from ..base.errors import PageError, RecordingError
from ..engines import detect
from ..engines.catalog import PageContext
from ..engines.page_plans import page_plan
from ..engines.plan import Snapshot
from ..exposition import Reader
from .recording import Recording


def snapshots(recording: Recording) -> Iterator[Snapshot]:
    """Yield a snapshot of each page that was answered; its time is Unix time in seconds.

    Raises `RecordingError` for a page that cannot be read.
    """
    reader, layout, current = Reader(detect.is_in_catalog), None, None
    context = PageContext(recording.engine_version)
    for recorded in recording.pages:
        if recorded.text is None:
            continue
        try:
            page = reader.read(recorded.text, "openmetrics" in recorded.content_type)
            # layouts are the same object from page to page until a series comes or goes
            if current is None or page.layout is not layout:
                namespace = detect.detect(page.layout)
                layout = page.layout
                current = page_plan(layout, namespace, context)
            snapshot = current.apply(page, recorded.time)
        except PageError as error:
            raise RecordingError(f"{recording.name}: {recorded.member}: {error}") from error
        yield snapshot
