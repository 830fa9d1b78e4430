"""What must hold of every page that the exporter showed, a restart in between or not."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from .checks import Check, between, equal
from .exporter import Page

_Series = tuple[str, frozenset[tuple[str, str]]]

_OWN: Final = ("inferfleet_load_", "inferfleet_scrape", "inferfleet_server_restarts_total")
"""How counters that the exporter counts itself begin: they fall at no restart of a server."""


def negatives(pages: Sequence[Page]) -> int:
    """Return how many samples were below zero."""
    return sum(sample.value < 0 for page in pages for sample in page.samples)


def falls(pages: Sequence[Page]) -> int:
    """Return how often a counter of the exporter's own fell from a page to the next.

    Load cells go while a server is down or is not known as what it was, and may begin anew.
    """
    counts = [dict(_own(page)) for page in pages]
    return sum(
        after.get(series, value) < value
        for before, after in pairwise(counts)
        for series, value in before.items()
    )


def increase(pages: Sequence[Page], name: str) -> float:
    """Return by how much a counter's series rose in all; one that fell has begun anew at zero."""
    last, total = dict[frozenset[tuple[str, str]], float](), 0.0
    for page in pages:
        for sample in page.matching(name):
            series = frozenset(sample.labels.items())
            before = last.get(series, 0.0)
            total += sample.value - before if sample.value >= before else sample.value
            last[series] = sample.value
    return total


def largest(pages: Sequence[Page], name: str) -> float | None:
    """Return the largest value that a family showed on any page."""
    return max((value for page in pages for value in page.values(name)), default=None)


def checks(where: str, pages: Sequence[Page], concurrency: int, most: int) -> list[Check]:
    """Check all pages of a round whose client had so many requests at once; `most` may run."""
    return [
        equal(f"{where}: samples below zero on {len(pages)} pages", 0, negatives(pages)),
        equal(f"{where}: falls of the exporter's own counters", 0, falls(pages)),
        between(
            f"{where}: largest decode batch on any page",
            0,
            1.25 * concurrency,
            largest(pages, "decode_batch_size"),
        ),
        between(
            f"{where}: largest occupancy on any page",
            0,
            1.25 * concurrency / most,
            largest(pages, "batch_occupancy_ratio"),
        ),
    ]


def _own(page: Page) -> Iterator[tuple[_Series, float]]:
    for sample in page.samples:
        if sample.name.startswith(_OWN) and sample.name.endswith("_total"):
            yield (sample.name, frozenset(sample.labels.items())), sample.value
