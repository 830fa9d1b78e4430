"""PromQL label matchers: `version="0.20.2", model=~"llama.*"` read, checked and applied.

Pure. The syntax is PromQL's: =, !=, =~ (anchored), !~; double, single or back quotes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ...base.errors import CompareError
from ...vocabulary.exporter import SERVER_INFO

LABELS: Final = ("target", *SERVER_INFO.labels)
"""What a side can be chosen by."""

_MATCHER: Final = re.compile(
    r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"
    r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)\s*(,|$)"
)


@dataclass(frozen=True)
class Matcher:
    """One label matcher."""

    label: str
    operator: str
    value: str

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.value)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a set of labels matches; a missing label is empty, as in PromQL."""
        value = labels.get(self.label, "")
        if self.operator in ("=", "!="):
            return (value == self.value) == (self.operator == "=")
        return bool(self._pattern.fullmatch(value)) == (self.operator == "=~")

    def __str__(self) -> str:
        """Return the matcher as PromQL writes it."""
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{quoted}"'


def parse_matchers(text: str, option: str, keep_labels: Sequence[str] = ()) -> tuple[Matcher, ...]:
    """Return the matchers in a text, braces allowed; raise `CompareError` naming the option.

    `keep_labels` are external labels that a side can be chosen by as well.
    """
    known = (*LABELS, *keep_labels)
    rest = text.strip().removeprefix("{").removesuffix("}").strip()
    matchers = list[Matcher]()
    while rest:
        match = _MATCHER.match(rest)
        if match is None:
            raise CompareError(
                f"{option}: {rest!r} is no label matcher; write it as in PromQL, such as "
                "'version=\"0.20.2\"'"
            )
        label, operator, quoted, _ = match.groups()
        if label not in known:
            raise CompareError(f"{option}: no label {label!r}; there are {', '.join(known)}")
        value = quoted[1:-1] if quoted[0] == "`" else _unescaped(quoted[1:-1])
        matchers.append(_checked(Matcher(label, operator, value), option))
        rest = rest[match.end() :]
    if not matchers:
        raise CompareError(f"{option}: give at least one label matcher, such as 'release=\"a\"'")
    return tuple(matchers)


def _checked(matcher: Matcher, option: str) -> Matcher:
    try:
        matcher.matches({})
    except re.error as error:
        raise CompareError(
            f"{option}: {matcher.value!r} is no regular expression: {error}"
        ) from error
    return matcher


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text)


def match_all(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether labels match all of them."""
    return all(matcher.matches(labels) for matcher in matchers)


def format_matchers(matchers: Sequence[Matcher]) -> str:
    """Return matchers as PromQL writes them."""
    return ", ".join(str(matcher) for matcher in matchers)
