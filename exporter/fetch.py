"""HTTP from servers: one deadline for the whole answer, a size limit, credentials and TLS."""

import json
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError, TimeoutError

from . import __version__
from .base.errors import ConfigError, CredentialsError, FetchError
from .config import HttpSettings

# plain text only: SGLang would answer OpenMetrics with escaped, untyped names
_ACCEPT: Final = "text/plain;version=0.0.4, */*;q=0.1"
_CHUNK: Final = 1 << 18
_REMEDIES: Final = {
    **dict.fromkeys((401, 403), ": give credentials in the http section"),
    **dict.fromkeys((301, 302, 307, 308), ": give the address it sends to"),
    404: ": correct the address or its path",
}
_HEADERS: Final = {
    "Accept": _ACCEPT,
    "Accept-Encoding": "identity",
    "User-Agent": f"inferfleet/{__version__}",
}


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A server's answer: body after decompression, and its content type."""

    body: bytes
    content_type: str

    @property
    def openmetrics(self) -> bool:
        """Whether the server declared the body as OpenMetrics."""
        return self.content_type.startswith("application/openmetrics-text")


class HttpClient:
    """Sends requests over pooled connections; safe to use from many threads.

    Compression is not requested: it would cost time of the engine's own event loop.
    """

    def __init__(
        self,
        http: HttpSettings,
        connections: int,
        max_bytes: int,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._http = http
        self._connections = connections
        self._max_bytes = max_bytes
        self._tls = tls or tls_context(http)
        self._pools = urllib3.PoolManager(maxsize=connections, retries=False, ssl_context=self._tls)
        self._routes: dict[str, tuple[urllib3.HTTPConnectionPool, str]] = {}

    def clone(self) -> "HttpClient":
        """Return a client with connections of its own."""
        return HttpClient(self._http, self._connections, self._max_bytes, self._tls)

    def close(self) -> None:
        """Close the connections; one in use ends with its answer."""
        self._routes.clear()
        self._pools.clear()

    def get(self, url: str, timeout: float) -> HttpResponse:
        """Return the body of a 200 answer, or raise `FetchError` with a bounded reason.

        `timeout` in seconds bounds the whole answer. A connection the server closed while it was
        kept is opened again once.
        """
        return self._answer("GET", url, timeout, None)

    def post(self, url: str, document: Mapping[str, object], timeout: float) -> HttpResponse:
        """Send a JSON document; return and raise as `get` does."""
        return self._answer("POST", url, timeout, json.dumps(document).encode())

    def _answer(self, method: str, url: str, timeout: float, body: bytes | None) -> HttpResponse:
        deadline = monotonic() + timeout
        try:
            try:
                return self._send(method, url, deadline, body)
            except ProtocolError:
                return self._send(method, url, deadline, body)
        except NewConnectionError as error:
            raise FetchError("connect", f"{url} cannot be reached: {root_cause(error)}") from error
        except TimeoutError as error:
            raise FetchError("timeout", f"{url} did not answer within {timeout:g} s") from error
        except ProtocolError as error:
            raise FetchError(
                "protocol", f"{url} broke off its answer: {root_cause(error)}"
            ) from error
        except HTTPError as error:
            raise FetchError("connect", f"{url} cannot be reached: {root_cause(error)}") from error

    def _send(self, method: str, url: str, deadline: float, body: bytes | None) -> HttpResponse:
        remaining = deadline - monotonic()
        if remaining <= 0:
            raise TimeoutError
        pool, path = self._route(url)
        try:
            authorization = authorization_header(self._http)
        except CredentialsError as error:
            raise FetchError("connect", str(error)) from error
        headers = {**_HEADERS, "Authorization": authorization} if authorization else _HEADERS
        if body is not None:
            headers = {**headers, "Content-Type": "application/json"}
        response = pool.urlopen(
            method,
            path,
            body=body,
            headers=headers,
            preload_content=False,
            redirect=False,
            timeout=urllib3.Timeout(total=remaining),
        )
        complete = False
        try:
            if response.status != 200:
                response.read(_CHUNK)
                remedy = _REMEDIES.get(response.status, "")
                raise FetchError("http_status", f"{url} answered {response.status}{remedy}")
            answer = self._body(response, url, deadline)
            complete = True
        finally:
            if complete:
                response.release_conn()
            else:
                response.close()
        return HttpResponse(answer, response.headers.get("Content-Type", ""))

    def _route(self, url: str) -> tuple[urllib3.HTTPConnectionPool, str]:
        """Return the connection pool and the path of a url, worked out once."""
        route = self._routes.get(url)
        if route is None:
            path = urllib3.util.parse_url(url).request_uri
            route = self._routes[url] = self._pools.connection_from_url(url), path
        return route

    def _body(self, response: urllib3.BaseHTTPResponse, url: str, deadline: float) -> bytes:
        chunks, size = list[bytes](), 0
        while chunk := response.read1(_CHUNK, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._max_bytes:
                raise FetchError("too_large", f"{url} sent more than {self._max_bytes} bytes")
            if monotonic() > deadline:
                raise TimeoutError
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def authorization_header(http: HttpSettings) -> str | None:
    """Return the Authorization header for a section, None where it has no credentials.

    Files are read each time, since secrets are rotated. Raises `CredentialsError`: what a library
    raises over a header it cannot send would put the secret itself into logs.
    """
    if http.bearer_token_file:
        token = _secret(http.bearer_token_file)
        if not token.isascii():
            raise CredentialsError(f"{http.bearer_token_file} holds no token: tokens are ASCII")
        return f"Bearer {token}"
    if http.basic_auth:
        password = _secret(http.basic_auth.password_file)
        pair = f"{http.basic_auth.username}:{password}"
        return f"Basic {b64encode(pair.encode()).decode()}"
    return None


def _secret(path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CredentialsError(
            f"{path} with the credentials cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError:
        raise CredentialsError(f"{path} with the credentials is not UTF-8 text") from None
    if not secret.isprintable():
        raise CredentialsError(f"{path} must hold the credentials alone, on one line")
    return secret


def tls_context(http: HttpSettings, default_ca: Path | None = None) -> ssl.SSLContext:
    """Return TLS as the section asks for it; `default_ca` is trusted where it names no file.

    Raises `ConfigError` naming the file that cannot be used.
    """
    file = http.ca_file or default_ca
    try:
        context = ssl.create_default_context(cafile=file)
        if http.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if http.cert_file:
            file = http.cert_file
            context.load_cert_chain(http.cert_file, http.key_file)
    except OSError as error:
        key = f" with {http.key_file}" if file is http.cert_file and http.key_file else ""
        raise ConfigError(
            f"http: {file}{key} cannot be used for TLS: {root_cause(error)}"
        ) from error
    return context


def root_cause(error: BaseException) -> str:
    """Return the innermost reason of a nested network error in plain words."""
    reason: BaseException = error
    while True:
        inner = getattr(reason, "reason", None) or reason.__cause__ or reason.__context__
        if not isinstance(inner, BaseException):
            break
        reason = inner
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    # a server that speaks no HTTP may have said anything
    text = "".join(char if char.isprintable() else " " for char in str(reason)[:200])
    return " ".join(text.split()) or type(reason).__name__
