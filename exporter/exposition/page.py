"""What is read from a page: its series, which stay from scrape to scrape, and their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_SUFFIXES: Final = ("_bucket", "_count", "_sum", "_total", "_created", "_info", "_gcount", "_gsum")


@dataclass(frozen=True, slots=True)
class ParserLimits:
    """The largest page that is still read: bytes after decompression and samples.

    A wanted series with a label of more than `label_length` characters is dropped.
    """

    page_bytes: int = 16 * 2**20
    samples: int = 100_000
    label_length: int = 4096


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Series:
    """One time series as the page names it; not `complete` where a label was too long to keep.

    `head` is what stands before its value, empty where its line has no such order. The pages on
    which it stands now share one object.
    """

    name: str
    labels: Mapping[str, str]
    complete: bool = True
    head: str = ""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Layout:
    """What stays the same from scrape to scrape: which series stand on the page, in page order.

    `lines` are their line numbers. `types` holds every family with a TYPE line, `names` every
    sample name, wanted or not. `dropped` counts by name the wanted series that are missing here
    because a label is too long. Two pages with the same `Layout` object differ in values only,
    be they of one server or of two.
    """

    series: tuple[Series, ...]
    lines: Sequence[int]
    types: Mapping[str, str]
    names: frozenset[str]
    dropped: Mapping[str, int] = field(default_factory=dict)

    def type_of(self, name: str) -> str:
        """Return the TYPE of the family a sample name belongs to, `untyped` where there is none."""
        if name in self.types:
            return self.types[name]
        for suffix in _SUFFIXES:
            base = name.removesuffix(suffix)
            if base != name and base in self.types:
                return self.types[base]
        return "untyped"


@dataclass(frozen=True, slots=True)
class Page:
    """The wanted samples of one page: `values[i]` belongs to `layout.series[i]`."""

    layout: Layout
    values: list[float]
