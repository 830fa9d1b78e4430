"""Texts, numbers and documents from outside: what of them may go on, wherever they came from.

A server, another tool's file or an API may send anything. Whoever takes something from one of them
lets it through here, so that no value can end a page, no text forge a line of the log or grow it
without bound, and no document cost a hundred times its size.
"""

import json
from math import isfinite
from typing import Any, Final

SHOWN_CHARACTERS: Final = 200
SENTENCE_CHARACTERS: Final = 800
"""What a whole sentence may have that quotes something."""
EXACT: Final = 2**53
"""From here on a float cannot tell a whole number from the next: no count of anything."""

_MOST_VALUES: Final = 50_000


def one_line(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """Return text as a part of a log line or an error sentence.

    What is not printable (line breaks, terminal escapes, marks that turn the direction of writing,
    lone surrogates) is escaped as Python would. Behind `limit` characters the rest is counted.
    """
    shown = text[:limit]
    if not shown.isprintable():
        shown = "".join(map(_escaped, shown))
    return shown if len(text) <= limit else f"{shown}... and {len(text) - limit} more characters"


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def printable(document: object) -> Any:
    """Return a JSON document with every text in it as `one_line` shows it, at its whole length."""
    if isinstance(document, str):
        return one_line(document, len(document))
    if isinstance(document, dict):
        return {printable(key): printable(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [printable(value) for value in document]
    return document


def is_unicode(text: str) -> bool:
    """Whether text can be written as UTF-8; JSON and file names may hold halves of characters."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def finite(value: object) -> float | None:
    """Return a number as a float; None for what is none, NaN, infinite or too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def json_document(body: bytes, most_values: int = _MOST_VALUES) -> object:
    """Return a JSON document; raise `ValueError` with half a sentence where it is none.

    One of more than `most_values` values is refused before it is read: each costs up to a hundred
    bytes of memory for two of text. So is one nested deeper than Python's stack, and a whole number
    of thousands of digits. Bytes that are no UTF-8 become replacement characters.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > most_values:
        raise ValueError(f"it holds more than {most_values} values")
    try:
        document: object = json.loads(body.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {one_line(str(error))}") from None
    except ValueError:
        raise ValueError("it holds a number of too many digits") from None
    return document
