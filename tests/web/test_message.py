"""Request heads: what two readers could understand in two ways is refused."""

from http import HTTPStatus

import pytest

from exporter.web.message import (
    BODY_BYTES,
    Request,
    RequestError,
    encode_head,
    parse_head,
    text_response,
)

HOST = b"Host: fleet:10190\r\n"


def parse(head: bytes) -> Request:
    return parse_head(head + b"\r\n")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/metrics", "/metrics"),
        (b"/metrics?name[]=a&b", "/metrics"),
        (b"/a%00b", "/a%00b"),
        (b"//metrics", "//metrics"),
        (b"http://any.host/-/healthy?a=b", "/-/healthy"),
        (b"http://any.host", "/"),
        (b"http://[", "http://["),
        (b"*", "*"),
    ],
)
def test_the_path_of_every_form_of_target(target: bytes, path: str) -> None:
    assert parse(b"GET " + target + b" HTTP/1.1\r\n" + HOST).path == path


@pytest.mark.parametrize(
    ("version", "connection", "keep_alive"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.1", b"Connection: Upgrade, Close\r\n", False),
        (b"1.1", b"Connection: a\r\nConnection: close\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: Keep-Alive\r\n", True),
    ],
)
def test_how_long_a_connection_is_kept(version: bytes, connection: bytes, keep_alive: bool) -> None:
    head = b"GET / HTTP/" + version + b"\r\n" + HOST + connection
    assert parse(head).keep_alive is keep_alive


def test_headers_are_read_in_any_case_and_joined() -> None:
    request = parse(b"\r\nGET / HTTP/1.1\r\nhOST:a\r\nX-A:  b \t\r\nx-a:c\r\nX-Empty:\r\n")
    assert request.headers == {"host": "a", "x-a": "b, c", "x-empty": ""}


POST = b"POST /-/reload HTTP/1.1\r\n" + HOST
AMBIGUOUS = [
    (POST + b"Transfer-Encoding: chunked\r\n", 411),
    (POST + b"Transfer-Encoding : chunked\r\n", 400),
    (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400),
    (POST + b"Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n", 400),
    (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n", 400),
    (POST + b"Content-Length: 1, 1\r\n", 400),
    (POST + b"Content-Length: -1\r\n", 400),
    (POST + b"Content-Length: +1\r\n", 400),
    (POST + b"Content-Length: 0x1\r\n", 400),
    (POST + "Content-Length: ٣\r\n".encode(), 400),
    (POST + b"Content-Length:\r\n", 400),
    (POST + b"Content-Length: %d\r\n" % (BODY_BYTES + 1), 413),
    (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n", 413),
    (POST + b"X: a\r\n Content-Length: 5\r\n", 400),
    (POST + b"X: a\nContent-Length: 5\r\n", 400),
    (POST + b"X: a\rContent-Length: 5\r\n", 400),
    (POST + b"X: a\0b\r\n", 400),
    (POST + b": a\r\n", 400),
    (POST + b"no colon\r\n", 400),
    (POST + b"Host: other\r\n", 400),
    (POST + b"X: a\r\n" * 101, 431),
    (b"GET / HTTP/1.1\r\n", 400),
    (b"GET /\0 HTTP/1.1\r\n" + HOST, 400),
    (b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST, 400),
    (b"GET  / HTTP/1.1\r\n" + HOST, 400),
    (b"GET / a HTTP/1.1\r\n" + HOST, 400),
    (b"GET\t/ HTTP/1.1\r\n" + HOST, 400),
    (b"G(T / HTTP/1.1\r\n" + HOST, 400),
    (b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\n" + HOST, 414),
    (b"GET / HTTP/7.0\r\n" + HOST, 505),
    (b"PRI * HTTP/2.0\r\n", 505),
    (b"GET /\r\n", 400),
    (b"nonsense\r\n", 400),
]


@pytest.mark.parametrize(("head", "status"), AMBIGUOUS)
def test_what_is_ambiguous_is_refused_and_never_repeated(head: bytes, status: int) -> None:
    with pytest.raises(RequestError) as refused:
        parse(head)
    assert refused.value.status == status
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 100


def test_headers_of_the_operator_go_before_ours_and_a_blank_is_none() -> None:
    response = text_response(HTTPStatus.OK, "healthy", {"X-Frame-Options": "sameorigin"})
    extra = {"X-Frame-Options": "", "Content-Security-Policy": "default-src 'self'"}
    head = encode_head(response, True, extra).decode()
    assert "X-Frame-Options" not in head
    assert "\r\nContent-Security-Policy: default-src 'self'\r\n" in head
    assert "\r\nContent-Length: 8\r\n" in head
    assert head.endswith("\r\n\r\n")
