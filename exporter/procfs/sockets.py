"""Listening TCP sockets of this network namespace, and the processes that hold them.

A socket is its inode; several listen on one port where they share it (SO_REUSEPORT) or stand on
different addresses. A process inherits the sockets of its parent unless they are closed.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from .files import PROC, link, open_files, text

Address = IPv4Address | IPv6Address

_LISTEN: Final = "0A"
_SOCKET: Final = "socket:["
_LOOPBACK: Final = {
    "localhost": ("127.0.0.1", "::1"),
    "127.0.0.1": ("127.0.0.1",),
    "::1": ("::1",),
}


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A socket that takes connections to a port; an IPv4 address may stand for its IPv6 form."""

    inode: str
    address: Address
    port: int


def listening(proc: Path = PROC) -> list[ListeningSocket]:
    """Return every listening TCP socket of this network namespace."""
    sockets = []
    for table in ("tcp", "tcp6"):
        for line in text(proc / "net" / table).splitlines()[1:]:
            words = line.split()
            if len(words) < 10 or words[3] != _LISTEN:
                continue
            written, _, port = words[1].partition(":")
            address = _address(written)
            if address is not None and _is_hex(port):
                sockets.append(ListeningSocket(words[9], address, int(port, 16)))
    return sockets


def answering(host: str, port: int, sockets: Iterable[ListeningSocket]) -> set[str]:
    """Return the inodes of the sockets that a connection to a loopback name and port comes to.

    The kernel prefers a socket bound to the very address over one bound to every address, and one
    of IPv4 over one of both families; of several alike any may get the connection.
    """
    on_port = [socket for socket in sockets if socket.port == port]
    inodes = set[str]()
    for exact in map(ip_address, _LOOPBACK.get(host, ())):
        every = (IPv4Address(0), IPv6Address(0)) if exact.version == 4 else (IPv6Address(0),)
        for address in (exact, *every):
            if bound := {socket.inode for socket in on_port if socket.address == address}:
                inodes |= bound
                break
    return inodes


def open_sockets(pid: int, proc: Path = PROC) -> dict[str, str]:
    """Return the inodes of a process's sockets by the number each is open under."""
    return {
        number: inode for number, file in open_files(pid, proc).items() if (inode := _inode(file))
    }


def open_socket(pid: int, number: str, proc: Path = PROC) -> str:
    """Return the inode of the socket a process has open under a number, empty where it has none."""
    return _inode(link(f"{proc}/{pid}/fd/{number}"))


def _inode(file: str) -> str:
    return file[len(_SOCKET) : -1] if file.startswith(_SOCKET) else ""


def _address(written: str) -> Address | None:
    """Read an address as /proc/net/tcp writes it: 32-bit words in the machine's byte order."""
    try:
        raw = bytes.fromhex(written)
    except ValueError:
        return None
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    if len(raw) == 4:
        return IPv4Address(raw)
    if len(raw) == 16:
        ip = IPv6Address(raw)
        return ip.ipv4_mapped or ip
    return None


def _is_hex(digits: str) -> bool:
    try:
        return int(digits, 16) >= 0
    except ValueError:
        return False
