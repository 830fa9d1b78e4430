"""What each release of an engine takes and shows, as data.

`make catalog` writes the files beside this from the releases' own packages.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from packaging.version import Version

from ...engines.registry import ENGINES

Section = Literal["metrics", "labels", "arguments", "environment", "requires"]
_SPAN: Final = ("first", "last")


@dataclass(frozen=True, slots=True)
class ReleaseCatalog:
    """All releases of an engine, oldest first, and in which of them a name had which facts."""

    engine: str
    releases: tuple[str, ...]
    sections: Mapping[Section, Mapping[str, Sequence[Mapping[str, Any]]]]

    def nearest(self, version: str) -> str | None:
        """Return the newest release that is not newer than a version; None for an older one.

        A release candidate is taken for its release.
        """
        wanted = Version(Version(version).base_version)
        older = [release for release in self.releases if Version(release) <= wanted]
        return older[-1] if older else None

    def facts(self, section: Section, release: str) -> dict[str, Mapping[str, Any]]:
        """Return by name what held in a release that is listed."""
        number = self._number(release)
        return {
            name: {key: value for key, value in span.items() if key not in _SPAN}
            for name, spans in self.sections[section].items()
            for span in spans
            if self._number(span["first"]) <= number <= self._number(span["last"])
        }

    def names(self, section: Section) -> frozenset[str]:
        """Return what any release has."""
        return frozenset(self.sections[section])

    def span(self, section: Section, name: str) -> tuple[str, str] | None:
        """Return the first and the last release that had a name, None where none had."""
        spans = self.sections[section].get(name)
        return (str(spans[0]["first"]), str(spans[-1]["last"])) if spans else None

    def _number(self, release: str) -> int:
        return self.releases.index(release)


@cache
def release_catalog(engine: str) -> ReleaseCatalog:
    """Return the catalog of an engine; raise `ValueError` for one that has none."""
    if engine not in ENGINES:
        raise ValueError(f"{engine!r} is no engine with a catalog: {' or '.join(ENGINES)}")
    document = json.loads(files(__package__).joinpath(f"{engine}.json").read_text("utf-8"))
    sections: dict[Section, Mapping[str, Sequence[Mapping[str, Any]]]] = {
        "metrics": document["metrics"],
        "labels": document["labels"],
        "arguments": document["arguments"],
        "environment": document["environment"],
        "requires": document["requires"],
    }
    return ReleaseCatalog(engine, tuple(document["releases"]), sections)
