"""Small phrases of PromQL that rules are put together from, and the records named in one."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

RECORDED: Final = re.compile(r"[a-z_]+(?::[a-z0-9_]+)+")
"""The names of recording rules in a text: level:metric:operations."""


def series(name: str, *matchers: str) -> str:
    """Return a selector of a series by name, with those of the matchers that are not empty."""
    inside = ", ".join(filter(None, matchers))
    return f"{name}{{{inside}}}" if inside else name


def union(expressions: Iterable[str]) -> str:
    """Return the union of expressions, the first winning where labels are the same."""
    return "\nor\n".join(expressions)


def label_list(*names: str) -> str:
    """Return labels in parentheses, each once, as `by`, `on` and `group_left` take them."""
    return f"({', '.join(dict.fromkeys(names))})"


def records_under(expressions: Iterable[str], records: Iterable[tuple[str, str]]) -> set[str]:
    """Return the recording rules that expressions stand on, also by way of other rules.

    `records` are the name and the expression of each rule there is.
    """
    known = defaultdict[str, list[str]](list)
    for name, expression in records:
        known[name].append(expression)
    under, new = set[str](), list(expressions)
    while new:
        text = " ".join(new)
        names = {name for name in RECORDED.findall(text) if name in known} - under
        under |= names
        new = [expression for name in names for expression in known[name]]
    return under
