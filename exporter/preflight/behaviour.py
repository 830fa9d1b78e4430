"""What a server that is started as before will do otherwise on the new release. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from packaging.version import Version

from ..engines.registry import ENGINES
from .argument_values import value_findings
from .catalog import ReleaseCatalog, Section
from .catalog.notes import ReleaseNote, release_notes
from .finding import Finding, Kind, Place, Severity
from .sources.launches import Launch

_NEAR: Final = 0.8
_NEAR_VARIABLE: Final = 0.9
"""Variables of plugins begin as the engine's do, and are longer."""
_SERVICE: Final = re.compile(r"\w+_(?:SERVICE_(?:HOST|PORT\w*)|PORT(?:_\d+_\w+)?)")
"""Variables that Kubernetes sets for services, whatever these are called."""

_LITERAL: Final = re.compile(r"'[^']*'|-?[0-9.]+(?:e-?[0-9]+)?|True|False|\[[^\]]*\]|\([^)]*\)")
_DRIVERS: Final = {"12": "525", "13": "580"}
"""The oldest driver by major release of CUDA: NVIDIA, CUDA Toolkit Release Notes, table 2."""


def launch_findings(
    launch: Launch, catalog: ReleaseCatalog, old: str, new: str
) -> Iterator[Finding]:
    """Yield what is gone, unknown or otherwise by default, of what applies to a server."""
    yield from _flags(launch, catalog, old, new)
    yield from value_findings(launch, catalog, old, new)
    yield from _variables(launch, catalog, old, new)
    if not launch.is_server:
        return
    yield from _notes(launch, catalog.engine, old, new)
    yield from _defaults(launch, catalog, old, new)


def release_findings(catalog: ReleaseCatalog, old: str, new: str) -> Iterator[Finding]:
    """Yield what changed for every server: what the releases stand on."""
    before, after = (catalog.facts("requires", release) for release in (old, new))
    place = Place(f"{catalog.engine} {new}")
    for package in sorted(before.keys() & after.keys()):
        was, wanted = (str(facts[package].get("version", "")) for facts in (before, after))
        if was == wanted:
            continue
        text = f"{package} {_version(was)} becomes {_version(wanted)}"
        severity: Severity = "detail"
        remedy = ""
        if package == "cuda" and _major(was) != _major(wanted):
            severity = "warning"
            driver = _DRIVERS.get(_major(wanted))
            remedy = f"every node needs a driver from {driver} on" if driver else ""
        elif package in _FLOORS and _floor(was, package) < _floor(wanted, package):
            severity = "note"
            remedy = _FLOORS[package]
        source = f"metadata of {catalog.engine} {new}" + " and its torch" * (package == "cuda")
        yield Finding(
            "requirement-changed", severity, "server", place, package, text, remedy, source=source
        )


_FLOORS: Final = {
    "python": "an image brings its own; elsewhere install it first",
    "transformers": "try models with code of their own and chat templates before",
}
"""What to do where a release needs a newer one than the release before could do with."""


def _floor(wanted: str, package: str) -> Version:
    """Return the oldest version that a requirement takes: Python's to its minor, else its major."""
    match = re.search(r"[>=]=([0-9]+)(\.[0-9]+)?", wanted)
    if match is None:
        return Version("0")
    return Version(match[1] + (match[2] or "") * (package == "python"))


def _flags(launch: Launch, catalog: ReleaseCatalog, old: str, new: str) -> Iterator[Finding]:
    before, after = (catalog.facts("arguments", release) for release in (old, new))
    for flag in launch.flags:
        if _takes(after, flag):
            continue
        if _takes(before, flag):
            text = f"{flag} is no argument any more: {catalog.engine} {new} ends with an error"
            remedy = _remedy(catalog.engine, flag, after, "take it out")
            yield _finding("argument-removed", "error", launch, flag, text, remedy)
        elif not launch.is_wrapped or _is_of_any_release(catalog, "arguments", flag):
            text = f"{flag} is no argument of {catalog.engine} {_releases(old, new)}"
            text += _other_releases(catalog, "arguments", flag, new)
            remedy = _remedy(catalog.engine, flag, after, "check it")
            yield _finding("argument-unknown", "warning", launch, flag, text, remedy)


def _variables(launch: Launch, catalog: ReleaseCatalog, old: str, new: str) -> Iterator[Finding]:
    before, after = (catalog.facts("environment", release) for release in (old, new))
    prefixes = ENGINES[catalog.engine].variable_prefixes
    for name in launch.environment:
        prefix = next((each for each in prefixes if name.startswith(each)), None)
        if prefix is None:
            continue
        names = {name, f"{prefixes[0]}{name.removeprefix(prefix)}"}
        if names & after.keys():
            continue
        if names & before.keys():
            text = f"{name} is not read any more by {catalog.engine} {new}: its setting is lost"
            remedy = _remedy(catalog.engine, name, {}, "find what takes its place")
            yield _finding("variable-removed", "error", launch, name, text, remedy)
        elif before:
            known = _is_of_any_release(catalog, "environment", name)
            if not known and _SERVICE.fullmatch(name):
                continue
            near = get_close_matches(name, after, 1, _NEAR_VARIABLE)
            severity: Severity = "warning" if known or near else "detail"
            text = f"{name} is not read by {catalog.engine} {_releases(old, new)}"
            text += _other_releases(catalog, "environment", name, new)
            remedy = _remedy(
                catalog.engine,
                name,
                near,
                "take it out" if known else "take it out, if no plugin reads it",
            )
            yield _finding("variable-unknown", severity, launch, name, text, remedy)


def _notes(launch: Launch, engine: str, old: str, new: str) -> Iterator[Finding]:
    # what a later release says of the same subject holds
    newest = {
        note.subject: note
        for note in release_notes(engine)
        if not note.replaces and _between(note.at, old, new)
    }
    for note in newest.values():
        if not _applies(note, launch):
            continue
        text = f"{note.text} (from {engine} {note.at} on)"
        yield _finding(
            "behaviour-changed", note.severity, launch, note.subject, text, note.remedy, note.source
        )


def _defaults(launch: Launch, catalog: ReleaseCatalog, old: str, new: str) -> Iterator[Finding]:
    """Yield the defaults that changed of what is not given; those of a note are told there."""
    given = {*launch.flags, *launch.environment}
    given |= {note.subject for note in release_notes(catalog.engine) if _between(note.at, old, new)}
    for section in _SEVERITY_OF_DEFAULTS:
        before, after = (catalog.facts(section, release) for release in (old, new))
        for name in sorted(before.keys() & after.keys() - given):
            was, value = before[name].get("default"), after[name].get("default")
            if was is None or value is None or was == value or not _literals(was, value):
                continue
            text = f"{name} is {_shown(value)} by default, and was {_shown(was)}"
            remedy = f"give {_shown(was)} to keep the behaviour"
            severity = _SEVERITY_OF_DEFAULTS[section]
            if section == "arguments" and not _in_use(name, launch, after):
                severity = "detail"
            yield _finding("default-changed", severity, launch, name, text, remedy)


_SEVERITY_OF_DEFAULTS: Final[Mapping[Section, Severity]] = {
    "arguments": "note",
    "environment": "detail",
}
"""Variables are for what few fleets have: those that matter to many have a note of their own."""


def _in_use(flag: str, launch: Launch, known: Mapping[str, Any]) -> bool:
    """Whether a flag may matter to a server: it is of no feature, or of one that is in use.

    A feature is a word that several flags begin with.
    """
    word = _first_word(flag)
    family = [name for name in known if _first_word(name) == word]
    is_feature = len(family) >= _LEAST_OF_FEATURE and word not in _GENERAL
    return not is_feature or any(_first_word(name) == word for name in launch.flags)


def _first_word(flag: str) -> str:
    return flag.removeprefix("--").partition("-")[0]


_LEAST_OF_FEATURE: Final = 4
_GENERAL: Final = frozenset({"disable", "enable", "kv", "max", "num"})
"""Words that flags of every kind begin with."""


def _finding(
    kind: Kind,
    severity: Severity,
    launch: Launch,
    subject: str,
    text: str,
    remedy: str,
    source: str = "",
) -> Finding:
    place = launch.place
    return Finding(kind, severity, "server", place, subject, text, remedy, source=source)


def _takes(known: Mapping[str, Any], flag: str) -> bool:
    """Whether a release takes a flag: as it is, negated, or as the beginning of another."""
    bare = flag.removeprefix("--")
    names = (flag, f"--no-{bare}", f"--{bare.removeprefix('no-')}")
    return any(name in known for name in names) or _abbreviates(flag, known)


def _abbreviates(flag: str, known: Mapping[str, Any]) -> bool:
    """Whether a flag is the beginning of one other: argparse refuses that of several."""
    return sum(name.startswith(flag) for name in known) == 1


def _releases(old: str, new: str) -> str:
    return new if old == new else f"{old} or {new}"


def _is_of_any_release(catalog: ReleaseCatalog, section: Section, name: str) -> bool:
    """Whether any release had a name, those before the catalog by their notes."""
    noted = (name in note.replaces for note in release_notes(catalog.engine))
    return catalog.span(section, name) is not None or any(noted)


def _other_releases(catalog: ReleaseCatalog, section: Section, name: str, new: str) -> str:
    """Return in which other releases a name is, empty where it is in none."""
    span = catalog.span(section, name)
    if span is None:
        return ""
    first, last = span
    if Version(first) > Version(new):
        return f"; it comes with {first}"
    return f"; the last that had it was {last}"


def _between(version: str, old: str, new: str) -> bool:
    low, high = sorted((Version(old), Version(new)))
    return low < Version(version) <= high


def _applies(note: ReleaseNote, launch: Launch) -> bool:
    """Whether a note is of this server: all it is about is in use, nothing makes it moot."""
    given = {*launch.flags, *launch.environment}
    used = {name for name, values in launch.flags.items() if values not in (("1",), ("false",))}
    used |= launch.environment.keys()
    return given.isdisjoint(note.unless) and (not note.only_with or bool(used & {*note.only_with}))


def _remedy(engine: str, name: str, known: Iterable[str], otherwise: str) -> str:
    """Return what takes a name's place: as a note says, else a name near to it, else a remedy."""
    for note in release_notes(engine):
        if name in note.replaces:
            return note.remedy
    near = get_close_matches(name, known, 1, _NEAR)
    return f"did you mean {near[0]}?" if near else otherwise


def _literals(*texts: str) -> bool:
    """Whether defaults stand in the packages as values and are not worked out at start."""
    return all(_LITERAL.fullmatch(text) for text in texts)


def _shown(text: str) -> str:
    return text.strip("'") or "empty"


def _version(text: str) -> str:
    return text.removeprefix("==") or "any"


def _major(version: str) -> str:
    return version.removeprefix("==").partition(".")[0]
