"""A pod's specification: its command line, its GPUs, its image's release and its environment.

Kubernetes puts `$(NAME)` in words of the command line, a shell `$NAME`; both are put in where the
pod gives the variable by value. A word that stays open says nothing, and a line that such a word
could lengthen by options is not read at all.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Final

from ...discovery.container import Container
from ..engine import Engine
from ..registry import ENGINES
from .arguments import arguments_start
from .facts import SourceReport, known_values
from .settings import public_settings

_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_KUBERNETES_VARIABLE: Final = re.compile(r"\$\$|\$\(([A-Za-z_][\w.-]*)\)")
_SHELL_VARIABLE: Final = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_SUBSTITUTION: Final = re.compile(r"\$\(\([^()]*\)\)|\$\([^()]*\)")
_ENDS_COMMAND: Final = frozenset(";&|()<>\n")
_VERSION_TAG: Final = (
    r"v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+(?:\.?(?:post|rc|dev)[0-9]+)?)(?:-\S*|@\S*)?"
)


def read(engine: Engine, container: Container) -> SourceReport:
    """Return what the specification says beside the command line."""
    return SourceReport(
        "pod",
        known_values(version=_version(engine, container.image), gpus=container.gpus),
        public_settings(container.env, "env.", engine.runtime_settings),
    )


def command_line(container: Container) -> list[str] | None:
    """Return the server's command line, None where it is not to be known from the pod."""
    line = next(iter(named_lines(container)), None)
    words = _filled_words(container)
    if line is None and not container.command and _script(words) is None:
        # The image's own entry point runs: the engine, in images that carry its name.
        line = words if any(engine in container.image for engine in ENGINES) else None
    return _closed(line) if line else None


def named_lines(container: Container) -> list[list[str]]:
    """Return the command lines that name a server's program; variables not known stay as written.

    A script may start several servers.
    """
    words = _filled_words(container)
    script = _script(words)
    commands = [words] if script is None else _commands(script, container.env)
    return [line for line in commands if arguments_start(line, ENGINES) is not None]


def _filled_words(container: Container) -> list[str]:
    return [_filled(word, container.env) for word in (*container.command, *container.arguments)]


def _version(engine: Engine, image: str) -> str | None:
    """Return the version in the tag of one of the engine's own images, mirrors of it included."""
    repositories = "|".join(map(re.escape, engine.images))
    match = re.fullmatch(rf"(?:\S+/)?(?:{repositories}):{_VERSION_TAG}", image)
    return match["version"] if match else None


def _filled(word: str, env: Mapping[str, str]) -> str:
    """Return a word as Kubernetes fills it in; `$$` is a `$`, what it does not know stays."""

    def substituted(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else env.get(match[1], match[0])

    return _KUBERNETES_VARIABLE.sub(substituted, word)


def _script(words: Sequence[str]) -> str | None:
    """Return what a shell is given to run, None where no shell is."""
    if not words or PurePath(words[0]).name not in _SHELLS:
        return None
    for at, word in enumerate(words[1:], 1):
        if word.startswith("-") and not word.startswith("--") and word.endswith("c"):
            return words[at + 1] if at + 1 < len(words) else None
    return None


def _commands(script: str, env: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the commands of a shell script that are plain enough to be read."""
    # what is worked out stays open, and is no end of the command
    text = _SUBSTITUTION.sub("$?", script.replace("\\\n", " "))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()<>\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    command = list[str]()
    try:
        for word in lexer:
            # other words hold such a character where it is quoted
            if word and set(word) <= _ENDS_COMMAND:
                yield command
                command = []
            else:
                command.append(_SHELL_VARIABLE.sub(lambda match: _value(match, env), word))
    except ValueError:
        # An open quote: what came before it may have been torn from its place.
        return
    yield command


def _value(match: re.Match[str], env: Mapping[str, str]) -> str:
    value = env.get(match[1] or match[2], match[0])
    # The shell would split it, or not, as it was quoted.
    return match[0] if len(value.split()) > 1 else value


def _closed(words: Sequence[str]) -> list[str] | None:
    """Return a line with open values empty; None where an open word could be anything."""
    closed = list[str]()
    for at, word in enumerate(words):
        if "$" not in word and "`" not in word:
            closed.append(word)
        elif re.match(r"--[\w.-]+=", word):
            closed.append(word.partition("=")[0] + "=")
        elif at and re.fullmatch(r"--?[A-Za-z][\w.-]*", words[at - 1]):
            closed.append("")
        else:
            return None
    return closed
