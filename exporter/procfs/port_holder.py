"""Which process a port of this machine belongs to: whoever holds its listening socket.

No command line is asked: wrappers, `python -c` and supervisors start servers as well as the
engines' own commands do.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import processes, sockets
from .process_table import ProcessTable

_SERVICE_MANAGERS: Final = ("systemd", "init", "circusd", "xinetd")
"""Open sockets for the services they start, and are none of them."""


@dataclass(frozen=True, slots=True)
class PortHolder:
    """The processes behind a port.

    `roots` are the process whose descendants are the server's, and behind it the ancestors that
    may stand for it where none of its descendants has what is looked for, nearest first; `pids` are
    all holders of the socket. `name` is how a person knows the first of them. Where no process can
    be said to be the server, `roots` is empty and `problem` says why, half a sentence.
    """

    port: int
    pids: tuple[int, ...] = ()
    roots: tuple[int, ...] = ()
    name: str = ""
    problem: str = ""


def port_holder(host: str, port: int, table: ProcessTable) -> PortHolder:
    """Return the holder of the socket that answers on a loopback name (or address) and a port."""
    inodes = sockets.answering(host, port, table.listening)
    if not inodes:
        return PortHolder(port, problem=f"no process of this network namespace listens on {port}")
    pids, proc = table.pids(inodes), table.proc
    if not pids:
        return PortHolder(
            port,
            problem=f"the process that listens on port {port} cannot be seen: let the exporter "
            "share its PID namespace and read its open files (root, or the same user)",
        )
    tops = _topmost(pids, proc)
    name = processes.name(tops[0], proc)
    roots = () if len(tops) > 1 else (tops[0],)
    while (above := _same_server(roots[-1:] or tops, port, table)) and len(roots) < 4:
        roots = (*roots, above)
    if not roots:
        names = " and ".join(f"{processes.name(pid, proc)} (process {pid})" for pid in tops[:2])
        problem = f"{names} listen on port {port} at once: give each a port of its own"
        return PortHolder(port, pids, (), name, problem)
    return PortHolder(port, pids, roots, name)


def _topmost(pids: tuple[int, ...], proc: Path) -> tuple[int, ...]:
    """Return the holders that descend from no other one.

    Children that are forked, or get the socket passed on, hold it too; the one above them is the
    server. A service manager that opened the socket in advance is not, unless it is alone.
    """
    servers = [pid for pid in pids if processes.name(pid, proc) not in _SERVICE_MANAGERS] or pids
    return tuple(pid for pid in servers if not set(servers) & set(processes.lineage(pid, proc)[1:]))


def _same_server(tops: tuple[int, ...], port: int, table: ProcessTable) -> int:
    """Return the common parent of processes where it is of the same server as they, else 0.

    API servers that an engine's main process has forked hold the socket while the engine's workers
    are their siblings. A launcher that has started several servers is a parent too, and must not
    answer for one of them: so the children must run the parent's own program, and none of another
    branch may be of their kind and listen on a port of its own.
    """
    proc = table.proc
    parents = {processes.parent(pid, proc) for pid in tops}
    above = parents.pop()
    if parents or above < 1 or not all(_is_part(pid, above, proc) for pid in tops):
        return 0
    own = set(tops).union(*(table.descendants(pid) for pid in tops))
    kinds = {_kind(pid, proc) for pid in tops}
    for other in table.descendants(above) - own:
        if _kind(other, proc) in kinds and table.ports(other) - {port}:
            return 0
    return above


def _is_part(pid: int, above: int, proc: Path) -> bool:
    """Whether a child runs the program of its parent: forked, or started by multiprocessing."""
    line = processes.command_line(pid, proc)
    alike = (
        processes.is_title(line)
        or any("multiprocessing" in word for word in line)
        or line == processes.command_line(above, proc)
    )
    return (
        alike
        and bool(processes.executable(pid, proc))
        and processes.executable(pid, proc) == processes.executable(above, proc)
        and processes.session(pid, proc) == processes.session(above, proc)
        and processes.container(pid, proc) == processes.container(above, proc)
    )


def _kind(pid: int, proc: Path) -> str:
    """Return a process's name without its numbers: `VLLM::APIServer_` of each of several."""
    return "".join(letter for letter in processes.name(pid, proc) if not letter.isdigit())
