"""Addresses of names, looked up beside the event loop and kept for a while.

The system's resolver blocks, for half a minute and more where name servers are silent. So each
look-up has a thread of its own, and whoever waits gives up at its own deadline. A name once known
goes on with its last addresses while they are looked up again, and names that failed before may
occupy only half of the threads: a silent name server costs its own names only.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import Any, Final

from ..base.event_loop import in_thread
from .problem import unreachable

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""A family, and an address as sockets of the family take it."""
Lookup = Callable[[str, int], Sequence[Address]]
"""Returns the addresses of a host and port; blocks, and raises `OSError`."""

_KEPT_SECONDS: Final = 30.0
_FORGOTTEN_SECONDS: Final = 600.0
_MAX_THREADS: Final = 64


def system_addresses(host: str, port: int) -> Sequence[Address]:
    """Return what the system's resolver says."""
    try:
        records = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host} is no host name") from error
    return [(family, address) for family, _, _, _, address in records]


@dataclass(slots=True)
class _Name:
    """What is known of one host and port; `renewal` is when it is to be looked up again."""

    addresses: Sequence[Address] = ()
    renewal: float = 0.0
    error: OSError | None = None
    lookup: asyncio.Task[None] | None = None


class Resolver:
    """Looks up names for the tasks of one event loop."""

    def __init__(self, lookup: Lookup = system_addresses, max_threads: int = _MAX_THREADS) -> None:
        self._lookup = lookup
        self._names: dict[tuple[str, int], _Name] = {}
        self._threads = asyncio.Semaphore(max_threads)
        self._threads_of_failed = asyncio.Semaphore(max(max_threads // 2, 1))

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of a host, at least one; raises `ExchangeError`."""
        if literal := _literal(host, port):
            return [literal]
        name = self._name(host, port)
        if name.renewal <= monotonic():
            self._renew(name, host, port)
        if not name.addresses and name.lookup:
            # shared by all who wait, and of use to the next when one of them gives up
            await asyncio.shield(name.lookup)
        if not name.addresses:
            raise unreachable(name.error or OSError("it has no address"))
        return name.addresses

    def renew(self, host: str, port: int) -> None:
        """Look a name up again now: its addresses led nowhere."""
        if name := self._names.get((host, port)):
            self._renew(name, host, port)

    def _name(self, host: str, port: int) -> _Name:
        name = self._names.get((host, port))
        if name is None:
            old = monotonic() - _FORGOTTEN_SECONDS
            self._names = {
                key: name for key, name in self._names.items() if name.lookup or name.renewal > old
            }
            name = self._names[host, port] = _Name()
        return name

    def _renew(self, name: _Name, host: str, port: int) -> None:
        if name.lookup is None:
            name.lookup = asyncio.create_task(self._look_up(name, host, port))

    async def _look_up(self, name: _Name, host: str, port: int) -> None:
        try:
            async with self._threads_of_failed if name.error else nullcontext(), self._threads:
                name.addresses = await in_thread(lambda: self._lookup(host, port), "resolver")
            name.error = None
            name.renewal = monotonic() + _KEPT_SECONDS
        except OSError as error:
            name.error = error
            if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
                name.addresses = ()
            name.renewal = monotonic() + (_KEPT_SECONDS if name.addresses else 0.0)
        finally:
            name.lookup = None


def _literal(host: str, port: int) -> Address | None:
    """Return the address that a host is, None where it is a name."""
    try:
        version = ip_address(host).version
    except ValueError:
        return None
    if "%" in host:
        return None
    if version == 4:
        return socket.AF_INET, (host, port)
    return socket.AF_INET6, (host, port, 0, 0)
