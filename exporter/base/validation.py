"""Strict pydantic models, and what pydantic finds wrong as sentences of place and fault."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from .untrusted import one_line

_MESSAGES: Final = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is needed",
    # what stands there instead may be a secret: it is not shown
    "dict_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "too_short": "must not be empty",
}


_SUBJECT: Final = re.compile(r"^\w+ should\b")
_MOST_JOINED: Final = 8
_LONGEST_SENTENCE: Final = 500


class StrictModel(BaseModel):
    """Base of models of files that people write: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line of printable text")
    return text


OneLine = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_printable)]
"""A text that may become a label, a part of a request or of a line of the log."""


def first_duplicate(names: Iterable[str]) -> str | None:
    """Return the first name in order that stands twice, None where each stands alone."""
    return min((name for name, count in Counter(names).items() if count > 1), default=None)


class Expanded(str):
    """Text with environment variables put in; errors show it as it was written."""

    written: str

    @classmethod
    def of(cls, text: str, written: str) -> Self:
        """Return a text that remembers how it was written."""
        expanded = cls(text)
        expanded.written = written
        return expanded


def validation_message(error: ValidationError) -> str:
    """Return a validation error as `place: fault`, the first few joined by semicolons."""
    sentences = validation_sentences(error)
    more = len(sentences) - _MOST_JOINED
    rest = [f"and {more} more faults"] if more > 0 else []
    return "; ".join(sentences[:_MOST_JOINED] + rest)


def validation_sentences(error: ValidationError) -> list[str]:
    """Return every fault of a validation error as `place: fault`, each a line."""
    sentences = []
    for fault in error.errors(include_url=False, include_context=False):
        place = ".".join(str(step) for step in fault["loc"]) or "the file"
        message = _message(fault["type"], fault["msg"], fault["input"])
        sentences.append(one_line(f"{place}: {message}", _LONGEST_SENTENCE))
    return sentences


def _message(kind: str, message: str, value: object) -> str:
    if kind == "value_error":
        message = message.removeprefix("Value error, ")
        if isinstance(value, Expanded) and value:
            for text in (value, repr(str(value))[1:-1]):
                message = message.replace(text, value.written)
        return message
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    message = _SUBJECT.sub("must", message).partition(", unable to parse")[0]
    shown = value.written if isinstance(value, Expanded) else value
    return f"{message}, not {shown!r}" if isinstance(shown, str | int | float) else message
