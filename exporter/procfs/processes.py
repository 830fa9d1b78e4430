"""Processes of this machine, read from /proc: what each is, and what it belongs to.

Sees what the exporter may see: processes of its own PID namespace. Whatever cannot be read is not
there.
"""

import re
from pathlib import Path, PurePath
from typing import Final

from .files import PROC, link, text

_CONTAINER: Final = re.compile(r"[0-9a-f]{64}")
_INTERPRETER: Final = re.compile(r"python[\d.]*|bash|sh|node|ruby|perl|uv")
_ANCESTORS: Final = 16
# where fields stand in /proc/PID/stat behind the name, which are counted from 3 on in proc(5)
_PARENT: Final = 1
_SESSION: Final = 3
_START: Final = 19
_INITIAL_PID_NAMESPACE: Final = "pid:[4026531836]"
"""The number the kernel gives the namespace of the machine itself (include/linux/proc_ns.h)."""


def lineage(pid: int, proc: Path = PROC) -> tuple[int, ...]:
    """Return a process and its ancestors, nearest first; only itself where it is not visible."""
    pids = [pid]
    while len(pids) <= _ANCESTORS and (above := parent(pids[-1], proc)):
        pids.append(above)
    return tuple(pids)


def parent(pid: int, proc: Path = PROC) -> int:
    """Return a process's parent, 0 where it has none or is not visible."""
    return _number(pid, _PARENT, proc)


def session(pid: int, proc: Path = PROC) -> int:
    """Return the session a process belongs to, 0 where it is not visible."""
    return _number(pid, _SESSION, proc)


def start_ticks(pid: int, proc: Path = PROC) -> int:
    """Return when a process started, in clock ticks since boot; 0 where it is not visible.

    A number and a start time together are one process: numbers alone are used again.
    """
    return _number(pid, _START, proc)


def container(pid: int, proc: Path = PROC) -> str:
    """Return the id of the container a process runs in, empty where its cgroup names none."""
    identifiers = _CONTAINER.findall(text(proc / str(pid) / "cgroup"))
    return identifiers[-1] if identifiers else ""


def command_line(pid: int, proc: Path = PROC) -> list[str]:
    """Return a process's command line, empty where it is not visible. It may hold secrets."""
    return [word for word in text(proc / str(pid) / "cmdline").split("\0") if word]


def executable(pid: int, proc: Path = PROC) -> str:
    """Return the file a process runs, empty where it may not be read."""
    return link(proc / str(pid) / "exe")


def name(pid: int, proc: Path = PROC) -> str:
    """Return how a person knows a process, without its arguments, which may hold secrets.

    A title that the process gave itself, or its program; of an interpreter also the script or
    module it runs.
    """
    words = command_line(pid, proc)
    if not words:
        return _kernel_name(pid, proc)
    if is_title(words):
        return words[0].split()[0].rstrip(":")
    # daemons write what they do behind their name: `nginx: master process /usr/sbin/nginx`
    program = PurePath(words[0].partition(": ")[0]).name
    if not _INTERPRETER.fullmatch(program):
        return program
    for at, word in enumerate(words[1:], 1):
        if word in ("-m", "-c"):
            module = words[at + 1] if word == "-m" and at + 1 < len(words) else ""
            return f"{program} {word} {module}".rstrip()
        if not word.startswith("-"):
            return f"{program} {PurePath(word).name}"
    return program


def is_title(words: list[str]) -> bool:
    """Whether a command line is a title such as `VLLM::APIServer_0`, which names no arguments."""
    return bool(words) and "::" in words[0]


def is_ray(pid: int, proc: Path = PROC) -> bool:
    """Whether a process is a Ray node's own daemon, which is the parent of all its workers."""
    return _kernel_name(pid, proc) == "raylet"


def standard_output(pid: int, proc: Path = PROC) -> str:
    """Return the file a process writes its standard output to, empty where unknown."""
    return link(proc / str(pid) / "fd" / "1")


def in_initial_namespace(proc: Path = PROC) -> bool:
    """Whether this process numbers processes as the machine itself does."""
    return link(proc / "self" / "ns" / "pid") == _INITIAL_PID_NAMESPACE


def _kernel_name(pid: int, proc: Path) -> str:
    """Return the name in /proc/PID/stat, 15 bytes at most; it may hold brackets itself."""
    return text(proc / str(pid) / "stat").partition("(")[2].rpartition(")")[0]


def _number(pid: int, field: int, proc: Path) -> int:
    fields = text(proc / str(pid) / "stat").rpartition(")")[2].split()
    return int(fields[field]) if len(fields) > field and fields[field].isdigit() else 0
