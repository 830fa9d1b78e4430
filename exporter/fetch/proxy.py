"""The proxy that the environment names for a URL, as other programs read it there.

`http_proxy`, `https_proxy` and `all_proxy`, in either case, and `no_proxy`, which may hold networks
(10.0.0.0/8) beside names.
"""

from base64 import b64encode
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from ..base.errors import ConfigError
from .address import RequestAddress

_PORT: Final = 80


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where a proxy listens, and the credentials for it."""

    host: str
    port: int
    authorization: str | None = None

    def through(self, address: RequestAddress) -> RequestAddress:
        """Return an address as it is asked for without TLS: of the proxy, by the whole URL."""
        return replace(
            address,
            origin=(self.host, self.port, False),
            target=f"http://{address.authority}{address.target}",
            headers=address.headers + self._credentials,
        )

    def tunnel_request(self, address: RequestAddress) -> bytes:
        """Return the request for a tunnel to a server, over which TLS goes."""
        head = f"CONNECT {address.authority} HTTP/1.1\r\nHost: {address.authority}\r\n"
        return f"{head}{self._credentials}\r\n".encode()

    @property
    def _credentials(self) -> str:
        return f"Proxy-Authorization: {self.authorization}\r\n" if self.authorization else ""


def proxy_of(url: str) -> Proxy | None:
    """Return the proxy for a URL, None where it is reached directly; raises `ConfigError`."""
    parts = urlsplit(url)
    proxies = getproxies_environment()
    text = proxies.get(parts.scheme) or proxies.get("all")
    if not text or proxy_bypass(parts.netloc, proxies):
        return None
    if _in_networks(parts.hostname or "", proxies.get("no", "")):
        return None
    try:
        proxy = urlsplit(text if "//" in text else f"http://{text}")
        port = proxy.port or _PORT
    except ValueError:
        proxy, port = urlsplit(""), 0
    # not shown: it may hold a password
    if proxy.scheme != "http" or not proxy.hostname:
        raise ConfigError(
            f"the proxy for {parts.scheme} in the environment is none that can be used; write "
            f"{parts.scheme}_proxy=http://HOST:3128, or name {parts.hostname} in no_proxy"
        )
    authorization = None
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        authorization = f"Basic {b64encode(pair.encode()).decode()}"
    return Proxy(proxy.hostname, port, authorization)


def _in_networks(host: str, excluded: str) -> bool:
    """Whether an address lies in a network among names without a proxy."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    for entry in excluded.split(","):
        try:
            if address in ip_network(entry.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False
