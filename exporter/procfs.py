"""Processes of this machine, read from /proc: who listens on a port, and what it belongs to.

Sees what the exporter may see: processes of its own PID namespace, and the sockets of those whose
file descriptors it may read. Whatever cannot be read is not there.
"""

import os
import re
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")

_LISTEN: Final = "0A"
_CONTAINER: Final = re.compile(r"[0-9a-f]{64}")
_ANCESTORS: Final = 16
_START_FIELD: Final = 19
"""Where the start time stands in /proc/PID/stat behind the name: field 22, counted from 1."""


def listeners(port: int, proc: Path = PROC) -> list[int]:
    """Return the processes that hold the listening socket of a local TCP port, by number."""
    return sorted(_socket_holders(_listening_inodes(port, proc), proc))


def lineage(pid: int, proc: Path = PROC) -> tuple[int, ...]:
    """Return a process and its ancestors, nearest first; only itself where it is not visible."""
    return (pid, *_ancestors(pid, proc))


def container(pid: int, proc: Path = PROC) -> str:
    """Return the id of the container a process runs in, empty where its cgroup names none."""
    identifiers = _CONTAINER.findall(_read(proc / str(pid) / "cgroup"))
    return identifiers[-1] if identifiers else ""


def command_line(pid: int, proc: Path = PROC) -> list[str]:
    """Return a process's command line, empty where it is not visible. It may hold secrets."""
    return [word for word in _read(proc / str(pid) / "cmdline").split("\0") if word]


def start_time(pid: int, proc: Path = PROC) -> float | None:
    """Return when a process started, as Unix time in seconds."""
    booted = [line for line in _read(proc / "stat").splitlines() if line.startswith("btime ")]
    fields = _stat(pid, proc)
    try:
        ticks = float(fields[_START_FIELD])
        return float(booted[0].split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (IndexError, ValueError):
        return None


def _listening_inodes(port: int, proc: Path) -> set[str]:
    """Return the inodes of the sockets that listen on a port of loopback or of every address."""
    inodes = set[str]()
    for table in ("tcp", "tcp6"):
        for line in _read(proc / "net" / table).splitlines()[1:]:
            words = line.split()
            if len(words) < 10 or words[3] != _LISTEN:
                continue
            address, _, number = words[1].partition(":")
            if _is_local(address) and _hex(number) == port:
                inodes.add(words[9])
    return inodes


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


def _socket_holders(inodes: set[str], proc: Path) -> Iterator[int]:
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
    ancestors = list[int]()
    while len(ancestors) < _ANCESTORS:
        fields = _stat(pid, proc)
        if len(fields) < 2 or not fields[1].isdigit() or int(fields[1]) < 1:
            break
        pid = int(fields[1])
        ancestors.append(pid)
    return ancestors


def _stat(pid: int, proc: Path) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name, which may hold blanks itself."""
    return _read(proc / str(pid) / "stat").rpartition(")")[2].split()


def _read(path: Path) -> str:
    """Return a file of /proc, empty where it has gone or may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
