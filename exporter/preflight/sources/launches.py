"""How servers are started: in manifests, compose files, charts' values and scripts. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from ...discovery.container import Container
from ...engines.engine import Engine
from ...engines.registry import ENGINES
from ...engines.sources.arguments import arguments_start, options
from ...engines.sources.pod import named_lines
from ..finding import Place
from .programs import arguments_in_variables, is_part, program

_SHORTHAND: Final = re.compile(r"-[A-Za-z]\S*")
_OPEN: Final = re.compile(r"[$`]|\{\{")
_EXPORTED: Final = re.compile(r"(?:^|[\s;&])([A-Z][A-Z0-9_]*)=(\S*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started: flags with their values, variables, and where that stands.

    `flags` are full names such as `--max-num-seqs`; a switch that is turned off is `false`.
    `is_wrapped` where what starts the engine may take arguments of its own: another program, an
    image that only carries the engine's name, a chart's values. `replicas` are those that its
    workload asks for, None where that does not stand there.
    """

    flags: Mapping[str, tuple[str, ...]]
    environment: Mapping[str, str]
    place: Place
    is_wrapped: bool = False
    replicas: int | None = None

    @property
    def is_server(self) -> bool:
        """Whether it is more than variables that somebody sets for a server."""
        return bool(self.flags) or not self.is_wrapped


def launch(
    engine: Engine,
    line: list[str],
    environment: Mapping[str, str],
    place: Place,
    is_wrapped: bool = False,
) -> Launch:
    """Return a launch from a command line, or from the arguments alone."""
    modules = (after for word, after in pairwise(line) if word == "-m")
    is_wrapped |= any(module.partition(".")[0] != engine.syntax.program for module in modules)
    is_wrapped |= any(word.endswith(".py") and "entrypoints" not in word for word in line)
    return Launch(_flags(engine, line), environment, place, is_wrapped)


def document_launches(
    document: object, engine: Engine, file: str, arguments: Mapping[str, Collection[str]]
) -> Iterator[Launch]:
    """Yield the launches of an engine's servers in a manifest, compose file or chart's values.

    `arguments` are the flags that any release has, by engine: what has no program's name is known
    by them.
    """
    for each in _Walk(engine, arguments).launches(document, Place(file), ()):
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


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through a document for one engine's servers."""

    engine: Engine
    arguments: Mapping[str, Collection[str]]

    @property
    def _others(self) -> list[Engine]:
        return [other for other in ENGINES.values() if other is not self.engine]

    def launches(self, value: object, place: Place, names: tuple[str, ...]) -> Iterator[Launch]:
        """Yield the launches in a value; `names` are those on the way to it."""
        if isinstance(value, list):
            for inner in value:
                yield from self.launches(inner, place, names)
        elif isinstance(value, str):
            yield from self._of_script(value, replace(place, path=" / ".join(names)))
        elif isinstance(value, dict):
            yield from self._of_mapping(value, place, names)

    def _of_mapping(
        self, value: dict[str, Any], place: Place, names: tuple[str, ...]
    ) -> Iterator[Launch]:
        for name in (value.get("name"), (value.get("metadata") or {})):
            name = name.get("name") if isinstance(name, dict) else name
            if isinstance(name, str):
                names = (*names, name)
        container = program(value, self.engine.variable_prefixes)
        own = list(self._of_program(container, value, replace(place, path=" / ".join(names))))
        yield from own
        for key, inner in value.items():
            if is_part(key) and (own or self._is_anothers(container)):
                continue
            is_named = isinstance(inner, dict) and any(is_part(inner_key) for inner_key in inner)
            yield from self.launches(inner, place, (*names, key) if is_named else names)

    def _of_program(
        self, container: Container, value: Mapping[str, Any], place: Place
    ) -> Iterator[Launch]:
        engine = self.engine
        more, environment = arguments_in_variables(container.env)
        lines = named_lines(container)
        for line in lines:
            if arguments_start(line, (engine.syntax.program,)) is not None:
                variables = {**environment, **_exported(container.arguments)}
                yield launch(engine, [*line, *more], variables, place)
        if lines or self._is_anothers(container):
            return
        words = [*container.command, *container.arguments, *more]
        if _is_published(engine, container) or self._is_alike(words, container, value):
            is_wrapped = not _is_published(engine, container)
            yield Launch(_flags(engine, words), environment, place, is_wrapped)
        elif any(name.startswith(engine.variable_prefixes) for name in environment):
            yield Launch({}, environment, place, is_wrapped=True)

    def _is_anothers(self, container: Container) -> bool:
        return any(_is_published(other, container) for other in self._others)

    def _of_script(self, text: str, place: Place) -> Iterator[Launch]:
        if self.engine.syntax.program not in text or "--" not in text:
            return
        for line in named_lines(Container("", ("sh", "-c", text))):
            if arguments_start(line, (self.engine.syntax.program,)) is not None:
                yield launch(self.engine, line, _exported((text,)), place, is_wrapped=True)

    def _is_alike(self, words: list[str], container: Container, value: Mapping[str, Any]) -> bool:
        """Whether words are arguments of the engine though no program or image says so.

        Where the engine is named beside them one is enough; else most of them are its own, and
        more are its alone than another engine's alone.
        """
        flags = (word.partition("=")[0] for word in words if word.startswith("--"))
        given = {flag.replace("_", "-") for flag in flags}
        known = given & set(self.arguments.get(self.engine.name, ()))
        of_others = set().union(*(self.arguments.get(other.name, ()) for other in self._others))
        if 2 * len(known) < len(given) or not known:
            return False
        image = container.image.rpartition("/")[2]
        named = self.engine.name in image or _names(value, self.engine.name)
        named &= not container.command
        alone = len(known - of_others) - len(given & of_others - known)
        return named or (len(known) > 1 and alone > 0)


def _names(value: Mapping[str, Any], engine: str) -> bool:
    """Whether a mapping names an engine, as a value or in the key of arguments."""
    return any(
        (isinstance(inner, str) and inner.lower() == engine) or (engine in key and is_part(key))
        for key, inner in value.items()
    )


def _is_published(engine: Engine, container: Container) -> bool:
    """Whether the entry point of an image that the engine's project publishes is started."""
    if container.command or not container.arguments:
        return False
    repository = re.split(r"[:@](?!.*/)", container.image)[0]
    return any(repository == name or repository.endswith(f"/{name}") for name in engine.images)


def _flags(engine: Engine, line: list[str]) -> dict[str, tuple[str, ...]]:
    # a shorthand that is no other spelling of a flag may carry its value in itself, as -O3 does
    known = [
        word
        for word in map(_closed, line)
        if not _SHORTHAND.fullmatch(word) or word[1:].partition("=")[0] in engine.syntax.aliases
    ]
    return {
        f"--{name.partition('.')[0].replace('_', '-')}": tuple(values)
        for name, values in options(engine.syntax, known).items()
    }


def _closed(word: str) -> str:
    """Return a word without what a shell or a template would put there."""
    if not _OPEN.search(word):
        return word
    flag, equals, _ = word.partition("=")
    return f"{flag}=" if equals and flag.startswith("-") and not _OPEN.search(flag) else ""


def _exported(texts: Collection[str]) -> dict[str, str]:
    """Return the variables that scripts set."""
    return {match[1]: match[2] for text in texts for match in _EXPORTED.finditer(text)}


def _replicas(document: object) -> int | None:
    spec = document.get("spec") if isinstance(document, dict) else None
    asked = str(spec.get("replicas", "")) if isinstance(spec, dict) else ""
    return int(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else None
