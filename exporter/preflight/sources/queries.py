"""PromQL as it stands in dashboards and rules: templates filled in, selectors taken out.

Grafana's variables are no PromQL. Each is replaced by something of its kind, by where it stands: a
duration in brackets, a number, a label; within texts it stays, for there it is text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import promql_parser

from ...base.untrusted import one_line
from ..finding import Place, Use

_VARIABLE: Final = r"(?:\$\{[A-Za-z_]\w*(?::[^}]*)?\}|\[\[[A-Za-z_]\w*[^\]]*\]\]|\$[A-Za-z_]\w*)"
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`')
_WORD: Final = "grafana_variable"
_Grouping = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Query:
    """A query, where it stands and what it is for.

    With `is_name` it is a setting that looks like a name of the engine's, and may be another's;
    `beside` are the settings of the same list.
    """

    text: str
    place: Place
    use: Use
    is_name: bool = False
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selector:
    """What one selector asks for: a metric's name and its matchers (label, operator, value).

    `name_pattern` is that of a matcher of `__name__`, empty where the name stands itself;
    `grouping` are the labels that the aggregation around it keeps, None where it keeps all or those
    it does not name.
    """

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    name_pattern: str = ""
    grouping: tuple[str, ...] | None = None


class UnreadableQueryError(ValueError):
    """A text that is no PromQL; its message is half a sentence."""


@cache
def selectors(text: str) -> tuple[Selector, ...]:
    """Return the selectors of a query; raise `UnreadableQueryError` where it is none."""
    try:
        tree = promql_parser.parse(filled_in(text))
    except ValueError as error:
        raise UnreadableQueryError(one_line(str(error).partition("\n")[0])) from None
    return tuple(_selector(node, grouping) for node, grouping in _nodes(tree))


def filled_in(text: str) -> str:
    """Return a query with its variables replaced by something of their kind."""
    parts, end = list[str](), 0
    for match in _TEXT.finditer(text):
        parts += (_outside_text(text[end : match.start()]), match[0])
        end = match.end()
    return "".join((*parts, _outside_text(text[end:])))


_NUMBERS: Final = "histogram_quantile|quantile|topk|bottomk|limitk|quantile_over_time"
_REPLACEMENTS: Final = (
    (re.compile(r"#[^\n]*"), ""),
    (re.compile(rf"\[\s*{_VARIABLE}\s*\]"), "[5m]"),
    # a range and its step
    (re.compile(r"\[[^\]\[]*\$[^\]\[]*\]"), lambda match: _range(match[0])),
    (re.compile(rf"(offset\s+-?){_VARIABLE}"), r"\g<1>5m"),
    # a moment, and the digits of a number
    (re.compile(rf"(@\s*|\b\d+\.?){_VARIABLE}"), r"\g<1>1"),
    # the number that comes first in an argument list, behind a grouping too
    (
        re.compile(rf"\b({_NUMBERS})(\s*(?:(?:by|without)\s*\([^)]*\)\s*)?\(\s*){_VARIABLE}"),
        r"\g<1>\g<2>1",
    ),
    (re.compile(rf"([<>=!+\-*/%^]\s*(?:bool\s+)?){_VARIABLE}(?![\w{{:(])"), r"\g<1>1"),
    # whole matchers
    (re.compile(rf"([{{,]\s*){_VARIABLE}(\s*[,}}])"), rf'\g<1>{_WORD}=~".*"\g<2>'),
    (re.compile(_VARIABLE), lambda match: f"{_WORD}_{re.sub(r'[^A-Za-z0-9_]', '', match[0])}"),
)
"""What each kind of variable is replaced by, the most particular places first."""


def _outside_text(text: str) -> str:
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return text


def _range(text: str) -> str:
    return f"[{':'.join('5m' if '$' in part else part for part in text[1:-1].split(':', 1))}]"


def _nodes(node: Any) -> Iterator[tuple[Any, _Grouping]]:
    """Yield the vector selectors of a tree, those of ranges and subqueries among them.

    Each is with the labels that the innermost aggregation around it keeps.
    """
    stack: list[tuple[Any, _Grouping]] = [(node, None)]
    while stack:
        current, grouping = stack.pop()
        if isinstance(current, promql_parser.VectorSelector):
            yield current, grouping
            continue
        if isinstance(current, promql_parser.MatrixSelector):
            yield current.vector_selector, grouping
            continue
        if isinstance(current, promql_parser.AggregateExpr):
            grouping = _grouping(current.modifier)
        for attribute in ("lhs", "rhs", "expr", "param"):
            child = getattr(current, attribute, None)
            if child is not None:
                stack.append((child, grouping))
        stack.extend((each, grouping) for each in getattr(current, "args", None) or ())


def _grouping(modifier: Any) -> _Grouping:
    if modifier is None:
        return ()
    return tuple(modifier.labels) if str(modifier.type).endswith(".By") else None


def _selector(node: Any, grouping: _Grouping) -> Selector:
    name, pattern, matchers = node.name or "", "", list[tuple[str, str, str]]()
    for matcher in node.matchers.matchers:
        operator = _OPERATORS.get(str(matcher.op), "=")
        if matcher.name != "__name__":
            matchers.append((matcher.name, operator, matcher.value))
        elif operator == "=":
            name = matcher.value
        elif operator == "=~":
            pattern = matcher.value
    return Selector(name, tuple(matchers), pattern, grouping)


_OPERATORS: Final = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
