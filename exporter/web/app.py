"""Which path of the exporter answers what. Knows no sockets and nothing of how pages are made."""

import json
import logging
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final

from ..errors import ConfigError
from .page import ICON, StatusPage

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
TEXT_TYPE: Final = "text/plain; charset=utf-8"

_WORTH_COMPRESSING: Final = 1024
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pages:
    """What the web side asks of the rest of the exporter. Called from many threads at once.

    `metrics` returns the text page in blocks, uncompressed; blocks of some kB or more are best.
    `fleet` returns what JSON can say: no NaN, no infinity. `ready` turns true with the first
    complete round of readings. `reload` reads the configuration again or raises `ConfigError` and
    leaves the old one in force. `config` returns the running configuration as YAML, without
    secrets.
    """

    metrics: Callable[[], Iterable[bytes]]
    fleet: Callable[[], Mapping[str, object]]
    ready: Callable[[], bool]
    reload: Callable[[], None]
    config: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case, `path` is without its query."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; the body is the joined blocks."""

    status: HTTPStatus
    body: Sequence[bytes]
    content_type: str = TEXT_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(map(len, self.body))


def text(status: HTTPStatus, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a plain answer of one line."""
    return Response(status, [f"{sentence}\n".encode()], TEXT_TYPE, headers or {})


@dataclass(frozen=True, slots=True)
class _Route:
    path: str
    method: str
    title: str
    answer: Callable[[], Response]


class App:
    """Answers requests from `Pages`. Holds no lock and no state of its own."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._page = StatusPage()
        routes = (
            _Route("/", "GET", "status page", self._status),
            _Route("/metrics", "GET", "metrics for Prometheus", self._metrics),
            _Route("/api/v1/fleet", "GET", "the fleet as JSON", self._fleet),
            _Route("/config", "GET", "running configuration", self._config),
            _Route("/-/healthy", "GET", "200 while the process lives", self._healthy),
            _Route("/-/ready", "GET", "200 once every server was asked", self._ready),
            _Route("/-/reload", "POST", "read the configuration again", self._reload),
            _Route("/favicon.ico", "GET", "icon", self._icon),
        )
        self._routes = {route.path: route for route in routes}

    def respond(self, request: Request) -> Response:
        """Answer a request; a fault in a page is logged and answered with 500."""
        route = self._routes.get(request.path)
        if route is None:
            return self._missing()
        allowed = ("GET", "HEAD") if route.method == "GET" else (route.method,)
        if request.method not in allowed:
            sentence = f"{route.path} answers {' and '.join(allowed)}, not {request.method}."
            return text(HTTPStatus.METHOD_NOT_ALLOWED, sentence, {"Allow": ", ".join(allowed)})
        # A foreign web page can make a browser POST here without asking; it has no business to.
        if route.method == "POST" and request.headers.get("sec-fetch-site") == "cross-site":
            return text(HTTPStatus.FORBIDDEN, "Requests from other sites' pages are refused.")
        try:
            response = route.answer()
        except Exception:
            _log.exception("%s failed", route.path)
            return text(HTTPStatus.INTERNAL_SERVER_ERROR, "This page failed; the log says why.")
        return _compressed(response, request.headers.get("accept-encoding", ""))

    def _missing(self) -> Response:
        lines = [
            f"{route.method:4} {route.path:14} {route.title}"
            for route in self._routes.values()
            if route.title != "icon"
        ]
        return text(HTTPStatus.NOT_FOUND, "\n".join(["There is no such page. There are:", *lines]))

    def _status(self) -> Response:
        body = self._page.render(encode(self._pages.fleet()))
        return Response(HTTPStatus.OK, body, "text/html; charset=utf-8", self._page.headers)

    def _metrics(self) -> Response:
        return Response(HTTPStatus.OK, list(self._pages.metrics()), METRICS_TYPE)

    def _fleet(self) -> Response:
        return Response(HTTPStatus.OK, [encode(self._pages.fleet())], "application/json")

    def _config(self) -> Response:
        return Response(HTTPStatus.OK, [self._pages.config().encode()])

    def _healthy(self) -> Response:
        return text(HTTPStatus.OK, "healthy")

    def _ready(self) -> Response:
        if self._pages.ready():
            return text(HTTPStatus.OK, "ready")
        return text(HTTPStatus.SERVICE_UNAVAILABLE, "not ready: the first round of readings runs")

    def _reload(self) -> Response:
        try:
            self._pages.reload()
        except ConfigError as error:
            return text(HTTPStatus.BAD_REQUEST, f"{error}; the old configuration stays in force")
        return text(HTTPStatus.OK, "configuration read again")

    def _icon(self) -> Response:
        headers = {"Cache-Control": "max-age=86400"}
        return Response(HTTPStatus.OK, [ICON.encode()], "image/svg+xml", headers)


def encode(data: Mapping[str, object]) -> bytes:
    """Return JSON in ASCII; NaN and infinity, which JSON cannot say, raise `ValueError`."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).encode()


def _wants_gzip(accept: str) -> bool:
    """Tell whether an Accept-Encoding header asks for gzip (RFC 9110, section 12.5.3)."""
    for item in accept.lower().split(","):
        coding, _, quality = item.partition(";")
        if coding.strip() == "gzip":
            return quality.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
    return False


def _compressed(response: Response, accept: str) -> Response:
    """Compress a large body at level 1: a page of 25 MB must not cost a second of CPU."""
    if response.length < _WORTH_COMPRESSING:
        return response
    headers = {**response.headers, "Vary": "Accept-Encoding"}
    if not _wants_gzip(accept):
        return replace(response, headers=headers)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    body = [*map(packer.compress, response.body), packer.flush()]
    return replace(response, body=body, headers={**headers, "Content-Encoding": "gzip"})
