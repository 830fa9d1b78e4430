"""Clients at their worst over real sockets: none keeps another from its answer."""

import errno
import os
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from exporter.vocabulary.states import WebFailure
from exporter.web import connection, listener
from exporter.web import server as server_module
from exporter.web.server import WebServer
from tests.certificates import certificate
from tests.waiting import until

from .conftest import DEADLINE, Answer, Desk, ask
from .test_message import AMBIGUOUS
from .test_server import ANY, raw

HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"
METRICS = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def server(desk: Desk) -> Iterator[WebServer]:
    with WebServer(desk.pages(), ANY) as server:
        yield server


@pytest.fixture
def tls_server(desk: Desk, tmp_path: Path) -> Iterator[tuple[WebServer, ssl.SSLContext]]:
    cert, _ = certificate(tmp_path, "own")
    file = tmp_path / "web.yaml"
    file.write_text("tls_server_config: {cert_file: own.crt, key_file: own.key}")
    with WebServer(desk.pages(), ANY, file) as server:
        yield server, ssl.create_default_context(cafile=cert)


def connected(server: WebServer, sent: bytes = b"") -> socket.socket:
    """Return a connection after something was sent."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)
    client.sendall(sent)
    return client


def rest(client: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    received = b""
    try:
        while chunk := client.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def failed(server: WebServer, reason: WebFailure) -> int:
    return server.failures.counts[reason]


def _connections_are(server: WebServer, number: int) -> bool:
    return server.connections == number


class Hanging:
    """A page that is written when it is let."""

    def __init__(self, desk: Desk) -> None:
        self.inside, self.leave = Event(), Event()
        desk.metrics = self._render

    def _render(self) -> Iterable[bytes]:
        self.inside.set()
        assert self.leave.wait(DEADLINE)
        return [b"a 1\n"]


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEALTHY], ids=["silent", "half", "idle"])
def test_beyond_the_limit_the_longest_idle_goes(
    server: WebServer,
    sent: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 3)
    with ExitStack() as stack:
        clients = []
        for number in range(1, 4):
            clients.append(stack.enter_context(connected(server, sent)))
            until(partial(_connections_are, server, number))
            if sent == HEALTHY:
                assert clients[-1].recv(65_536).endswith(b"healthy\n")
        for count in range(1, 3):
            assert ask(server, "/-/healthy").status == 200
            assert failed(server, "connection_limit") == count
            assert rest(clients[count - 1]) == b""
            until(partial(_connections_are, server, 2))
            clients.append(stack.enter_context(connected(server)))
            until(partial(_connections_are, server, 3))
    assert "3 connections are open: the longest idle is closed" in caplog.text


def test_who_waits_for_an_answer_outlives_who_waits_with_nothing(
    desk: Desk, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 2)
    page = Hanging(desk)
    with connected(server, METRICS) as busy:
        assert page.inside.wait(DEADLINE)
        with connected(server) as idle:
            until(lambda: server.connections == 2)
            assert ask(server, "/-/healthy").status == 200
            assert rest(idle) == b""
        page.leave.set()
        assert b"a 1\n" in busy.recv(65_536)


def test_probes_are_answered_while_every_connection_waits_for_a_page(
    desk: Desk, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 2)
    page = Hanging(desk)
    with connected(server, METRICS) as first, connected(server, METRICS):
        until(lambda: server.connections == 2)
        assert page.inside.wait(DEADLINE)
        assert ask(server, "/-/healthy").status == 200
        assert ask(server, "/-/ready").status == 200
        assert rest(first) == b""
        page.leave.set()


def test_the_head_of_a_request_has_one_deadline(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    with connected(server, b"GET / HTTP/1.1\r\n") as slow:

        def trickle() -> bool:
            try:
                slow.sendall(b"a")
            except OSError:
                return True
            return failed(server, "request_timeout") == 1

        until(trickle, every=0.01)
    with connected(server) as silent:
        assert rest(silent) == b""
    assert failed(server, "request_timeout") == 2
    assert "no whole request came within" in caplog.text


def test_a_body_that_does_not_come_has_the_same_deadline(
    desk: Desk, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    head = b"POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"
    assert raw(server, head) == b""
    assert (failed(server, "request_timeout"), desk.reloads) == (1, 0)


def test_an_idle_connection_is_closed_and_that_is_no_failure(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.05)
    assert raw(server, HEALTHY).endswith(b"healthy\n")
    assert not any(server.failures.counts.values())


def test_who_does_not_read_is_dropped(
    desk: Desk, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RESPONSE_SECONDS", 0.5)
    desk.metrics = lambda: [bytes(1_000_000)] * 20
    with connected(server, METRICS):
        assert ask(server, "/-/healthy").status == 200
        until(lambda: failed(server, "response_timeout") == 1)
        until(lambda: server.connections == 0)


def test_without_descriptors_accepting_pauses_and_goes_on(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener, "_PAUSE_SECONDS", 0.01)
    accept, attempts = socket.socket.accept, []

    def none_free(listening: socket.socket) -> Any:
        attempts.append(1)
        if len(attempts) <= 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(listening)

    with connected(server, HEALTHY) as idle:
        assert idle.recv(65_536)
        monkeypatch.setattr(socket.socket, "accept", none_free)
        assert ask(server, "/-/healthy").status == 200
        assert rest(idle) == b""
    assert failed(server, "accept") == 3
    assert "no connection can be accepted: Too many open files" in caplog.text


@pytest.mark.parametrize(("head", "status"), AMBIGUOUS)
def test_a_refused_request_ends_its_connection(
    desk: Desk, server: WebServer, head: bytes, status: int
) -> None:
    answer = raw(server, head + b"\r\n" + HEALTHY)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1
    assert b"Connection: close" in answer
    assert (failed(server, "bad_request"), desk.reloads) == (1, 0)


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00\x01", b"\0\0\0\0", b"\x80"])
def test_what_is_no_http_is_closed_at_once(server: WebServer, sent: bytes) -> None:
    with connected(server, sent) as client:
        client.shutdown(socket.SHUT_WR)
        assert rest(client).startswith(b"HTTP/1.1 400 ")


def test_a_head_without_end_is_refused(server: WebServer) -> None:
    with connected(server, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000) as client:
        client.shutdown(socket.SHUT_WR)
        assert rest(client).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "DELETE", "CONNECT", "X" * 1000])
def test_methods_that_no_page_has_are_refused_unrepeated(server: WebServer, method: str) -> None:
    answer = raw(
        server, f"{method} /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: GET, HEAD\r\n" in answer
    assert method.encode() not in answer.partition(b"\r\n\r\n")[2]


def test_half_closed_clients_get_their_answer(server: WebServer) -> None:
    with connected(server, HEALTHY) as client:
        client.shutdown(socket.SHUT_WR)
        assert rest(client).endswith(b"healthy\n")


def test_a_handshake_that_hangs_keeps_nobody_waiting(
    tls_server: tuple[WebServer, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, tls = tls_server
    monkeypatch.setattr(listener, "_HANDSHAKE_SECONDS", 0.3)
    with connected(server) as silent, connected(server, b"\x16\x03\x01") as half:
        assert ask(server, "/metrics", tls=tls).status == 200
        assert rest(silent) == rest(half) == b""
    until(lambda: failed(server, "tls") == 2)
    assert ask(server, "/metrics", tls=tls).status == 200


def test_plain_http_to_a_tls_port_is_said_in_the_log(
    tls_server: tuple[WebServer, ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = tls_server
    with connected(server, HEALTHY) as client:
        rest(client)
    until(lambda: failed(server, "tls") == 1)
    assert "the client speaks plain HTTP; let it use https://" in caplog.text


def test_a_port_that_is_only_tried_is_no_failure(
    tls_server: tuple[WebServer, ssl.SSLContext],
) -> None:
    server, tls = tls_server
    connected(server).close()
    assert ask(server, "/-/healthy", tls=tls).status == 200
    until(lambda: server.connections == 0)
    assert not any(server.failures.counts.values())


def test_closing_waits_for_no_client(
    desk: Desk,
    tls_server: tuple[WebServer, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_module, "_GRACE_SECONDS", 0.1)
    hanging = Hanging(desk)
    plain = WebServer(desk.pages(), ANY)
    plain.start()
    encrypting, _ = tls_server
    with (
        connected(plain, METRICS) as busy,
        connected(plain, b"GET") as half,
        connected(encrypting) as silent,
    ):
        assert hanging.inside.wait(DEADLINE)
        until(lambda: (plain.connections, encrypting.connections) == (2, 1))
        plain.close()
        encrypting.close()
        assert rest(busy) == rest(half) == rest(silent) == b""
    hanging.leave.set()


def test_without_threads_pages_fail_and_serving_goes_on(
    desk: Desk, server: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start = Thread.start

    def none_free(thread: Thread) -> None:
        if thread.name == "rendering":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", none_free)
        assert ask(server, "/metrics").status == 500
        assert ask(server, "/-/healthy").status == 200
    assert ask(server, "/metrics").status == 200
    assert failed(server, "page") == 1
    assert "can't start new thread" in caplog.text


def test_many_scrapers_are_served_by_few_renderings(desk: Desk, server: WebServer) -> None:
    hanging, renderings = Hanging(desk), []
    render = desk.metrics

    def counted() -> Iterable[bytes]:
        renderings.append(1)
        return render()

    desk.metrics = counted
    answers: list[Answer] = []
    threads = [Thread(target=lambda: answers.append(ask(server, "/metrics"))) for _ in range(50)]
    before = threading.active_count()
    for thread in threads:
        thread.start()
    until(lambda: server.connections == 50)
    assert threading.active_count() <= before + 50 + 2
    hanging.leave.set()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200] * 50
    assert len(renderings) < 5
