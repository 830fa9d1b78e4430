"""Strict pydantic models, and what pydantic finds wrong as sentences of place and fault."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Final, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from .errors import joined
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
_LONGEST_SENTENCE: Final = 500
_LONGEST_VALUE: Final = 80


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


def validation_message(error: ValidationError, model: type[BaseModel] | None = None) -> str:
    """Return a validation error as `place: fault`, the first few joined by semicolons."""
    sentences = validation_sentences(error, model)
    return joined([f"{place}: {fault}" for place, fault in sentences])


def validation_sentences(
    error: ValidationError, model: type[BaseModel] | None = None
) -> list[tuple[str, str]]:
    """Return the place and a sentence for every fault of a validation error.

    Where the root `model` is given, an unknown key has the known ones beside it.
    """
    sentences = []
    for fault in error.errors(include_url=False, include_context=False):
        message = _message(fault["type"], fault["msg"], fault["input"])
        if fault["type"] == "extra_forbidden" and model:
            message += f"; {_known_keys(model, fault['loc'])}"
        place = one_line(".".join(map(str, fault["loc"]))) or "the file"
        sentences.append((place, one_line(message, _LONGEST_SENTENCE)))
    return sentences


def _known_keys(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """Return the key that was meant where one is near, else the keys there are."""
    for step in place[:-1]:
        # numbers of lists and keys of mappings lead to no other model
        if field := model.model_fields.get(str(step)):
            model = next(_models_in(field.annotation), model)
    fields = [field.alias or name for name, field in model.model_fields.items()]
    near = get_close_matches(str(place[-1]), fields, 1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(fields)}"


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


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
    if not isinstance(shown, str | int | float):
        return message
    return f"{message}, not {one_line(repr(shown), _LONGEST_VALUE)}"
