"""Strict pydantic models, and what pydantic finds wrong as sentences of place and fault."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

_MESSAGES: Final = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is needed",
    # what stands there instead may be a secret: it is not shown
    "dict_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "too_short": "must not be empty",
}


class StrictModel(BaseModel):
    """Base of models of files that people write: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    """Return a validation error as `place: fault`, several of them joined by semicolons."""
    sentences = []
    for fault in error.errors():
        place = ".".join(str(step) for step in fault["loc"]) or "the file"
        sentences.append(f"{place}: {_message(fault['type'], fault['msg'], fault['input'])}")
    return "; ".join(sentences)


def _message(kind: str, message: str, value: object) -> str:
    if kind == "value_error":
        message = message.removeprefix("Value error, ")
        if isinstance(value, Expanded) and value:
            message = message.replace(value, value.written)
        return message
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    message = message.replace("Input should", "must").partition(", unable to parse")[0]
    shown = value.written if isinstance(value, Expanded) else value
    return f"{message}, not {shown!r}" if isinstance(shown, str | int | float) else message
