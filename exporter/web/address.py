"""Listen addresses: `:10190`, `0.0.0.0:10190`, `[::1]:10190` or `host:10190` become a socket."""

import re
import socket
from dataclasses import dataclass
from typing import Final

from ..base.errors import ConfigError

_ADDRESS: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[^:\[\]\s/@]*)):"
    r"(?P<port>[0-9]{1,5})",
    re.ASCII,
)
_BACKLOG: Final = 128
_EVERY: Final = ("", "0.0.0.0", "::")
"""Hosts that mean every interface; none of them is an address to open."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen. An empty host means every interface; port 0 means any free port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def reachable(self) -> "ListenAddress":
        """What to open on this machine: `localhost` where every interface is listened on."""
        return ListenAddress("localhost", self.port) if self.host in _EVERY else self


def parse_listen(text: str, option: str = "web.listen") -> ListenAddress:
    """Return the address that a text names, or raise `ConfigError` naming the option."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ConfigError(
            f"{option}: {text!r} is no address to listen on; "
            "write it like :10190, 127.0.0.1:10190 or [::1]:10190"
        )
    return ListenAddress(match["six"] or match["host"], int(match["port"]))


def open_socket(listen: ListenAddress, option: str = "web.listen") -> socket.socket:
    """Return a listening socket, or raise `ConfigError` saying why there can be none."""
    try:
        if not listen.host and socket.has_dualstack_ipv6():
            return socket.create_server(
                ("::", listen.port),
                family=socket.AF_INET6,
                dualstack_ipv6=True,
                backlog=_BACKLOG,
            )
        family, _, _, _, address = socket.getaddrinfo(
            listen.host or "0.0.0.0",
            listen.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise ConfigError(
            f"{option}: cannot listen on {listen}: {reason}; "
            "free the port, or choose another address (--listen)"
        ) from error
