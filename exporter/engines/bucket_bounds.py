"""The bounds of a histogram's buckets, as pages write them in `le`."""

from collections.abc import Iterable, Mapping
from math import inf

from ..base.untrusted import one_line


def bounds_fault(buckets: Iterable[tuple[int, Mapping[str, str]]]) -> str:
    """Return why buckets cannot be read, as the end of a sentence; empty where they can.

    Each is a place on the page and the labels there. In which order they stand does not matter.
    """
    known = set[tuple[float, frozenset[tuple[str, str]]]]()
    for _, labels in buckets:
        if "le" not in labels:
            return "have one without a bound (le)"
        bound = _number(labels["le"])
        if bound is None:
            return f"have a bound (le) that is no number: {one_line(labels['le'], 40)!r}"
        key = bound, frozenset(pair for pair in labels.items() if pair[0] != "le")
        if key in known:
            return f"have the bound {bound!r} twice"
        known.add(key)
    return ""


def scaled_bound(text: str, scale: float) -> str:
    """Return a bucket bound in one spelling, so that a series keeps its name across releases."""
    bound = float(text) * scale
    return "+Inf" if bound == inf else repr(bound)


def _number(text: str) -> float | None:
    """Return a bound, None where the text is none; NaN and -Inf bound nothing."""
    if "_" in text or not text.isascii():
        return None
    try:
        bound = float(text)
    except ValueError:
        return None
    return bound if bound > -inf else None
