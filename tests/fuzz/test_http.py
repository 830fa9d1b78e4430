"""Bytes of answers to the exporter, and of requests to its own pages."""

import gzip
import zlib
from http import HTTPStatus

from hypothesis import given
from hypothesis import strategies as st

from exporter.fetch.problem import ExchangeError
from exporter.fetch.response import ResponseParser
from exporter.web.message import BODY_BYTES, RequestError, encode_head, parse_head, text_response
from tests.fuzz.mutations import mutated_bytes
from tests.fuzz.refusals import refusal
from tests.fuzz.seeds import pages

PAGE = pages()[0][:600].encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
CHUNKS = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (PAGE[:99], PAGE[99:]))
ANSWERS = (
    OK + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE,
    OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"0\r\nA: b\r\n\r\n",
    OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(PAGE, mtime=0),
    OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(PAGE),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 9\r\n\r\n",
    b"HTTP/1.0 200\n\n" + PAGE,
    b"HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n",
)
REQUESTS = (
    b"GET /metrics HTTP/1.1\r\nHost: fleet:10190\r\nAccept-Encoding: gzip\r\n\r\n",
    b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nOrigin: http://a\r\n\r\n",
    b"GET http://a/api?b=c HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"\r\nHEAD / HTTP/1.1\r\nHost:a\r\nTransfer-Encoding: chunked\r\n\r\n",
)


def outcome(answer: bytes, step: int, sink: bool = False) -> object:
    """Return what is read of an answer that comes `step` bytes at a time."""
    received = list[bytes]()
    parser = ResponseParser(10_000, sink=received.append if sink else None)
    try:
        for at in range(0, len(answer), step):
            if parser.feed(answer[at : at + step]):
                break
        if not parser.complete and parser.status in (0, 200):
            parser.feed_eof()
        if not parser.complete:
            return parser.status
        response = parser.response()
    except ExchangeError as error:
        return error.reason
    return response.status, b"".join(received) if sink else response.body, response.content_type


@given(mutated_bytes(*ANSWERS), st.sampled_from([1, 2, 7, 64]))
def test_an_answer_is_read_alike_however_it_comes_or_ends_in_a_sentence(
    answer: bytes, step: int
) -> None:
    assert outcome(answer, step) == outcome(answer, max(len(answer), 1))
    outcome(answer, step, sink=True)


@given(mutated_bytes(*REQUESTS))
def test_a_request_is_read_or_refused_in_a_sentence_of_our_own(head: bytes) -> None:
    refused = refusal(RequestError, lambda: parse_head(head))
    answer = encode_head(text_response(HTTPStatus.BAD_REQUEST, refused), False, {})
    assert refused.isascii()
    assert answer.count(b"\r\n\r\n") == 1
    if not refused:
        request = parse_head(head)
        assert request.method.isascii()
        assert " " not in request.path
        assert 0 <= request.length <= BODY_BYTES
