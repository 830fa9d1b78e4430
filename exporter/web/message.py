"""HTTP/1.1 messages: the head of a request read strictly, the head of a response written.

Whatever two readers could understand in two ways is refused rather than repaired, so that nothing
behind a proxy takes for a second request what the proxy took for a body (RFC 9112, section 11.2).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

HEAD_BYTES: Final = 32_768
BODY_BYTES: Final = 65_536
TEXT_TYPE: Final = "text/plain; charset=utf-8"

_TARGET_BYTES: Final = 8192
_FIELDS: Final = 100
_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/(\d\.\d)")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "deny",
}


class RequestError(Exception):
    """A request that is not answered with a page, and how it is answered instead."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case, `path` is without its query.

    `length` is the size of its body in bytes.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int = 0
    keep_alive: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """One response; its body is the joined blocks, of `length` bytes together."""

    status: HTTPStatus
    blocks: Iterable[bytes]
    length: int
    content_type: str = TEXT_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


def text_response(
    status: HTTPStatus, sentence: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a plain response of one line."""
    body = f"{sentence}\n".encode()
    return Response(status, [body], len(body), TEXT_TYPE, headers or {})


def parse_head(head: bytes) -> Request:
    """Return the request that a head, blank line included, begins, or raise `RequestError`."""
    line, *fields = head.lstrip(b"\r\n").removesuffix(b"\r\n\r\n").split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The request line is not that of HTTP/1.")
    method, target, version = (part.decode("ascii") for part in match.groups())
    if version not in ("1.0", "1.1"):
        raise RequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "Only HTTP/1 is spoken here.")
    if len(target) > _TARGET_BYTES:
        raise RequestError(HTTPStatus.REQUEST_URI_TOO_LONG, "No address here is that long.")
    headers = _headers(fields)
    if version == "1.1" and "host" not in headers:
        raise RequestError(HTTPStatus.BAD_REQUEST, "Send one Host header.")
    connection = [token.strip().lower() for token in headers.get("connection", "").split(",")]
    keep_alive = "keep-alive" in connection if version == "1.0" else "close" not in connection
    return Request(method, _path(target), headers, _body_length(headers), keep_alive)


def _headers(fields: list[bytes]) -> dict[str, str]:
    if len(fields) > _FIELDS:
        raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Too many headers.")
    headers: dict[str, str] = {}
    for line in fields:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise RequestError(HTTPStatus.BAD_REQUEST, "A header is not written as HTTP/1 has it.")
        name, value = (part.decode("latin-1").strip() for part in match.groups())
        name = name.lower()
        if name in headers and name in ("host", "content-length", "transfer-encoding"):
            raise RequestError(HTTPStatus.BAD_REQUEST, f"Send one {name.title()} header.")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _body_length(headers: Mapping[str, str]) -> int:
    """Return the bytes of the body that follows; no page uses one, so a small one is dropped."""
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers:
        if "content-length" in headers:
            raise RequestError(
                HTTPStatus.BAD_REQUEST, "Send Content-Length without Transfer-Encoding."
            )
        raise RequestError(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length.")
    if not (length.isascii() and length.isdigit()):
        raise RequestError(HTTPStatus.BAD_REQUEST, "Content-Length is not one number.")
    if len(length) > 9 or int(length) > BODY_BYTES:
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No page here reads a body.")
    return int(length)


def _path(target: str) -> str:
    if target.startswith("/"):
        return target.partition("?")[0]
    try:
        return urlsplit(target).path or "/"
    except ValueError:
        return target


def encode_head(response: Response, keep_alive: bool, extra: Mapping[str, str]) -> bytes:
    """Return the head of a response; `extra` headers go before all others, a blank one is none."""
    headers = {
        "Date": formatdate(usegmt=True),
        "Content-Type": response.content_type,
        "Content-Length": str(response.length),
        "Connection": "keep-alive" if keep_alive else "close",
        **_HEADERS,
        **response.headers,
        **extra,
    }
    lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
