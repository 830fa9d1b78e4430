"""A URL as a request needs it: where to connect, and the lines that begin the request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from .. import __version__
from .problem import ExchangeError

# plain text only: SGLang would answer OpenMetrics with escaped, untyped names
_ACCEPT: Final = "text/plain;version=0.0.4, */*;q=0.1"
_HOST: Final = re.compile(r"[A-Za-z0-9._:%-]+")
_PORTS: Final = {"http": 80, "https": 443}
# what RFC 3986 lets stand in a path and a query; what is escaped already stays so
_SAFE: Final = "/%:@!$&'()*+,;=~?[]"


_NO_HEADERS: Final[Mapping[str, str]] = {}

Origin = tuple[str, int, bool]
"""Host and port to connect to, and whether over TLS."""


@dataclass(frozen=True, slots=True)
class RequestBody:
    """What a request carries, and its media type."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class RequestAddress:
    """Where a request goes, its target there, and the headers that every request has."""

    origin: Origin
    authority: str
    target: str
    headers: str

    def request(self, method: str, body: RequestBody | None, authorization: str | None) -> bytes:
        """Return a request."""
        head = f"{method} {self.target} HTTP/1.1\r\n{self.headers}"
        if authorization:
            head += f"Authorization: {authorization}\r\n"
        if body is None:
            return f"{head}\r\n".encode()
        head += f"Content-Type: {body.media_type}\r\nContent-Length: {len(body.content)}\r\n"
        return f"{head}\r\n".encode() + body.content


def request_address(url: str, headers: Mapping[str, str] = _NO_HEADERS) -> RequestAddress:
    """Return the address of a URL; raises `ExchangeError` where it is none.

    `headers` go with every request and replace those of the same name. Compression is not requested
    unless they do: it would cost time of the engine's own event loop.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode()
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ExchangeError("connect", "is no address of a server") from None
    if not _HOST.fullmatch(host):
        raise ExchangeError("connect", "is no address of a server")
    name = f"[{host.partition('%')[0]}]" if ":" in host else host
    authority = name if port == _PORTS[parts.scheme] else f"{name}:{port}"
    # a space or a line break in it would begin another part of the request
    target = quote(parts.path or "/", _SAFE)
    if parts.query:
        target += f"?{quote(parts.query, _SAFE)}"
    own = {
        "Host": authority,
        "Accept": _ACCEPT,
        "Accept-Encoding": "identity",
        "User-Agent": f"inferfleet/{__version__}",
    }
    replaced = {key.lower() for key in headers}
    own = {key: value for key, value in own.items() if key.lower() not in replaced}
    lines = "".join(f"{key}: {value}\r\n" for key, value in {**own, **headers}.items())
    return RequestAddress((host, port, parts.scheme == "https"), f"{name}:{port}", target, lines)
