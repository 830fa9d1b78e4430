"""How the engine behind a port of this machine was started."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from ..procfs import processes
from ..procfs.files import PROC
from .registry import ENGINES
from .sources.arguments import arguments_start

_BACKENDS: Final = ("--distributed-executor-backend", "--data-parallel-backend")


def engine_command_line(pids: Iterable[int], proc: Path = PROC) -> list[str]:
    """Return the command line that started an engine's server, empty where none is recognised.

    `pids` hold the server's socket. Workers and API servers rewrite their titles, and then say
    nothing of how they were started; the nearest ancestor with a readable command line speaks for
    them. Every holder is asked itself before any ancestor is, since an ancestor may have started
    another server too. The command line may hold secrets.
    """
    lineages = [processes.lineage(pid, proc) for pid in pids]
    own = [pid for pid, *_ in lineages]
    ancestors = [pid for _, *parents in lineages for pid in parents]
    for pid in (*own, *ancestors):
        line = processes.command_line(pid, proc)
        if arguments_start(line, ENGINES) is not None:
            return line
    return []


def starts_ray_workers(command_line: Sequence[str]) -> bool:
    """Whether a server's command line leaves its workers to Ray."""
    pairs = (
        *pairwise(command_line),
        *(word.partition("=")[::2] for word in command_line),
    )
    return any(option in _BACKENDS and value == "ray" for option, value in pairs)
