"""The process behind a port of this machine, read from /proc.

Works for targets on loopback, where the exporter sees the server's processes: same PID namespace,
and the right to read their file descriptors. Whatever cannot be read is not there.
"""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from .arguments import located

_LISTEN: Final = "0A"
_CONTAINER: Final = re.compile(r"[0-9a-f]{64}")
_ANCESTORS: Final = 16
_START_FIELD: Final = 19
"""Where the start time stands in /proc/PID/stat behind the name: field 22, counted from 1."""


@dataclass(frozen=True, slots=True)
class Process:
    """A server process. `start_time` is Unix time in seconds, None where unknown.

    The command line may hold secrets: it is kept out of the text form.
    """

    pid: int
    command_line: list[str] = field(repr=False)
    start_time: float | None


def find(port: int, proc: Path = Path("/proc")) -> Process | None:
    """Return the vLLM or SGLang process that answers on a local TCP port, None where not visible.

    Workers and API servers rewrite their titles; the nearest ancestor with a readable command
    line then speaks for them.
    """
    owners = sorted(_owners(_inodes(port, proc), proc))
    for lineage in ([[pid] for pid in owners], [_ancestors(pid, proc) for pid in owners]):
        for pid in (pid for pids in lineage for pid in pids):
            line = _command_line(pid, proc)
            if located(line) is not None:
                return Process(pid, line, start_time(pid, proc))
    return None


def command_line(port: int, proc: Path = Path("/proc")) -> list[str] | None:
    """Return the command line of the server on a local TCP port, None where not visible."""
    process = find(port, proc)
    return process.command_line if process else None


def lineage(pid: int, proc: Path = Path("/proc")) -> tuple[int, ...]:
    """Return a process and its ancestors, nearest first; only itself where it is not visible."""
    return (pid, *_ancestors(pid, proc))


def container(pid: int, proc: Path = Path("/proc")) -> str:
    """Return the id of the container a process runs in, empty where its cgroup names none."""
    found = _CONTAINER.findall(_read(proc / str(pid) / "cgroup"))
    return found[-1] if found else ""


def start_time(pid: int, proc: Path = Path("/proc")) -> float | None:
    """Return when a process started, as Unix time in seconds."""
    booted = [line for line in _read(proc / "stat").splitlines() if line.startswith("btime ")]
    fields = _stat(pid, proc)
    try:
        ticks = float(fields[_START_FIELD])
        return float(booted[0].split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (IndexError, ValueError):
        return None


def _inodes(port: int, proc: Path) -> set[str]:
    """Return the inodes of the sockets that listen on a port of loopback or of every address."""
    found = set[str]()
    for table in ("tcp", "tcp6"):
        for line in _read(proc / "net" / table).splitlines()[1:]:
            words = line.split()
            if len(words) < 10 or words[3] != _LISTEN:
                continue
            address, _, number = words[1].partition(":")
            if _is_local(address) and _hex(number) == port:
                found.add(words[9])
    return found


def _hex(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None


def _is_local(address: str) -> bool:
    """Whether an address as /proc/net/tcp writes it is loopback or every address.

    The kernel prints each 32-bit word of it in the machine's own byte order.
    """
    try:
        raw = bytes.fromhex(address)
    except ValueError:
        return False
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    if len(raw) == 4:
        ip: IPv4Address | IPv6Address = IPv4Address(raw)
    elif len(raw) == 16:
        ip = IPv6Address(raw)
        ip = ip.ipv4_mapped or ip
    else:
        return False
    return ip.is_loopback or ip.is_unspecified


def _owners(inodes: set[str], proc: Path) -> Iterator[int]:
    """Yield the processes that hold one of the sockets."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    if not wanted:
        return
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if any(os.readlink(link) in wanted for link in (folder / "fd").iterdir()):
                yield int(folder.name)
        except OSError:
            # The process has ended, or belongs to another user.
            continue


def _ancestors(pid: int, proc: Path) -> list[int]:
    """Return a process's ancestors, nearest first."""
    found = list[int]()
    while len(found) < _ANCESTORS:
        fields = _stat(pid, proc)
        if len(fields) < 2 or not fields[1].isdigit() or int(fields[1]) < 1:
            break
        pid = int(fields[1])
        found.append(pid)
    return found


def _stat(pid: int, proc: Path) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name, which may hold blanks itself."""
    return _read(proc / str(pid) / "stat").rpartition(")")[2].split()


def _command_line(pid: int, proc: Path) -> list[str]:
    return [word for word in _read(proc / str(pid) / "cmdline").split("\0") if word]


def _read(path: Path) -> str:
    """Return a file of /proc, empty where it has gone or is not ours to read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
