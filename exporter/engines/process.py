"""The engine's process behind a port of this machine: which it is, and how it was started."""

from dataclasses import dataclass, field
from pathlib import Path

from .. import procfs
from .registry import ENGINES
from .sources.arguments import arguments_start


@dataclass(frozen=True, slots=True)
class Process:
    """A server process. `start_time` is Unix time in seconds, None where unknown.

    The command line may hold secrets: it is kept out of the text form.
    """

    pid: int
    command_line: list[str] = field(repr=False)
    start_time: float | None


def server_process(port: int, proc: Path = procfs.PROC) -> Process | None:
    """Return the engine's process that answers on a local TCP port, None where not visible.

    Workers and API servers rewrite their titles, and then say nothing of how they were started;
    the nearest ancestor with a readable command line speaks for them. Every listener is asked
    itself before any ancestor is, since an ancestor may have started another server too.
    """
    lineages = [procfs.lineage(pid, proc) for pid in procfs.listeners(port, proc)]
    own = [pid for pid, *_ in lineages]
    ancestors = [pid for _, *parents in lineages for pid in parents]
    for pid in (*own, *ancestors):
        line = procfs.command_line(pid, proc)
        if arguments_start(line, ENGINES) is not None:
            return Process(pid, line, procfs.start_time(pid, proc))
    return None
