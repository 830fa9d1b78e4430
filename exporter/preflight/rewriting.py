"""Matchers rewritten in the text of queries, or of files that queries stand in. Pure."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from .finding import MatcherEdit

_QUOTE: Final = r"(?:''|\\*[\"'`])"
"""A quote of PromQL, doubled or escaped where the query stands in a text of YAML or JSON."""
_VALUE: Final = rf"(?P<quote>{_QUOTE})(?:(?!(?P=quote)).)*(?P=quote)"
_BRACES: Final = r"\{(?P<matchers>(?:\$\{[^{}]*\}|[^{}])*)\}"
"""What stands in the braces of a selector, variables of Grafana among it."""
_LEAST_WITH_EXPONENT: Final = 1e6


def edited(text: str, edit: MatcherEdit) -> str:
    """Return a text with the matcher edited wherever it stands on the metric itself."""
    value = rf"(?P<quote>{_QUOTE}){re.escape(edit.value)}(?P=quote)"
    matcher = rf"(?<!\w){re.escape(edit.label)}(?P<between>\s*{edit.operator}\s*){value}"
    written = edit.written
    if written is None:
        return _in_braces(text, edit.metric, lambda inside: _left(matcher, inside))

    def replaced(match: re.Match[str]) -> str:
        return f"{edit.label}{match['between']}{match['quote']}{written}{match['quote']}"

    return _in_braces(text, edit.metric, lambda inside: re.sub(matcher, replaced, inside))


def without_label(text: str, metric: str, label: str) -> str:
    """Return a query without the matchers of a label on a metric."""
    matcher = rf"(?<!\w){re.escape(label)}\s*(?:=~|!~|!=|=)\s*{_VALUE}"
    return _in_braces(text, metric, lambda inside: _left(matcher, inside))


def bound_text(bound: float) -> str:
    """Return a bucket's bound as pages have it in `le`.

    Clients for Python write a float with its point, and from a million on with an exponent, as Go
    does; Prometheus 3 makes all others so (OpenMetrics 1.0, "Numbers").
    """
    if not _LEAST_WITH_EXPONENT <= bound < float("inf"):
        return "+Inf" if bound == float("inf") else repr(float(bound))
    mantissa, _, exponent = f"{Decimal(repr(float(bound))).normalize():e}".partition("e")
    return f"{mantissa}e+{int(exponent):02d}"


def _in_braces(text: str, metric: str, change: Callable[[str], str]) -> str:
    """Return a text with what stands in the braces behind a metric changed; empty ones go."""

    def written(match: re.Match[str]) -> str:
        before = match["matchers"]
        after = change(before)
        if after == before:
            return match[0]
        return match["name"] + (f"{{{after}}}" if after.strip() else "")

    name = rf"(?<![\w:])(?P<name>{re.escape(metric)}\s*)"
    return re.sub(name + _BRACES, written, text)


def _left(matcher: str, inside: str) -> str:
    """Return what is left of matchers without one kind of them, and without a comma too many."""
    left = re.sub(rf"{matcher}\s*,?\s*", "", inside)
    return left if left == inside else re.sub(r"\s*,\s*$", "", left).strip()
