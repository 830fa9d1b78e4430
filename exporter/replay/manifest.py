"""manifest.json of a recording, checked whole: nothing that it says can fail later on."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationError

from ..base.untrusted import finite, is_unicode, json_document, one_line
from ..base.validation import validation_message

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_MAX_VALUES: Final = 1_000_000

UnixTime = Annotated[float, Field(ge=0, le=1e11)]
HeaderText = Annotated[str, Field(pattern=r"^[\x20-\x7e]*\z", max_length=1000)]
"""What can stand in a header of an answer."""


class Scrape(BaseModel):
    """One scrape: its number, time and what was asked for."""

    i: Annotated[int, Field(ge=0, le=10**9)]
    t: UnixTime
    tag: str = ""
    path: str = "/metrics"
    content_type: HeaderText = TEXT


class ManifestAnswer(BaseModel):
    """One answer of the server."""

    status: Annotated[int, Field(ge=200, le=599)]
    body: str


class Event(BaseModel):
    """What happened to the server, such as a stop."""

    t: UnixTime
    event: str


class Phase(BaseModel):
    """The keys of a load phase that are read where they are there; latencies in seconds."""

    name: str
    start: UnixTime | None = None
    end: UnixTime | None = None
    done: Annotated[float, Field(ge=0)] | None = None
    errors: Annotated[float, Field(ge=0)] | None = None
    gen_tok_s: Annotated[float, Field(ge=0)] | None = None
    ttft_mean: Annotated[float, Field(ge=0)] | None = None
    itl_mean: Annotated[float, Field(ge=0)] | None = None


class Manifest(BaseModel):
    """What is read of a manifest."""

    name: Annotated[str, Field(min_length=1)]
    engine: str
    engine_version: str
    model: str
    gpu: str | None = None
    http: dict[str, str | ManifestAnswer] = {}
    scrapes: list[Scrape] = Field(min_length=1)
    events: list[Event] = []
    phases: list[Phase] = []


def parse_manifest(content: bytes) -> tuple[Mapping[str, Any], Manifest]:
    """Return a manifest as it is and what is read of it; raise `ValueError` with the fault."""
    document = checked_document(content, _MAX_VALUES)
    try:
        checked = Manifest.model_validate(document)
    except ValidationError as error:
        raise ValueError(validation_message(error)) from None
    if not isinstance(document, dict):
        raise ValueError("it is no mapping")
    return document, checked


def checked_document(content: bytes, most_values: int) -> object:
    """Return a JSON document of UTF-8 texts and finite numbers; raise `ValueError` otherwise."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    document = json_document(content, most_values)
    left: list[tuple[str, object]] = [("", document)]
    while left:
        place, value = left.pop()
        if isinstance(value, dict):
            left += ((f"a key of {place or 'the file'}", key) for key in value)
            left += ((f"{place}.{key}".lstrip("."), each) for key, each in value.items())
        elif isinstance(value, list):
            left += ((f"{place}.{number}", each) for number, each in enumerate(value))
        elif isinstance(value, str) and not is_unicode(value):
            raise ValueError(f"{one_line(place)}: {one_line(value)} is no Unicode text")
        elif type(value) in (int, float) and finite(value) is None:
            raise ValueError(f"{one_line(place)}: {one_line(str(value))} is no finite number")
    return document
