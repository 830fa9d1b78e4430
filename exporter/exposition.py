"""Prometheus exposition text becomes numbers: the hot path of the exporter.

Reads text format 0.0.4 and 1.0.0 and OpenMetrics 1.0. A page is used whole or refused whole, with
the line number and the reason; only a series with a label too long is dropped alone, and counted.
The lines of a page hardly change from scrape to scrape, so a `Reader` keeps the last page: a line
equal to the old one costs one comparison, a line of which only the value moved costs one `float`,
and the grammar below runs on new lines only.

Grammar: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0
specification. Stricter than prometheus_client's parsers where they accept what the grammar does
not (a third number after the timestamp, two different TYPEs of one family).
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import compress
from operator import ne
from sys import intern
from typing import Final

from .base.errors import PageError

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# text between quotes; possessive, for a label of megabytes would need a hundred times its size
# in places to go back to
_TEXT: Final = r"[^\"\\]*+(?:\\.[^\"\\]*+)*+"
_LABEL: Final = re.compile(
    rf"[ \t]*(?:(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)|\"(?P<quoted>{_TEXT})\")"
    rf"[ \t]*(?:=[ \t]*\"(?P<value>{_TEXT})\"[ \t]*)?(?P<end>[,}}])"
)
_ESCAPE: Final = re.compile(r"\\(.)")
_UNESCAPED: Final = {"n": "\n", "\\": "\\", '"': '"'}
_TIMESTAMP: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TYPES: Final = {
    *("counter", "gauge", "histogram", "summary", "untyped"),
    *("unknown", "info", "stateset", "gaugehistogram"),
}
_SUFFIXES: Final = ("_bucket", "_count", "_sum", "_total", "_created", "_info", "_gcount", "_gsum")


@dataclass(frozen=True, slots=True)
class ParserLimits:
    """The largest page that is still read: bytes after decompression and samples.

    A wanted series with a label of more than `label_length` characters is dropped.
    """

    page_bytes: int = 16 * 2**20
    samples: int = 100_000
    label_length: int = 4096


@dataclass(frozen=True, slots=True)
class Series:
    """One time series as the page names it; not `complete` where a label was too long to keep."""

    name: str
    labels: Mapping[str, str]
    complete: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """What stays the same from scrape to scrape: which series stand on the page, in page order.

    `types` holds every family with a TYPE line, `names` every sample name, wanted or not. `dropped`
    counts by name the wanted series that are missing here because a label is too long.
    Two pages with the same `Layout` object differ in values only.
    """

    series: tuple[Series, ...]
    lines: tuple[int, ...]
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


class Reader:
    """Reads the successive pages of one target.

    `wanted` says by sample name which series become numbers; all others are only checked.
    """

    def __init__(self, wanted: Callable[[str], bool], limits: ParserLimits | None = None) -> None:
        self._wanted = wanted
        self._limits = limits or ParserLimits()
        self._known: dict[str, Series] = {}
        self._forget()

    def _forget(self) -> None:
        self._lines: list[str] = []
        self._openmetrics = False
        self._heads: list[str] = []
        self._slots: list[int] = []
        self._page: Page | None = None

    def read(self, text: str, openmetrics: bool = False) -> Page:
        """Return the page's wanted samples, or raise `PageError` and use nothing of it.

        `openmetrics` says how the server declared the page (its content type).
        """
        if len(text) > self._limits.page_bytes:
            raise PageError(0, f"the page is larger than {self._limits.page_bytes} bytes")
        lines = text.split("\n")
        page = self._refresh(lines) if openmetrics is self._openmetrics else None
        if page is None:
            page = self._walk(lines, openmetrics)
        self._page = page
        return page

    def _refresh(self, lines: list[str]) -> Page | None:
        """Return the page if only values moved since the last one, else None."""
        old = self._lines
        if self._page is None or len(lines) != len(old):
            return None
        values = self._page.values.copy()
        heads, slots = self._heads, self._slots
        for i in compress(range(len(lines)), map(ne, lines, old)):
            head, line = heads[i], lines[i]
            if not head or not line.startswith(head):
                return None
            tail = line[len(head) :]
            try:
                value = float(tail)
            except ValueError:
                stamped = _stamped(tail)
                if stamped is None:
                    return None
                value = stamped
            if "_" in tail or not tail.isascii():
                return None
            slot = slots[i]
            if slot >= 0:
                values[slot] = value
        self._lines = lines
        return Page(self._page.layout, values)

    def _walk(self, lines: list[str], openmetrics: bool) -> Page:
        """Read every line of a page whose shape is new."""
        before = self._page
        self._forget()
        known, fresh = self._known, dict[str, Series]()
        heads, slots, numbers = [""] * len(lines), [-1] * len(lines), list[int]()
        series, values = list[Series](), list[float]()
        types, names, samples = dict[str, str](), set[str](), 0
        dropped = Counter[str]()
        end = _end_of_page(lines) if openmetrics else len(lines)
        for i, line in enumerate(lines[:end]):
            if not line or line[0] == "#" or line.isspace():
                _comment(line, i + 1, types)
                continue
            samples += 1
            if samples > self._limits.samples:
                raise PageError(i + 1, f"more than {self._limits.samples} samples on the page")
            head, space, tail = line.rpartition(" ")
            entry = known.get(head) or fresh.get(head)
            value = _number(tail) if entry else None
            if entry is None:
                bare, space, number = head.rpartition(" ")
                entry = known.get(bare)
                if entry:
                    head, value = bare, _stamped(f"{number} {tail}")
            if entry is None or value is None:
                entry, value, plain = _sample(line, i + 1, openmetrics, self._limits.label_length)
                head = line[: len(line) - plain] if plain else ""
            else:
                head += space
            wanted = self._wanted(entry.name)
            if head:
                heads[i] = intern(head)
                # of a series that is only checked nothing but the name is needed again
                kept = entry if wanted else Series(entry.name, {})
                fresh[intern(head.rstrip())] = kept
            names.add(entry.name)
            if wanted and not entry.complete:
                dropped[entry.name] += 1
            elif wanted:
                slots[i] = len(values)
                numbers.append(i + 1)
                series.append(entry)
                values.append(value)
        layout = Layout(tuple(series), tuple(numbers), types, frozenset(names), dropped)
        self._known, self._lines, self._heads, self._slots = fresh, lines, heads, slots
        self._openmetrics = openmetrics
        return (before and self._reordered(before.layout, layout, values)) or Page(layout, values)

    def _reordered(self, old: Layout, new: Layout, values: list[float]) -> Page | None:
        """Return a page in the order of an older layout, None where its series are others.

        Relays write families in another order each time, and all that is worked out by layout
        would be worked out again.
        """
        if (old.types, old.names, old.dropped) != (new.types, new.names, new.dropped):
            return None
        # entries of a line that was known are the very same objects
        places = {id(entry): i for i, entry in enumerate(old.series)}
        moves = [places.get(id(entry), -1) for entry in new.series]
        if -1 in moves or len(set(moves)) != len(old.series):
            return None
        self._slots = [slot if slot < 0 else moves[slot] for slot in self._slots]
        moved = [0.0] * len(values)
        for value, place in zip(values, moves, strict=True):
            moved[place] = value
        return Page(old, moved)


def _end_of_page(lines: list[str]) -> int:
    """Return how many lines stand before `# EOF`, which must close an OpenMetrics page."""
    last = len(lines) - 1
    while last >= 0 and not lines[last]:
        last -= 1
    if last < 0 or lines[last] != "# EOF":
        raise PageError(max(last + 1, 1), "the page does not end in '# EOF': it was cut short")
    return last


def _comment(line: str, number: int, types: dict[str, str]) -> None:
    """Note a TYPE line; HELP, UNIT and free comments are not used."""
    words = line.split(None, 3)
    if len(words) < 2 or words[0] != "#":
        return
    if words[1] == "EOF" and len(words) == 2:
        raise PageError(number, "text follows '# EOF'")
    if words[1] != "TYPE":
        return
    name = _unescape(words[2].strip('"'), number) if len(words) > 2 else ""
    kind = words[3].strip() if len(words) > 3 else ""
    if kind not in _TYPES:
        raise PageError(number, f"TYPE line names no known type: {line[:120]!r}")
    if types.setdefault(name, kind) != kind:
        raise PageError(number, f"{name} is declared {types[name]} and again {kind}")


def _number(word: str) -> float | None:
    """Return the value of a sample, or None where the word is none."""
    if "_" in word or not word.isascii():
        return None
    try:
        return float(word)
    except ValueError:
        return None


def _stamped(tail: str) -> float | None:
    """Return the value before a timestamp, or None where the text is not both."""
    number, _, stamp = tail.partition(" ")
    return _number(number) if _TIMESTAMP.fullmatch(stamp.strip()) else None


def _unescape(text: str, number: int) -> str:
    if "\\" not in text:
        return text

    def plain(match: re.Match[str]) -> str:
        try:
            return _UNESCAPED[match[1]]
        except KeyError:
            raise PageError(number, f"unknown escape {match[0]!r} in a label value") from None

    return _ESCAPE.sub(plain, text)


def _sample(
    line: str, number: int, openmetrics: bool, label_length: int
) -> tuple[Series, float, int]:
    """Parse a sample line by the full grammar.

    The third item is the length of the value, and of a timestamp behind it, where they are the last
    thing on the line, so that the rest can be kept as the head of the next scrape's line; else 0.
    """
    body = line.strip(" \t\r")
    name_match = _NAME.match(body)
    name, at = (name_match[0], name_match.end()) if name_match else ("", 0)
    while body[at : at + 1] in (" ", "\t") and at < len(body):
        at += 1
    labels: dict[str, str] = {}
    if body[at : at + 1] == "{":
        name, labels, at = _labels(body, at + 1, name, number, label_length)
    elif name_match and at == name_match.end():
        raise PageError(number, f"no value after the metric name: {line[:120]!r}")
    if not name:
        raise PageError(number, f"no metric name: {line[:120]!r}")
    rest, exemplar = body[at:], ""
    if openmetrics:
        rest, _, exemplar = rest.partition(" # ")
    words = rest.split()
    value = _number(words[0]) if words else None
    if value is None:
        raise PageError(number, f"{name} has no readable value: {line[:120]!r}")
    if len(words) > 2 or (len(words) == 2 and not _TIMESTAMP.fullmatch(words[1])):
        raise PageError(number, f"{name} is followed by more than a value and a timestamp")
    if exemplar:
        _check_exemplar(exemplar.strip(), name, number, label_length)
    plain = len(rest.lstrip()) if line.endswith(rest.lstrip()) else 0
    if any(len(text) > label_length for text in labels.values()):
        return Series(intern(name), {}, complete=False), value, plain
    labels = {intern(key): intern(text) for key, text in labels.items()}
    return Series(intern(name), labels), value, plain


def _labels(
    body: str, at: int, name: str, number: int, label_length: int
) -> tuple[str, dict[str, str], int]:
    """Parse a label set from behind its brace; return metric name, labels and where it ends.

    A value too long even if all of it were escapes is returned as it is written.
    """
    labels: dict[str, str] = {}
    while True:
        blank = at
        while body[blank : blank + 1] in (" ", "\t") and blank < len(body):
            blank += 1
        if body[blank : blank + 1] == "}":
            return name, labels, blank + 1
        match = _LABEL.match(body, at)
        if match is None:
            raise PageError(number, f"unreadable labels at column {at + 1}: {body[:120]!r}")
        key = match["name"]
        if key is None:
            key = _unescape(match["quoted"], number)
        if match["value"] is None:
            if match["quoted"] is None or name:
                raise PageError(number, f"label {key!r} has no value")
            name = key
        else:
            if key in labels:
                raise PageError(number, f"label {key!r} stands twice")
            value = match["value"]
            labels[key] = value if len(value) > 2 * label_length else _unescape(value, number)
        at = match.end()
        if match["end"] == "}":
            return name, labels, at


def _check_exemplar(text: str, name: str, number: int, label_length: int) -> None:
    """Refuse a malformed exemplar; its content is not used."""
    if not text.startswith("{"):
        raise PageError(number, f"the exemplar of {name} does not begin with '{{'")
    _, _, at = _labels(text, 1, "exemplar", number, label_length)
    words = text[at:].split()
    if not 1 <= len(words) <= 2 or any(_number(word) is None for word in words):
        raise PageError(number, f"the exemplar of {name} has no readable value")
