"""Strict pydantic models, and what pydantic finds wrong as sentences of place and fault."""

from typing import Final

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


def validation_message(error: ValidationError) -> str:
    """Return a validation error as `place: fault`, several of them joined by semicolons."""
    sentences = []
    for fault in error.errors():
        place = ".".join(str(step) for step in fault["loc"]) or "the file"
        sentences.append(f"{place}: {_message(fault['type'], fault['msg'], fault['input'])}")
    return "; ".join(sentences)


def _message(kind: str, message: str, value: object) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    message = message.replace("Input should", "must").partition(", unable to parse")[0]
    return f"{message}, not {value!r}" if isinstance(value, str | int | float) else message
