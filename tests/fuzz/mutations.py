"""Strategies that break real texts and documents: most of each stays what its reader expects."""

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

T = TypeVar("T", str, bytes)

PIECES = (
    *("", "0", "-1", "NaN", "+Inf", "1e999", "1e308", "9" * 400, "1_0", "\u0662", "\u00b2"),
    *("{", "}", "[", "]", '"', "'", "\\", "\\u", ",", ":", "=", "#", "\n", "\r\n", "\r", "\t", " "),
    *("\0", "\x1b[31m", "\u202e", "\ufeff", "\U0001f600", "\x85", "&a", "*a", "<<", "!!set", "---"),
    *("null", "true", "../..", "http://h/", "x" * 300, "# EOF", "# TYPE a counter", 'le="x"'),
)
VALUES: Sequence[Any] = (
    *(None, True, False, 0, -1, 2**53, 10**400, 0.5, 1e308, float("inf"), float("nan")),
    *("", " ", "0", "1.5", "\u00b2", "\ud800", "\x1b[31m\n", "x" * 5000, "../x", "http://h/?a=b"),
    *([], {}, [[]], [None], {"": None}, {"a": {"a": {"a": []}}}),
)


def mutated_texts(seeds: Sequence[T], pieces: Sequence[T]) -> SearchStrategy[T]:
    """Return texts made of one of the seeds by a few cuts, copies and insertions."""
    edit = st.tuples(
        st.integers(0, 2**20),
        st.sampled_from((0, 0, 1, 2, 8, 64, 1024)),
        st.sampled_from(pieces),
        st.booleans(),
    )

    def edited(seed: T, edits: list[tuple[int, int, T, bool]]) -> T:
        text = seed
        for place, length, piece, copied in edits:
            at = place % (len(text) + 1)
            end = at + length
            text = text[:at] + piece + (text[at:end] * 2 if copied else text[:0]) + text[end:]
        return text

    return st.builds(edited, st.sampled_from(seeds), st.lists(edit, max_size=6))


def mutated_strings(*seeds: str) -> SearchStrategy[str]:
    """Return mutated texts."""
    return mutated_texts(seeds, PIECES)


def mutated_bytes(*seeds: bytes) -> SearchStrategy[bytes]:
    """Return mutated bytes, some of them no UTF-8."""
    return mutated_texts(seeds, [*(piece.encode() for piece in PIECES), b"\xff", b"\xed\xa0\x80"])


def mutated_documents(*seeds: object) -> SearchStrategy[Any]:
    """Return JSON documents made of one of the seeds: values replaced, left out, doubled, moved."""
    edit = st.tuples(
        st.lists(st.integers(0, 2**16), max_size=6),
        st.sampled_from(("replace", "remove", "double", "wrap", "rename")),
        st.sampled_from(VALUES),
    )

    def edited(seed: object, edits: list[tuple[list[int], str, Any]]) -> object:
        holder = [deepcopy(seed)]
        for path, kind, value in edits:
            _edit(holder, path, kind, value)
        return holder[0] if holder else None

    return st.builds(edited, st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=4))


def _edit(holder: Any, path: Sequence[int], kind: str, value: Any) -> None:
    inner, key = holder, 0
    for step in path:
        below = inner[key] if inner else None
        if not isinstance(below, dict | list) or not below:
            break
        inner = below
        key = list(inner)[step % len(inner)] if isinstance(inner, dict) else step % len(inner)
    if not inner:
        return
    if kind == "remove":
        del inner[key]
    elif kind == "wrap":
        inner[key] = [inner[key]]
    elif kind == "double" and isinstance(inner, list):
        inner.append(deepcopy(inner[key]))
    elif kind == "rename" and isinstance(inner, dict):
        inner[value if isinstance(value, str) else "x"] = inner.pop(key)
    else:
        inner[key] = deepcopy(value)


def encoded(document: object) -> bytes:
    """Return a document as JSON, what JSON cannot say as Python writes it."""
    return json.dumps(document).encode()
