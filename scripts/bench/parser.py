"""CPU of one page in the parser, beside prometheus_client's text parser, in steady state."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

from prometheus_client.parser import text_string_to_metric_families

from exporter.engines import detect
from exporter.exposition import Reader
from exporter.replay.recording import Recording


@dataclass(frozen=True, slots=True)
class ParserCost:
    """Milliseconds of CPU a page of a recording."""

    recording: str
    exporter_ms: float
    reference_ms: float


def parser_cost(recording: Recording) -> ParserCost:
    """Measure both parsers on the pages of a recording, read one after another."""
    pages = [page.text for page in recording.pages if page.text]
    reader = Reader(detect.is_in_catalog)
    _ms_a_page(reader.read, pages)
    return ParserCost(
        recording.name,
        statistics.median(_ms_a_page(reader.read, pages) for _ in range(5)),
        statistics.median(_ms_a_page(_reference, pages) for _ in range(2)),
    )


def _reference(page: str) -> None:
    list(text_string_to_metric_families(page))


def _ms_a_page(read: Callable[[str], object], pages: list[str]) -> float:
    start = process_time()
    for page in pages:
        read(page)
    return 1000 * (process_time() - start) / len(pages)
