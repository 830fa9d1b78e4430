"""What a mapping of a manifest, compose file or chart's values says of a program. Pure."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...discovery.container import Container

_ARGUMENTS: Final = re.compile(r"(?:.*_)?(?:kw)?(?:args|arguments|flags)")
_VARIABLES: Final = re.compile(r"(?:extra_?)?env(?:ironment)?(?:_?vars?|_?variables)?")
_NO_PROGRAM: Final = re.compile(r"-|[\w-][\w.-]*/[\w.-]+$|serve$")
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-.]")


def is_part(key: str) -> bool:
    """Whether a key holds a program's command, arguments or variables."""
    name = _snake(key)
    return name in ("command", "entrypoint") or bool(
        _ARGUMENTS.fullmatch(name) or _VARIABLES.fullmatch(name)
    )


def program(value: Mapping[str, Any], prefixes: tuple[str, ...]) -> Container:
    """Return a mapping as a container; its parts are empty where they do not stand there.

    Arguments may stand under any key or in any variable that ends with "args", as words or as
    options by name; variables also as keys of the mapping that begin with `prefixes`.
    """
    command = [*_words(value.get("entrypoint")), *_words(value.get("command"))]
    arguments, environment = list[str](), dict[str, str]()
    for key, inner in value.items():
        if _ARGUMENTS.fullmatch(_snake(key)) and not key.isupper():
            arguments += _words(inner)
        elif _VARIABLES.fullmatch(_snake(key)):
            environment |= dict(_environment(inner))
        elif key.startswith(prefixes) and isinstance(inner, str):
            environment[key] = inner
    name = value.get("name")
    if isinstance(name, str) and name.startswith(prefixes) and "value" in value:
        environment[name] = str(value["value"])
    if not arguments and "image" in value and _is_given_to_image(command):
        command, arguments = [], command
    return Container(_image(value.get("image")), tuple(command), tuple(arguments), environment)


def arguments_in_variables(environment: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the words of the variables that hold arguments, by their names, and the others."""
    holding = {name for name in environment if _ARGUMENTS.fullmatch(name.lower())}
    words = [word for name in sorted(holding) for word in _words(environment[name])]
    return words, {name: text for name, text in environment.items() if name not in holding}


def _is_given_to_image(command: list[str]) -> bool:
    """Whether a command is what an image's entry point is given, as in a compose file.

    It begins with an option, or with a model, whose name is that of an owner and its own.
    """
    return bool(command) and bool(_NO_PROGRAM.match(command[0]))


def _snake(key: str) -> str:
    return _WORD_START.sub("_", key).lower()


def _image(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("repository", value.get("name"))
    return value if isinstance(value, str) else ""


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        try:
            return shlex.split(value)
        except ValueError:
            return []
    if isinstance(value, dict):
        return [word for name, inner in value.items() for word in _option(str(name), inner)]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _option(name: str, value: object) -> list[str]:
    """Return an option of a chart's values as it is written on a command line."""
    flag = name if name.startswith("-") else f"--{name}"
    if value is None or value is True or value in ("", "true"):
        return [flag]
    if isinstance(value, list):
        return [flag, *map(str, value)]
    return [f"{flag}={json.dumps(value) if isinstance(value, dict) else value}"]


def _environment(value: object) -> Iterator[tuple[str, str]]:
    """Yield the variables given by value: of a pod, and a compose file's list or mapping."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield str(name), "" if isinstance(each, dict | list) else str(each)
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            yield each["name"], str(each.get("value", ""))
        elif isinstance(each, str) and "=" in each:
            name, _, text = each.partition("=")
            yield name, text
