"""A command line as options by name, whichever engine it starts.

`--flag value`, `--flag=value`, `--flag`, `--no-flag`, `-tp 2`, `--config.key value` and JSON
values all come out as `name -> values`, with underscores, as the engines' own parsers take them.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from .facts import positive_count

_FLAG: Final = re.compile(r"--?[A-Za-z][\w.-]*")
_SWITCH: Final = re.compile(
    r"(?:enable|disable|no|trust|enforce|skip|use|allow|async|headless)(?:_.*|$)"
)
"""Options that take no value, or a boolean one, by how engines name them."""

_TOOL: Final = re.compile(r"(?:^|[._])(?:bench|collect_env|eval|profil|test)")
"""What the modules beside a server that start none are called."""


@dataclass(frozen=True, slots=True)
class Syntax:
    """How an engine's command line is written.

    `program` is the command and the Python package it is started by. `aliases` map short and old
    spellings of options to full names; `switches` are options that take no value though their
    names do not say so. `positional` is the option that a word without one stands for, empty where
    the engine takes none.
    """

    program: str
    aliases: Mapping[str, str]
    switches: frozenset[str] = frozenset()
    positional: str = ""

    def takes_value(self, option: str) -> bool:
        """Whether a word behind an option may be its value, whatever the word is."""
        return option not in self.switches and not _SWITCH.fullmatch(option)


def arguments_start(line: Sequence[str], programs: Collection[str]) -> int | None:
    """Return where the arguments of a server of one of these programs begin, None where none is."""
    for at, word in enumerate(line[:-1]):
        following = line[at + 1]
        if PurePath(word).name in programs and following == "serve":
            return at + 2
        if word == "-m" and any(part in programs for part in following.split(".")[:2]):
            if _TOOL.search(following):
                return None
            return at + (3 if line[at + 2 : at + 3] == ["serve"] else 2)
        path = PurePath(word)
        if path.suffix == ".py" and any(part in programs for part in path.parts):
            return None if _TOOL.search(path.name) else at + 1
    return None


def options(syntax: Syntax, line: Sequence[str]) -> dict[str, list[str]]:
    """Return the options of a command line by full name; the last of several is kept.

    A line that does not name the program, such as the arguments of a container, is read whole.
    """
    start = arguments_start(line, (syntax.program,))
    values, name = dict[str, list[str]](), ""
    for at, word in enumerate(line[start or 0 :]):
        if _FLAG.fullmatch(word.partition("=")[0]):
            option, equals, value = word.lstrip("-").partition("=")
            name = _full_name(syntax, option)
            values[name] = [value] if equals else []
            if equals:
                name = ""
        elif name and (syntax.takes_value(name) or word.lower() in ("true", "false")):
            values[name].append(word)
        elif syntax.positional and (at == 0 or name):
            values.setdefault(syntax.positional, [word])
            name = ""
    return _positive(values)


def parallel_size(options: Mapping[str, str], option: str) -> int | None:
    """Return a parallel size: 1 where it is not given and no configuration file is read.

    The parallel sizes alone are 1 in every release of every engine unless they are set.
    """
    unset = None if "config" in options else "1"
    return positive_count(options.get(option, unset))


def _full_name(syntax: Syntax, option: str) -> str:
    """Return an option's full name; keys inside a configuration are kept as written."""
    head, dot, key = option.partition(".")
    head = head.replace("-", "_")
    return f"{syntax.aliases.get(head, head)}{dot}{key.rstrip('+')}"


def _positive(options: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Write `--flag` as true and `--no-flag` as false."""
    written = dict[str, list[str]]()
    for name, values in options.items():
        if values:
            written[name] = values
        elif name.startswith("no_"):
            written[name.removeprefix("no_")] = ["false"]
        else:
            written[name] = ["true"]
    return written
