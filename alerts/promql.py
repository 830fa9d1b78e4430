"""Small phrases of PromQL that rules are put together from."""

from collections.abc import Iterable


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
