"""Units of systemd, as a document of the program that they start. Pure.

Source: systemd.syntax(7), systemd.service(5), and podman-systemd.unit(5) for containers.
"""

import re
import shlex
from typing import Final

SUFFIXES: Final = (".service", ".container")

_CONTINUED: Final = re.compile(r"\\\n(?:[#;].*\n)*")
_SETTING: Final = re.compile(r"^(Environment|ExecStart|Exec|Image)[ \t]*=[ \t]*(.*)$", re.MULTILINE)
_PREFIX: Final = re.compile(r"^[-@:+!|]+")


def unit(text: str) -> dict[str, object]:
    """Return what a unit starts as a container is described; raise `ValueError` for open quotes."""
    words = dict[str, list[str]]()
    for match in _SETTING.finditer(_CONTINUED.sub(" ", text)):
        values = shlex.split(match[2])
        # an empty setting takes back those before it
        words[match[1]] = [*words.get(match[1], ()), *values] if values else []
    command = words.get("ExecStart", [])
    document: dict[str, object] = {"environment": words.get("Environment", [])}
    if command:
        document["command"] = [_PREFIX.sub("", command[0]), *command[1:]]
    if "Image" in words:
        document |= {"image": " ".join(words["Image"]), "args": words.get("Exec", [])}
    return document
