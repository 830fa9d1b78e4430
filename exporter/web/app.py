"""The paths of the exporter and their responses. Knows neither sockets nor how pages are made."""

import json
import logging
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final

from ..base.errors import ConfigError
from .status_page import ICON, StatusPage

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
TEXT_TYPE: Final = "text/plain; charset=utf-8"

_WORTH_COMPRESSING: Final = 1024
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backend:
    """What the web side needs of the rest of the exporter. Called from many threads at once.

    `metrics` returns the text page in blocks, uncompressed; blocks of some kB or more are best.
    `fleet` returns what JSON can represent: no NaN, no infinity. `healthy` is true while servers
    are sampled, `ready` turns true with the first complete round of readings. `reload` reads the
    configuration again or raises `ConfigError` and leaves the old one in force. `config` returns
    the running configuration as YAML, without secrets.
    """

    metrics: Callable[[], Iterable[bytes]]
    fleet: Callable[[], Mapping[str, object]]
    healthy: Callable[[], bool]
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
    """One response; the body is the joined blocks."""

    status: HTTPStatus
    body: Sequence[bytes]
    content_type: str = TEXT_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(map(len, self.body))


def text_response(
    status: HTTPStatus, sentence: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a plain response of one line."""
    return Response(status, [f"{sentence}\n".encode()], TEXT_TYPE, headers or {})


@dataclass(frozen=True, slots=True)
class _Route:
    path: str
    method: str
    title: str
    respond: Callable[[], Response]


class App:
    """Answers requests from a `Backend`. Holds no lock and no state of its own."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._status_page = StatusPage()
        routes = (
            _Route("/", "GET", "status page", self._status),
            _Route("/metrics", "GET", "metrics for Prometheus", self._metrics),
            _Route("/api/v1/fleet", "GET", "the fleet as JSON", self._fleet),
            _Route("/config", "GET", "running configuration", self._config),
            _Route("/-/healthy", "GET", "200 while servers are sampled", self._healthy),
            _Route("/-/ready", "GET", "200 once every server was scraped", self._ready),
            _Route("/-/reload", "POST", "read the configuration again", self._reload),
            _Route("/favicon.ico", "GET", "icon", self._icon),
        )
        self._routes = {route.path: route for route in routes}

    def respond(self, request: Request) -> Response:
        """Answer a request; a fault in a page is logged and answered with 500."""
        route = self._routes.get(request.path)
        if route is None:
            return self._not_found()
        allowed = ("GET", "HEAD") if route.method == "GET" else (route.method,)
        if request.method not in allowed:
            sentence = f"{route.path} answers {' and '.join(allowed)}, not {request.method}."
            return text_response(
                HTTPStatus.METHOD_NOT_ALLOWED, sentence, {"Allow": ", ".join(allowed)}
            )
        # A foreign web page can make a browser POST here without the user's consent.
        if route.method == "POST" and request.headers.get("sec-fetch-site") == "cross-site":
            return text_response(
                HTTPStatus.FORBIDDEN, "Requests from other sites' pages are refused."
            )
        try:
            response = route.respond()
        except Exception:
            _log.exception("%s failed", route.path)
            return text_response(
                HTTPStatus.INTERNAL_SERVER_ERROR, "This page failed; the log says why."
            )
        return _compressed(response, request.headers.get("accept-encoding", ""))

    def _not_found(self) -> Response:
        lines = [
            f"{route.method:4} {route.path:14} {route.title}"
            for route in self._routes.values()
            if route.title != "icon"
        ]
        return text_response(
            HTTPStatus.NOT_FOUND, "\n".join(["There is no such page. There are:", *lines])
        )

    def _status(self) -> Response:
        body = self._status_page.render(encode_json(self._backend.fleet()))
        return Response(HTTPStatus.OK, body, "text/html; charset=utf-8", self._status_page.headers)

    def _metrics(self) -> Response:
        return Response(HTTPStatus.OK, list(self._backend.metrics()), METRICS_TYPE)

    def _fleet(self) -> Response:
        return Response(HTTPStatus.OK, [encode_json(self._backend.fleet())], "application/json")

    def _config(self) -> Response:
        return Response(HTTPStatus.OK, [self._backend.config().encode()])

    def _healthy(self) -> Response:
        if self._backend.healthy():
            return text_response(HTTPStatus.OK, "healthy")
        return text_response(
            HTTPStatus.SERVICE_UNAVAILABLE, "not healthy: no server is sampled any more; restart it"
        )

    def _ready(self) -> Response:
        if self._backend.ready():
            return text_response(HTTPStatus.OK, "ready")
        return text_response(
            HTTPStatus.SERVICE_UNAVAILABLE, "not ready: the first round of readings runs"
        )

    def _reload(self) -> Response:
        try:
            self._backend.reload()
        except ConfigError as error:
            return text_response(
                HTTPStatus.BAD_REQUEST, f"{error}; the old configuration stays in force"
            )
        return text_response(HTTPStatus.OK, "configuration read again")

    def _icon(self) -> Response:
        headers = {"Cache-Control": "max-age=86400"}
        return Response(HTTPStatus.OK, [ICON.encode()], "image/svg+xml", headers)


def encode_json(data: Mapping[str, object]) -> bytes:
    """Return JSON in ASCII; NaN and infinity, which JSON cannot represent, raise `ValueError`."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).encode()


def _accepts_gzip(accept: str) -> bool:
    """Whether an Accept-Encoding header accepts gzip (RFC 9110, section 12.5.3)."""
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
    if not _accepts_gzip(accept):
        return replace(response, headers=headers)
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    body = [*map(compressor.compress, response.body), compressor.flush()]
    return replace(response, body=body, headers={**headers, "Content-Encoding": "gzip"})
