"""Reads the successive pages of a target, of which hardly more than the values changes.

A page is used whole or refused whole, with the line number and the reason; only a series with a
label too long is dropped alone, and counted. What stands before the values of a page is its shape.
A page of the shape that its reader knows is checked by a few loops in C; the grammar of lines runs
where the shape is new, and there on the lines that no page has now. Servers of one release and
model write pages of one shape: they share it, and all that follows from its layout. It is kept for
as long as it is the last one of some reader, and no longer.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from weakref import WeakValueDictionary

from ..base.errors import PageError
from ..base.item_getter import item_getter
from .grammar import end_of_page, parse_comment, parse_sample, value_of
from .page import Layout, Page, ParserLimits, Series

_NO_LABELS: Final[Mapping[str, str]] = {}

_Heads = tuple[str, ...]
"""What stands before the value of each line of a page, or all of the line where it has none."""


class _Shape:
    """What pages have in common that differ in values only.

    `lines` are those that have a value, `series` theirs, and `places` say which of them belong to
    the layout, in its order.
    """

    def __init__(
        self,
        heads: _Heads,
        lines: Sequence[int],
        series: Sequence[Series],
        layout: Layout,
        places: Sequence[int],
    ) -> None:
        self.layout = layout
        self.pick: Callable[[Sequence[float]], tuple[float, ...]] = item_getter(places)
        self._heads, self._lines, self._series, self._places = heads, lines, series, places
        self._length = sum(map(len, heads)) + len(heads) - 1
        self._tails: Callable[[Sequence[str]], tuple[str, ...]] = item_getter(lines)
        others = sorted(set(range(len(heads))).difference(lines))
        self._rests: Callable[[Sequence[str]], tuple[str, ...]] = item_getter(others)

    def values(self, text: str) -> Sequence[float] | None:
        """Return the value of every series of a page, None where its shape is another."""
        lines, heads = text.split("\n"), self._heads
        if len(lines) != len(heads):
            return None
        rests = list(map(str.removeprefix, lines, heads))
        without_heads = "".join(rests)
        # a line without its head is left whole
        if len(without_heads) != len(text) - self._length or any(self._rests(rests)):
            return None
        if "_" in without_heads or not without_heads.isascii():
            return None
        tails = self._tails(rests)
        # a page repeats few numbers many times: 0 above all
        distinct = set(tails)
        try:
            numbers = dict(zip(distinct, map(float, distinct), strict=True))
        except ValueError:
            stamped = ((tail, value_of(tail)) for tail in distinct)
            numbers = {tail: value for tail, value in stamped if value is not None}
        return list(map(numbers.__getitem__, tails)) if len(numbers) == len(distinct) else None

    def in_order_of(self, layout: Layout) -> "_Shape":
        """Return this shape with a layout that has the same series in another order, if it has.

        Relays write families in another order each time, and all that is worked out by layout
        would be worked out again.
        """
        new = self.layout
        if (layout.types, layout.names, layout.dropped) != (new.types, new.names, new.dropped):
            return self
        places = {id(self._series[place]): place for place in self._places}
        ordered = [places.get(id(series), -1) for series in layout.series]
        if len(places) != len(new.series) or set(ordered) != set(places.values()):
            return self
        return _Shape(self._heads, self._lines, self._series, layout, ordered)


@dataclass(frozen=True, slots=True)
class _Cache:
    """Shapes by their heads, declared as OpenMetrics or not, and series by head: those in use."""

    shapes: WeakValueDictionary[tuple[bool, _Heads], _Shape] = field(
        default_factory=WeakValueDictionary
    )
    series: WeakValueDictionary[str, Series] = field(default_factory=WeakValueDictionary)


@lru_cache(maxsize=8)
def _cache(name_filter: Callable[[str], bool], limits: ParserLimits) -> _Cache:
    """Return what readers share that treat a page alike."""
    return _Cache()


class Reader:
    """Reads the successive pages of one target.

    `name_filter` says by sample name which series become numbers; all others are only checked.
    """

    def __init__(
        self, name_filter: Callable[[str], bool], limits: ParserLimits | None = None
    ) -> None:
        self._name_filter = name_filter
        self._limits = limits or ParserLimits()
        self._cache = _cache(name_filter, self._limits)
        self._openmetrics = False
        self._shape: _Shape | None = None

    def read(self, text: str, openmetrics: bool = False) -> Page:
        """Return the page's wanted samples, or raise `PageError` and use nothing of it.

        `openmetrics` says how the server declared the page (its content type).
        """
        if len(text) > self._limits.page_bytes:
            raise PageError(0, f"the page is larger than {self._limits.page_bytes} bytes")
        shape = self._shape
        values = shape.values(text) if shape and openmetrics is self._openmetrics else None
        if shape is None or values is None:
            shape, values = self._walk(text.split("\n"), openmetrics)
            if self._shape:
                shape = shape.in_order_of(self._shape.layout)
            self._shape, self._openmetrics = shape, openmetrics
        return Page(shape.layout, list(shape.pick(values)))

    def _walk(self, lines: Sequence[str], openmetrics: bool) -> tuple[_Shape, Sequence[float]]:
        """Read every line of a page; return its shape, and the value of every series."""
        heads, numbers, values = list(lines), array("I"), list[float]()
        entries, places = list[Series](), list[int]()
        types, names, dropped = dict[str, str](), set[str](), Counter[str]()
        end = end_of_page(lines) if openmetrics else len(lines)
        for i, line in enumerate(lines[:end]):
            if not line or line[0] == "#" or line.isspace():
                parse_comment(line, i + 1, types)
                continue
            if len(values) == self._limits.samples:
                raise PageError(i + 1, f"more than {self._limits.samples} samples on the page")
            series, value = self._known_sample(line) or self._new_sample(line, i + 1, openmetrics)
            numbers.append(i)
            heads[i] = series.head
            values.append(value)
            names.add(series.name)
            if not self._name_filter(series.name):
                pass
            elif series.complete:
                places.append(len(entries))
            else:
                dropped[series.name] += 1
            entries.append(series)
        key = openmetrics, tuple(heads)
        shape = self._cache.shapes.get(key)
        if shape is None:
            selected = tuple(entries[place] for place in places)
            selected_lines = array("I", [numbers[place] + 1 for place in places])
            layout = Layout(selected, selected_lines, types, frozenset(names), dropped)
            shape = _Shape(key[1], numbers, entries, layout, places)
            if all(entry.head for entry in entries):
                self._cache.shapes[key] = shape
        return shape, values

    def _known_sample(self, line: str) -> tuple[Series, float] | None:
        """Read a line that differs in its value only from one of a page in use."""
        at = line.rfind(" ") + 1
        series = self._cache.series.get(line[:at])
        if series is None:
            at = line.rfind(" ", 0, max(at - 1, 0)) + 1
            series = self._cache.series.get(line[:at])
        value = value_of(line[at:]) if series else None
        return None if series is None or value is None else (series, value)

    def _new_sample(self, line: str, number: int, openmetrics: bool) -> tuple[Series, float]:
        name, labels, value, head = parse_sample(
            line, number, openmetrics, self._limits.label_length
        )
        # of what is only checked nothing but the name is needed again
        gauge_labels = labels if labels and self._name_filter(name) else _NO_LABELS
        series = Series(name, gauge_labels, labels is not None, head)
        if head:
            self._cache.series[head] = series
        return series, value
