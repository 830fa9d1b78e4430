"""One project: `inferfleet preflight` on its clone, held against what is expected there."""

import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.preflight.finding import Finding
from exporter.preflight.review import review
from exporter.preflight.upgrade import parse_upgrade

from .expected import Engine, Project


@dataclass(frozen=True, slots=True)
class Score:
    """How many are expected, how many of these were found, and how many were found beside them."""

    expected: int
    found: int
    false: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a project; `missed` and `false` are lines for people."""

    project: Project
    documents: int
    names: Score
    flags: Score
    missed: tuple[str, ...]
    false: tuple[str, ...]


def outcome(project: Project, releases: Mapping[Engine, str], folder: Path) -> Outcome:
    """Return the outcome for the clone in `folder`/OWNER/NAME.

    Raises `SystemExit` with a sentence where it is not there, or at another revision.
    """
    clone = folder / project.name
    _check_revision(clone, project)
    names, flags = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    documents = 0
    for engine, release in releases.items():
        upgrade = parse_upgrade(f"{engine}=={release}", f"{engine}=={release}")
        looked = review(upgrade, [clone], [])
        documents = looked.documents
        for finding in looked.findings:
            if _is_name(finding):
                names[_file(finding, clone), finding.subject] += 1
            elif _is_flag(finding):
                flags[engine, _file(finding, clone), finding.subject] = 1
    scores = _score(project.names, names), _score(project.flags, flags)
    expected = Counter[tuple[str, ...]]({**project.names, **project.flags})
    found = names + flags
    return Outcome(project, documents, *scores, _lines(expected - found), _lines(found - expected))


def _check_revision(clone: Path, project: Project) -> None:
    if not clone.is_dir():
        raise SystemExit(f"{clone} is not there: clone {project.name} into it")
    asked = ["git", "-C", str(clone), "rev-parse", "HEAD"]
    head = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    if not head.startswith(project.revision):
        raise SystemExit(
            f"{clone} is at {head or 'no revision'}: check out {project.revision}, which is what "
            "the survey knows"
        )


def _file(finding: Finding, clone: Path) -> str:
    return Path(finding.place.file).relative_to(clone).as_posix()


def _is_name(finding: Finding) -> bool:
    return finding.kind.startswith("name-") and finding.severity in ("error", "warning")


def _is_flag(finding: Finding) -> bool:
    kind, _, what = finding.kind.partition("-")
    return (
        kind in ("argument", "variable")
        and what in ("removed", "unknown")
        and finding.severity in ("error", "warning")
    )


def _score(expected: Mapping[tuple[str, ...], int], found: Counter[tuple[str, ...]]) -> Score:
    wanted = Counter[tuple[str, ...]](expected)
    return Score(wanted.total(), (wanted & found).total(), (found - wanted).total())


def _lines(counts: Counter[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(f"{' '.join(key)} ({count})" for key, count in sorted(counts.items()))
