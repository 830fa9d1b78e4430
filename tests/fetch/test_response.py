"""Answers byte by byte: framing, limits, and what is no answer."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.fetch.problem import ExchangeError
from exporter.fetch.response import MAX_HEADER_BYTES, ResponseParser

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LIMIT = 1000


def parsed(*parts: bytes, eof: bool = False) -> ResponseParser:
    parser = ResponseParser(LIMIT)
    for part in parts:
        parser.feed(part)
    if eof:
        parser.feed_eof()
    return parser


def refusal(*parts: bytes, eof: bool = False) -> tuple[str, str]:
    with pytest.raises(ExchangeError) as caught:
        parsed(*parts, eof=eof).response()
    return caught.value.reason, caught.value.problem


# answer, whether it ends with the connection, body, whether the connection can be kept
ANSWERS = {
    "length": (OK + b"Content-Length: 4\r\n\r\na 1\n", False, b"a 1\n", True),
    "no body": (OK + b"Content-Length: 0\r\n\r\n", False, b"", True),
    "length twice": (OK + b"Content-Length: 1\r\ncontent-length: 1\r\n\r\nx", False, b"x", True),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length:1\n\nx", False, b"x", True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", False, b"x", True),
    "close": (OK + b"Connection: close\r\nContent-Length: 1\r\n\r\nx", False, b"x", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", False, b"x", False),
    "HTTP/1.0 kept": (
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx",
        False,
        b"x",
        True,
    ),
    "until closed": (OK + b"\r\na 1\n", True, b"a 1\n", False),
    "chunks": (CHUNKED + b"3\r\na 1\r\n1;x=y\r\n\n\r\n0\r\n\r\n", False, b"a 1\n", True),
    "chunks with zeros": (CHUNKED + b"0003\r\nabc\r\n000\r\n\r\n", False, b"abc", True),
    "trailers": (CHUNKED + b"1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", False, b"x", True),
    "chunks and a length": (
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        False,
        b"x",
        False,
    ),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        + OK
        + b"Content-Length: 1\r\n\r\nx",
        False,
        b"x",
        True,
    ),
    "gzip": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"a 1\n", mtime=0),
        True,
        b"a 1\n",
        False,
    ),
    "deflate": (
        OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"a 1\n"),
        True,
        b"a 1\n",
        False,
    ),
    "more than was asked for": (OK + b"Content-Length: 1\r\n\r\nxy", False, b"x", False),
}


@pytest.mark.parametrize(("answer", "eof", "body", "keep"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_read_however_it_is_cut(
    answer: bytes, eof: bool, body: bytes, keep: bool
) -> None:
    for size in (1, 2, 3, 7, len(answer)):
        pieces = [answer[at : at + size] for at in range(0, len(answer), size)]
        parser = parsed(*pieces, eof=eof)
        assert (parser.status, parser.complete, parser.keep_alive) == (200, True, keep)
        assert parser.response().body == body


def test_the_content_type_comes_with_the_body() -> None:
    answer = OK + b"Content-Type: application/openmetrics-text; version=1.0.0\r\n\r\n# EOF\n"
    assert parsed(answer, eof=True).response().openmetrics


@pytest.mark.parametrize("status", [204, 302, 304, 404, 503])
def test_the_head_is_enough_of_any_other_status(status: int) -> None:
    parser = ResponseParser(LIMIT)
    head = f"HTTP/1.1 {status} X\r\nContent-Length: 999999\r\n\r\n".encode()
    assert not parser.feed(head[:-1])
    assert parser.feed(head[-1:])
    assert parser.status == status


def test_an_error_that_has_come_whole_leaves_the_connection_open() -> None:
    parser = parsed(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone")
    assert parser.keep_alive


BROKEN = {
    "another protocol": (b"SSH-2.0-OpenSSH_9.2", "SSH-2.0-OpenSSH_9.2"),
    "HTTP/2": (b"HTTP/2 200\r\n\r\n", "HTTP/2 200"),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 OK"),
    "switch": (b"HTTP/1.1 101 Switching\r\n\r\n", "changes to another protocol"),
    "no colon": (OK + b"what is this\r\n\r\n", "a header has no colon: what is this"),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "its length is '1, 2'"),
    "negative": (OK + b"Content-Length: -1\r\n\r\n", "its length is '-1'"),
    "huge digits": (OK + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n", "its length is"),
    "coding": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "its transfer encoding is"),
    "chunk size": (CHUNKED + b"xyz\r\n", "a chunk's size is 'xyz'"),
    "negative chunk": (CHUNKED + b"-1\r\n", "a chunk's size is '-1'"),
    "chunk line": (CHUNKED + b"1;" + b"x" * 2000, "the size of a chunk has no end"),
    "chunk end": (CHUNKED + b"1\r\nxyz", "a chunk is longer than its size"),
    "encoding": (OK + b"Content-Encoding: br\r\nContent-Length: 0\r\n\r\n", "encoded as 'br'"),
    "no gzip": (OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz", "not gzip as it"),
    "header flood": (OK + b"x: y\r\n" * 20_000, f"more than {MAX_HEADER_BYTES} bytes of headers"),
    "header without end": (OK + b"x" * 2 * MAX_HEADER_BYTES, "bytes of headers"),
    "interim flood": (b"HTTP/1.1 100 C\r\n\r\n" * 10_000, "bytes of headers"),
    "trailer flood": (CHUNKED + b"0\r\n" + b"x: y\r\n" * 20_000, "bytes of headers"),
}


@pytest.mark.parametrize(("answer", "sentence"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_answer_says_why(answer: bytes, sentence: str) -> None:
    reason, problem = refusal(answer)
    assert reason == "protocol"
    assert problem.startswith("broke off its answer: ")
    assert sentence in problem
    assert len(problem) < 300


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        OK,
        OK + b"Content-Length: 4\r\n\r\na 1",
        CHUNKED + b"4\r\na 1\n",
        CHUNKED + b"4\r\na 1\n\r\n0\r\n",
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"a 1\n", mtime=0)[:-1],
    ],
)
def test_an_answer_that_ends_too_soon_is_none(answer: bytes) -> None:
    assert refusal(answer, eof=True)[0] == "protocol"


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 1001\r\n\r\n",
        OK + b"\r\n" + b"x" * 1001,
        CHUNKED + b"3e9\r\n",
        CHUNKED + (b"1f4\r\n" + b"x" * 500 + b"\r\n") * 2 + b"1\r\n",
        OK
        + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
        + gzip.compress(b"x" * 1001, mtime=0),
    ],
)
def test_a_body_is_limited(answer: bytes) -> None:
    assert refusal(answer, eof=True) == ("too_large", "sent more than 1000 bytes")


def test_a_body_in_a_million_chunks_is_refused() -> None:
    parser = ResponseParser(1 << 24)
    parser.feed(CHUNKED)
    parser.feed(b"1\r\nx\r\n" * 400_000)
    with pytest.raises(ExchangeError, match="too many chunks"):
        parser.feed(b"1\r\nx\r\n" * 100_000)


PIECES = st.sampled_from(
    [
        *(OK, CHUNKED, b"HTTP/1.1 100 C\r\n\r\n", b"\r\n", b"\n", b"0\r\n\r\n", b"4\r\nabcd\r\n"),
        *(b"Content-Length: 3\r\n", b"Connection: close\r\n", b"abc", b":", b"\x00\xff", b"f" * 20),
    ]
)


@given(st.lists(PIECES | st.binary(max_size=8), max_size=8), st.integers(1, 9))
def test_nothing_but_an_exchange_error_comes_of_any_bytes(parts: list[bytes], size: int) -> None:
    answer = b"".join(parts)
    outcomes = list[object]()
    for step in (size, max(len(answer), 1)):
        parser = ResponseParser(LIMIT)
        try:
            for at in range(0, len(answer), step):
                if parser.feed(answer[at : at + step]):
                    break
            if not parser.complete and parser.status in (0, 200):
                parser.feed_eof()
            outcomes.append((parser.status, parser.complete and parser.response()))
        except ExchangeError as error:
            outcomes.append((error.reason, ""))
    assert outcomes[0] == outcomes[1]


def streamed(*parts: bytes, eof: bool = False) -> list[bytes]:
    seen = list[bytes]()
    parser = ResponseParser(LIMIT, sink=seen.append, error_bodies=True)
    for part in parts:
        parser.feed(part)
    if eof:
        parser.feed_eof()
    assert parser.response().body == (b"" if parser.status == 200 else b"no")
    return seen


def test_a_body_is_streamed_as_it_comes_without_a_limit_of_the_whole() -> None:
    chunk = b"1f4\r\n" + b"x" * 500 + b"\r\n"
    assert streamed(CHUNKED, *[chunk] * 4, b"0\r\n\r\n") == [b"", *[b"x" * 500] * 4]
    assert streamed(OK + b"Content-Length: 2\r\n\r\n", b"a", b"b") == [b"", b"ab"]
    assert streamed(OK + b"\r\n", b"a", b"b" * 999, eof=True) == [b"", b"", b"a", b"b" * 999, b""]


def test_an_answer_of_another_status_is_not_streamed() -> None:
    assert streamed(b"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\n\r\nno") == []


def test_no_chunk_of_a_stream_may_be_larger_than_the_limit() -> None:
    with pytest.raises(ExchangeError, match="more than 1000 bytes"):
        streamed(CHUNKED, b"3e9\r\n")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("40", 40.0), ("", 0.0), ("\u00b2", 0.0), ("9" * 400, 0.0), ("soon", 0.0)],
)
def test_a_server_may_ask_to_be_left_alone(header: str, seconds: float) -> None:
    parser = ResponseParser(LIMIT, error_bodies=True)
    head = f"HTTP/1.1 429 Busy\r\nRetry-After: {header}\r\nContent-Length: 0\r\n\r\n"
    assert parser.feed(head.encode("latin-1"))
    assert parser.response().retry_after == seconds
