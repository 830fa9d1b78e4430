"""How servers are started, from manifests, compose files or a command line. Pure."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from ...discovery.container import Container
from ...engines.engine import Engine
from ...engines.registry import ENGINES
from ...engines.sources.arguments import arguments_start, options
from ...engines.sources.pod import command_line
from ..finding import Place

_SHORTHAND: Final = re.compile(r"-[A-Za-z]\S*")


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started: flags with their values, variables, and where that stands.

    `flags` are full names such as `--max-num-seqs`; a switch that is turned off is `false`.
    `is_wrapped` where another program starts the engine and takes arguments of its own. `replicas`
    are those that its workload asks for, None where that does not stand there.
    """

    flags: Mapping[str, tuple[str, ...]]
    environment: Mapping[str, str]
    place: Place
    is_wrapped: bool = False
    replicas: int | None = None


def launch(engine: Engine, line: list[str], environment: Mapping[str, str], place: Place) -> Launch:
    """Return a launch from a command line, or from the arguments alone."""
    # a shorthand that is no other spelling of a flag may carry its value in itself, as -O3 does
    known = [
        word
        for word in line
        if not _SHORTHAND.fullmatch(word) or word[1:].partition("=")[0] in engine.syntax.aliases
    ]
    flags = {
        f"--{name.partition('.')[0].replace('_', '-')}": tuple(values)
        for name, values in options(engine.syntax, known).items()
    }
    modules = (after for word, after in pairwise(line) if word == "-m")
    is_wrapped = any(module.partition(".")[0] != engine.syntax.program for module in modules)
    return Launch(flags, environment, place, is_wrapped)


def document_launches(document: object, engine: Engine, file: str) -> Iterator[Launch]:
    """Yield the launches of an engine's servers in a manifest or compose file."""
    for each in _launches(document, engine, Place(file), ()):
        yield replace(each, replicas=_replicas(document))


def environment_file(text: str) -> dict[str, str]:
    """Return the variables of lines `NAME=VALUE`; raise `ValueError` for any other line."""
    variables = dict[str, str]()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().removeprefix("export ")
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        if not equals or not name.strip().isidentifier():
            raise ValueError(f"line {number} is not NAME=VALUE")
        variables[name.strip()] = value.strip().strip("'\"")
    return variables


def _launches(
    value: object, engine: Engine, place: Place, names: tuple[str, ...]
) -> Iterator[Launch]:
    if isinstance(value, list):
        for inner in value:
            yield from _launches(inner, engine, place, names)
    if not isinstance(value, dict):
        return
    for name in (value.get("name"), (value.get("metadata") or {})):
        name = name.get("name") if isinstance(name, dict) else name
        if isinstance(name, str):
            names = (*names, name)
    container = _container(value)
    line = command_line(container) if container else None
    if container and line and _is_of(engine, container, line):
        where = Place(place.file, " / ".join(names))
        yield launch(engine, line, container.env, where)
        return
    for key, inner in value.items():
        inside = (*names, key) if isinstance(inner, dict) and "image" in inner else names
        yield from _launches(inner, engine, place, inside)


def _replicas(document: object) -> int | None:
    spec = document.get("spec") if isinstance(document, dict) else None
    asked = str(spec.get("replicas", "")) if isinstance(spec, dict) else ""
    return int(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else None


def _is_of(engine: Engine, container: Container, line: list[str]) -> bool:
    if arguments_start(line, (engine.syntax.program,)) is not None:
        return True
    return not container.command and engine.name in container.image


def _container(value: Mapping[str, Any]) -> Container | None:
    """Return a mapping as a container, of a pod or of a compose file."""
    image = value.get("image")
    words = _words(value.get("command"))
    arguments = _words(value.get("args"))
    if not isinstance(image, str) or not (words or arguments):
        return None
    environment = dict(_environment(value.get("env", value.get("environment"))))
    if "args" not in value and arguments_start(words, ENGINES) is None:
        # a compose file's command is what its image's entry point is given
        return Container(image, (), tuple(words), environment)
    return Container(image, tuple(words), tuple(arguments), environment)


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError:
            return []
    return [str(each) for each in value] if isinstance(value, list) else []


def _environment(value: object) -> Iterator[tuple[str, str]]:
    """Yield the variables given by value: of a pod, and a compose file's list or mapping."""
    if isinstance(value, dict):
        yield from ((str(name), str(each)) for name, each in value.items())
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            yield each["name"], str(each.get("value", ""))
        elif isinstance(each, str) and "=" in each:
            name, _, text = each.partition("=")
            yield name, text
