"""The projects of the survey, and what is wrong in their files: `projects.yaml`, read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from exporter.base.yaml_text import parse_yaml

_FILE: Final = Path(__file__).parent / "projects.yaml"

Engine = Literal["vllm", "sglang"]
Group = Literal["mended", "untouched", "tuned"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dead(_Model):
    """What a file asks an engine for and its release has not.

    `names` are metrics with the number of places, `flags` arguments and variables, once a file.
    """

    names: Mapping[str, int] = {}
    flags: frozenset[str] = frozenset()


class FirstLook(_Model):
    """What was found before the command was changed for these files.

    `false_names` and `false_flags` are those that nothing is wrong with.
    """

    names: int
    flags: int
    false_names: int = 0
    false_flags: int = 0


class Project(_Model):
    """A public repository at a revision; `copy_of` is the project whose copy it is.

    `group` says what the command had seen of it: "mended" for its faults after a first look,
    "untouched", or "tuned" on its files from the beginning. `expected` is by file, from the
    repository's root, and engine.
    """

    name: str
    copy_of: str = ""
    revision: str
    group: Group
    first_look: FirstLook | None = None
    expected: Mapping[str, Mapping[Engine, Dead]] = {}

    @property
    def names(self) -> dict[tuple[str, ...], int]:
        """Places of dead metric names, by file and name."""
        return {
            (file, name): count
            for file, engines in self.expected.items()
            for dead in engines.values()
            for name, count in dead.names.items()
        }

    @property
    def flags(self) -> dict[tuple[str, ...], int]:
        """One for every dead argument or variable, by engine, file and flag."""
        return {
            (engine, file, flag): 1
            for file, engines in self.expected.items()
            for engine, dead in engines.items()
            for flag in dead.flags
        }


class Survey(_Model):
    """The projects, and the release of each engine that their files are held against."""

    releases: Mapping[Engine, str]
    projects: tuple[Project, ...]


def survey(path: Path = _FILE) -> Survey:
    """Return the survey; raise `YamlError` or pydantic's `ValidationError` where it is none."""
    return Survey.model_validate(parse_yaml(path.read_text("utf-8")))
