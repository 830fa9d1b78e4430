"""The grammar of the lines of a page, in full: new lines are read by it, and those that are odd.

Text format 0.0.4 and 1.0.0 and OpenMetrics 1.0:
https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0
specification. Stricter than prometheus_client's parsers where they accept what the grammar does
not (a third number after the timestamp, two different TYPEs of one family).
"""

import re
from collections.abc import Mapping, Sequence
from sys import intern
from typing import Final

from ..base.errors import PageError

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


def end_of_page(lines: Sequence[str]) -> int:
    """Return how many lines stand before `# EOF`, which must close an OpenMetrics page."""
    last = len(lines) - 1
    while last >= 0 and not lines[last]:
        last -= 1
    if last < 0 or lines[last] != "# EOF":
        raise PageError(max(last + 1, 1), "the page does not end in '# EOF': it was cut short")
    return last


def parse_comment(line: str, number: int, types: dict[str, str]) -> None:
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
    if types.setdefault(intern(name), intern(kind)) != kind:
        raise PageError(number, f"{name} is declared {types[name]} and again {kind}")


def value_of(tail: str) -> float | None:
    """Return the value behind a head, with a timestamp or without, None where that is not all."""
    value = _number(tail)
    if value is None:
        number, _, stamp = tail.partition(" ")
        value = _number(number) if _TIMESTAMP.fullmatch(stamp.strip()) else None
    return value


def _number(word: str) -> float | None:
    if "_" in word or not word.isascii():
        return None
    try:
        return float(word)
    except ValueError:
        return None


def _unescape(text: str, number: int) -> str:
    if "\\" not in text:
        return text

    def plain(match: re.Match[str]) -> str:
        try:
            return _UNESCAPED[match[1]]
        except KeyError:
            raise PageError(number, f"unknown escape {match[0]!r} in a label value") from None

    return _ESCAPE.sub(plain, text)


def parse_sample(
    line: str, number: int, openmetrics: bool, label_length: int
) -> tuple[str, Mapping[str, str] | None, float, str]:
    """Return name, labels and value of a sample line, and its head: what stands before the value.

    The labels are None where one is longer than `label_length`. The head is empty where the line
    ends in more than the value and a timestamp behind it.
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
    tail = rest.lstrip()
    head = line.removesuffix(tail) if line.endswith(tail) else ""
    if any(len(text) > label_length for text in labels.values()):
        return intern(name), None, value, head
    return intern(name), {intern(key): intern(text) for key, text in labels.items()}, value, head


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
