"""What changed in how an engine behaves that no argument's default tells, from `notes.yaml`."""

from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from ...base.yaml_text import parse_yaml
from ..finding import Severity


class ReleaseNote(BaseModel):
    """One change: from which release on, for whom, what to do, and where it is known from.

    `only_with` are arguments or variables of which one must be in use, `unless` those of which
    none may be given. With `replaces` it is no change but says what to do about these arguments or
    variables where they are gone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: str
    subject: str
    severity: Severity = "note"
    text: str
    remedy: str = ""
    source: str
    only_with: list[str] = []
    unless: list[str] = []
    replaces: list[str] = []


@cache
def release_notes(engine: str) -> tuple[ReleaseNote, ...]:
    """Return the notes of an engine, oldest first."""
    text = files(__package__).joinpath("notes.yaml").read_text("utf-8")
    document = parse_yaml(text)
    assert isinstance(document, dict)
    return tuple(ReleaseNote.model_validate(note) for note in document.get(engine, ()))
