"""Pages as lists, read by the exporter's parser and by prometheus_client's."""

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_reference,
)
from prometheus_client.parser import text_string_to_metric_families as text_reference

from exporter.exposition import Page, ParserLimits, Reader

Plain = list[tuple[str, list[tuple[str, str]], float]]


def reader(limits: ParserLimits | None = None) -> Reader:
    return Reader(lambda name: True, limits)


def plain(page: Page) -> Plain:
    return [
        (one.name, sorted(one.labels.items()), value)
        for one, value in zip(page.layout.series, page.values, strict=True)
    ]


def by_reference(text: str, openmetrics: bool = False) -> Plain:
    parse = openmetrics_reference if openmetrics else text_reference
    return [
        (sample.name, sorted(sample.labels.items()), float(sample.value))
        for family in parse(text)
        for sample in family.samples
    ]


def same(ours: Plain, theirs: Plain) -> bool:
    return [(n, ls, repr(v)) for n, ls, v in ours] == [(n, ls, repr(v)) for n, ls, v in theirs]
