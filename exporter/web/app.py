"""The paths of the exporter and their responses. Knows neither sockets nor how pages are made."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ..base.errors import ConfigError
from .failures import Failures
from .message import TEXT_TYPE, Request, Response, text_response
from .rendering import Page, SharedPage
from .status_page import ICON, StatusPage

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_WORTH_COMPRESSING: Final = 1024
# a report's plots carry their style with them
_REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Backend:
    """What the web side needs of the rest of the exporter.

    `metrics` returns the text page in blocks, uncompressed; blocks of some ten kB are best.
    `fleet` returns what JSON can represent: no NaN, no infinity. `config` returns the running
    configuration as YAML, without secrets. These three are called in threads, each by one at once.

    `healthy` is true while servers are sampled, `ready` turns true with the first complete round of
    readings. `reload` begins to read the configuration again; what it returns ends with that, with
    `ConfigError` where the old one stays in force. `report` returns the report on an upgrade as
    HTML, None before there is one; where there will never be one it is None itself. These four must
    not block.
    """

    metrics: Callable[[], Iterable[bytes]]
    fleet: Callable[[], Mapping[str, object]]
    healthy: Callable[[], bool]
    ready: Callable[[], bool]
    reload: Callable[[], Future[None]]
    config: Callable[[], str]
    report: Callable[[], str | None] | None = None


@dataclass(frozen=True, slots=True)
class _Route:
    path: str
    method: str
    title: str
    respond: Callable[[Request], Awaitable[Response]]


class App:
    """Answers requests from a `Backend`, on one event loop."""

    def __init__(self, backend: Backend, failures: Failures) -> None:
        self._backend = backend
        self._failures = failures
        self._shared_pages: list[SharedPage] = []
        status_page = StatusPage()
        routes = (
            self._shared(
                "/",
                "status page",
                lambda: status_page.render(encode_json(backend.fleet())),
                "text/html; charset=utf-8",
                status_page.headers,
            ),
            self._shared("/metrics", "metrics for Prometheus", backend.metrics, METRICS_TYPE),
            self._shared(
                "/api/v1/fleet",
                "the fleet as JSON",
                lambda: encode_json(backend.fleet()),
                "application/json",
            ),
            self._shared(
                "/config", "running configuration", lambda: [backend.config().encode()], TEXT_TYPE
            ),
            _Route("/-/healthy", "GET", "200 while servers are sampled", self._healthy),
            _Route("/-/ready", "GET", "200 once every server was scraped", self._ready),
            _Route("/-/reload", "POST", "read the configuration again", self._reload),
            _Route("/favicon.ico", "GET", "icon", self._icon),
        )
        self._routes = {route.path: route for route in routes}
        if backend.report:
            route = _Route("/report", "GET", "report on the upgrade", self._report)
            self._routes[route.path] = route

    def _shared(
        self,
        path: str,
        title: str,
        render: Callable[[], Iterable[bytes]],
        content_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> _Route:
        """Return the route of a page that is written in a thread, for all who ask together."""
        shared = SharedPage(render)
        self._shared_pages.append(shared)

        async def respond(request: Request) -> Response:
            accept = request.headers.get("accept-encoding", "")
            return _page_response(await shared.page(), accept, content_type, headers or {})

        return _Route(path, "GET", title, respond)

    async def respond(self, request: Request) -> Response:
        """Answer a request; a fault in a page is logged and answered with 500."""
        route = self._routes.get(request.path)
        if route is None:
            return self._not_found()
        allowed = ("GET", "HEAD") if route.method == "GET" else (route.method,)
        if request.method not in allowed:
            sentence = f"{route.path} answers {' and '.join(allowed)} only."
            return text_response(
                HTTPStatus.METHOD_NOT_ALLOWED, sentence, {"Allow": ", ".join(allowed)}
            )
        if route.method == "POST" and _of_browser(request):
            return text_response(
                HTTPStatus.FORBIDDEN,
                "Requests that a browser sends for a page are refused here; use curl or SIGHUP.",
            )
        try:
            return await route.respond(request)
        except Exception as error:
            self._failures.add("page", f"{route.path} failed", error)
            return text_response(
                HTTPStatus.INTERNAL_SERVER_ERROR, "This page failed; the log says why."
            )

    def _not_found(self) -> Response:
        lines = [
            f"{route.method:4} {route.path:14} {route.title}"
            for route in self._routes.values()
            if route.title != "icon"
        ]
        return text_response(
            HTTPStatus.NOT_FOUND, "\n".join(["There is no such page. There are:", *lines])
        )

    async def _healthy(self, _: Request) -> Response:
        if self._backend.healthy():
            return text_response(HTTPStatus.OK, "healthy")
        return text_response(
            HTTPStatus.SERVICE_UNAVAILABLE, "not healthy: no server is sampled any more; restart it"
        )

    async def _ready(self, _: Request) -> Response:
        if self._backend.ready():
            return text_response(HTTPStatus.OK, "ready")
        return text_response(
            HTTPStatus.SERVICE_UNAVAILABLE, "not ready: the first round of readings runs"
        )

    async def _reload(self, _: Request) -> Response:
        try:
            # who leaves must not end it for the others
            await asyncio.shield(asyncio.wrap_future(self._backend.reload()))
        except ConfigError as error:
            return text_response(
                HTTPStatus.BAD_REQUEST, f"{error}; the old configuration stays in force"
            )
        finally:
            for shared in self._shared_pages:
                shared.drop()
        return text_response(HTTPStatus.OK, "configuration read again")

    async def _report(self, _: Request) -> Response:
        text = self._backend.report() if self._backend.report else None
        if text is None:
            return text_response(HTTPStatus.NOT_FOUND, "There is no report on an upgrade yet.")
        body = text.encode()
        headers = {"Content-Security-Policy": _REPORT_POLICY}
        return Response(HTTPStatus.OK, [body], len(body), "text/html; charset=utf-8", headers)

    async def _icon(self, _: Request) -> Response:
        body = ICON.encode()
        headers = {"Cache-Control": "max-age=86400"}
        return Response(HTTPStatus.OK, [body], len(body), "image/svg+xml", headers)


def encode_json(data: Mapping[str, object]) -> Iterator[bytes]:
    """Yield JSON in ASCII, each server a block of its own: encoding lets no other thread run.

    NaN and infinity, which JSON cannot represent, raise `ValueError`.
    """
    opening = "{"
    for key, value in data.items():
        yield f"{opening}{_json(key)}:".encode()
        opening = ","
        if isinstance(value, list) and value:
            for i, item in enumerate(value):
                yield f"{',' if i else '['}{_json(item)}".encode()
            yield b"]"
        else:
            yield _json(value).encode()
    yield b"}" if data else b"{}"


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _of_browser(request: Request) -> bool:
    """Whether a page in a browser makes the request, a foreign page under any name included.

    Browsers send Origin with each POST, to whatever name the address was bound anew meanwhile; no
    page of ours posts, and tools such as curl send neither header.
    """
    return "origin" in request.headers or "sec-fetch-site" in request.headers


def _accepts_gzip(accept: str) -> bool:
    """Whether an Accept-Encoding header accepts gzip (RFC 9110, section 12.5.3)."""
    for item in accept.lower().split(","):
        coding, _, quality = item.partition(";")
        if coding.strip() == "gzip":
            return quality.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
    return False


def _page_response(
    page: Page, accept: str, content_type: str, headers: Mapping[str, str]
) -> Response:
    if page.length < _WORTH_COMPRESSING:
        return Response(HTTPStatus.OK, page, page.length, content_type, headers)
    headers = {**headers, "Vary": "Accept-Encoding"}
    if not _accepts_gzip(accept):
        return Response(HTTPStatus.OK, page, page.length, content_type, headers)
    return Response(
        HTTPStatus.OK,
        page.compressed,
        page.compressed_length,
        content_type,
        {**headers, "Content-Encoding": "gzip"},
    )
