"""Documents in files: dashboards as JSON, manifests as YAML, units; read within limits."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from ...base.errors import PreflightError
from ...base.untrusted import json_document, one_line
from ...base.yaml_text import MAX_BYTES, YamlError, parse_yaml
from ..finding import Finding, Place
from .units import SUFFIXES as UNITS
from .units import unit

_BETWEEN: Final = re.compile(r"^---(?:[ \t].*)?\r?$", re.MULTILINE)
_TEMPLATE: Final = re.compile(r"\{\{[-\s]*[\w.$]")
_SCHEMA: Final = re.compile(r"^kind: *[\"']?CustomResourceDefinition\b", re.MULTILINE)
"""A schema of resources holds none, and may be megabytes."""
_SUFFIXES: Final = (".json", ".yaml", ".yml", *UNITS)
_NO_DOCUMENT: Final = "it is text alone: give a document in JSON or YAML"
_MAX_FILES: Final = 20_000
_NOT_OWN: Final = {".git", ".venv", "venv", "node_modules", "__pycache__"}
"""Folders that hold what tools put there."""
_MAX_VALUES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a file and what it holds."""

    file: str
    content: object


@dataclass(frozen=True, slots=True)
class Unread:
    """A file, or a document of one, that could not be read, and why, half a sentence."""

    place: Place
    fault: str


def documents(paths: Iterable[Path]) -> Iterator[Document | Unread]:
    """Yield every document of files and folders; raise `PreflightError` for a path that is none."""
    seen = set[Path]()
    for path in paths:
        if not path.exists():
            raise PreflightError(f"{path} is not there; give a file or a folder")
        files = _files(path)
        if not files:
            yield Unread(Place(str(path)), f"it holds no file that ends in {_listed(_SUFFIXES)}")
        for file in files:
            known = file.resolve()
            if known not in seen:
                seen.add(known)
                yield from _documents(file)


def _files(path: Path) -> list[Path]:
    """Return the files below a folder that look like documents; a file is taken as it is."""
    if not path.is_dir():
        return [path]
    files = list[Path]()
    for folder, folders, names in os.walk(path):
        folders[:] = set(folders) - _NOT_OWN
        files += [Path(folder, name) for name in names if Path(name).suffix in _SUFFIXES]
        if len(files) > _MAX_FILES:
            raise PreflightError(
                f"{path} holds more than {_MAX_FILES} files that end in {_listed(_SUFFIXES)}: "
                "give a folder in it"
            )
    return sorted(file for file in files if file.is_file())


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def located(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings with the line of their file, where their query or subject stands in it.

    Of several equal queries in a file each is taken for the next.
    """
    counts = dict[tuple[str, str], int]()
    for finding in findings:
        lines = _lines_of(finding)
        if not lines:
            yield finding
            continue
        key = (finding.place.file, finding.query or finding.subject)
        number = counts.get(key, 0)
        counts[key] = number + 1
        line = lines[min(number, len(lines) - 1)]
        yield replace(finding, place=replace(finding.place, line=line))


def file_text(file: str) -> str:
    """Return the text of a file that was read before, empty where it is none any more."""
    try:
        return Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


@cache
def file_lines(file: str) -> tuple[str, ...]:
    """Return the lines of a file that was read before."""
    return tuple(_cached_text(file).split("\n"))


def _documents(file: Path) -> Iterator[Document | Unread]:
    name = str(file)
    try:
        body = file.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        yield Unread(Place(name), error.strerror or str(error))
        return
    if len(body) > MAX_BYTES:
        yield Unread(Place(name), f"it has more than {MAX_BYTES >> 20} MiB")
    elif b"\0" in body:
        yield Unread(Place(name), "it is no text in UTF-8; give JSON or YAML")
    elif file.suffix == ".json":
        try:
            yield Document(name, json_document(body, _MAX_VALUES))
        except ValueError as error:
            yield Unread(Place(name), str(error))
    elif file.suffix in UNITS:
        try:
            yield Document(name, unit(body.decode("utf-8", "replace")))
        except ValueError as error:
            yield Unread(Place(name), f"it is no unit: {error}".lower())
    else:
        yield from _yaml_documents(name, body.decode("utf-8", "replace"))


def _yaml_documents(name: str, text: str) -> Iterator[Document | Unread]:
    line = 0
    text = text.replace("\r\n", "\n")
    for part in _BETWEEN.split(text):
        if _SCHEMA.search(part):
            yield Document(name, {})
        elif part.strip():
            try:
                content = parse_yaml(part, "failsafe")
                if isinstance(content, str):
                    yield Unread(Place(name, line=line + 1), _NO_DOCUMENT)
                else:
                    yield Document(name, content)
                    yield from _inner_documents(name, content)
            except YamlError as error:
                template = "it is a template: give what it renders to"
                fault = template if _TEMPLATE.search(part) else one_line(str(error))
                yield Unread(Place(name, line=line + error.line), fault)
        line += part.count("\n")


def _inner_documents(name: str, content: object) -> Iterator[Document | Unread]:
    """Yield the documents that stand as text in another, as files of a ConfigMap do."""
    if isinstance(content, list):
        for inner in content:
            yield from _inner_documents(name, inner)
    for key, inner in content.items() if isinstance(content, dict) else ():
        if not isinstance(inner, str):
            yield from _inner_documents(name, inner)
        elif "\n" in inner and _INNER.search(key):
            for document in _yaml_documents(name, inner):
                if isinstance(document, Document):
                    yield document
                else:
                    yield replace(document, place=Place(name, key))


_INNER: Final = re.compile(r"\.ya?ml$|^serveConfigV2$")
"""Keys of texts that are YAML: names of files, and what a RayService is given."""


def _lines_of(finding: Finding) -> tuple[int, ...]:
    wanted = finding.query or finding.subject
    texts = (
        json.dumps(wanted)[1:-1],
        wanted,
        finding.subject,
        # of a query over several lines, which are indented in the file
        wanted.strip().partition("\n")[0],
    )
    return next(filter(None, (_lines(finding.place.file, text) for text in texts)), ())


@cache
def _lines(file: str, wanted: str) -> tuple[int, ...]:
    """Return the lines of a file in which a text begins, from 1 on."""
    text = _cached_text(file)
    starts, at, line, counted = list[int](), text.find(wanted), 1, 0
    while wanted and at >= 0:
        line += text.count("\n", counted, at)
        counted = at
        starts.append(line)
        at = text.find(wanted, at + len(wanted))
    return tuple(starts)


_cached_text = cache(file_text)
