"""Requests: bounded reasons, deadlines, size limits, kept connections, credentials."""

import asyncio
import gc
import gzip
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from exporter.base.errors import CredentialsError, FetchError
from exporter.config import BasicAuth, HttpSettings
from exporter.fetch import BlockingClient, HttpClient, HttpResponse
from exporter.fetch.address import request_address
from exporter.fetch.connection import Connection
from exporter.fetch.credentials import authorization_header
from exporter.fetch.resolver import Address, Resolver
from exporter.fetch.response import ResponseParser
from tests.fakes import FakeServer
from tests.fetch.scripted import Script, drips, says, scripted
from tests.loop import run
from tests.waiting import until


def client(http: HttpSettings | None = None, max_bytes: int = 1 << 20) -> HttpClient:
    return HttpClient(http or HttpSettings(), max_bytes)


def get(url: str, sender: HttpClient | None = None, timeout: float = 5) -> HttpResponse:
    return run((sender or client()).get(url, timeout))


def reason(url: str, sender: HttpClient | None = None, timeout: float = 5) -> tuple[str, str]:
    with pytest.raises(FetchError) as caught:
        get(url, sender, timeout)
    return caught.value.reason, str(caught.value)


def test_an_answer_and_what_was_asked_for() -> None:
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        answer = get(fake.url + "/metrics")
        assert answer.body == b"a 1\n"
        assert not answer.openmetrics
        assert fake.headers["Accept"].startswith("text/plain")
        assert fake.headers["Accept-Encoding"] == "identity"


def test_openmetrics_and_compression_are_understood_when_sent_unasked() -> None:
    headers = {
        "Content-Type": "application/openmetrics-text; version=1.0.0",
        "Content-Encoding": "gzip",
    }
    with FakeServer(metrics=(200, gzip.compress(b"# EOF\n"), headers)) as fake:
        answer = get(fake.url + "/metrics")
        assert answer.openmetrics
        assert answer.body == b"# EOF\n"


def test_failures_have_a_bounded_reason_and_a_sentence() -> None:
    with FakeServer(metrics=(503, b"")) as fake:
        assert reason(fake.url + "/metrics") == ("http_status", f"{fake.url}/metrics answered 503")
        port = fake.url
    with FakeServer() as fake:
        assert reason(fake.url + "/none")[1].endswith(
            " answered 404: correct the address or its path"
        )
    kind, sentence = reason(port + "/metrics")
    assert kind == "connect"
    assert "connection refused" in sentence
    assert reason("http://no-such-host.invalid/metrics")[0] == "connect"


def test_a_redirect_is_not_followed() -> None:
    with FakeServer(metrics=(302, b"", {"Location": "http://127.0.0.1:1/"})) as fake:
        assert reason(fake.url + "/metrics")[0] == "http_status"


def test_a_hung_server_costs_its_deadline() -> None:
    with FakeServer() as fake:
        fake.answers["/metrics"] = fake.hold
        assert reason(fake.url + "/metrics", timeout=0.2)[0] == "timeout"


OK = b"HTTP/1.1 200 OK\r\n"
DRIPS: dict[str, Script] = {
    "status line": drips(b"HTTP/1.1 ", b"2"),
    "header": drips(OK, b"x"),
    "headers": drips(OK, b"x: y\r\n"),
    "interim answers": drips(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "body": drips(OK + b"Content-Length: 100000\r\n\r\n", b"x"),
    "endless body": drips(OK + b"\r\n", b"a 1\n"),
    "size of a chunk": drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "trailers": drips(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
    "nothing": says(keep=True),
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_a_server_that_drips_is_cut_off_at_the_deadline(drip: Script) -> None:
    with scripted(drip) as url:
        assert reason(url, timeout=0.15) == ("timeout", f"{url} did not answer within 0.15 s")


def test_the_body_of_an_error_is_not_waited_for() -> None:
    with scripted(drips(b"HTTP/1.1 500 Oops\r\n\r\n", b"x")) as url:
        assert reason(url) == ("http_status", f"{url} answered 500")


def test_an_answer_that_came_while_the_loop_was_busy_counts() -> None:
    async def blocked() -> HttpResponse:
        answer = asyncio.create_task(client().get(fake.url + "/metrics", 0.3))
        while not fake.hits:
            await asyncio.sleep(0.001)
        time.sleep(0.4)
        return await answer

    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        assert run(blocked()).body == b"a 1\n"


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with scripted(says(OK + b"Content-Length: 100\r\n\r\na 1\n")) as url:
        kind, sentence = reason(url)
    assert kind == "protocol"
    assert sentence == f"{url} broke off its answer: the connection was closed before its end"


def test_a_connection_that_is_closed_at_once_is_no_answer() -> None:
    with scripted(says()) as url:
        assert reason(url)[0] == "protocol"


def test_what_speaks_no_http_is_quoted_in_plain_text() -> None:
    with scripted(says(b"\x1b[31m\x00SSH-2.0\r\n\r\n", keep=True)) as url:
        assert reason(url) == ("protocol", f"{url} broke off its answer: \\x1b[31m\\x00SSH-2.0")


def test_size_is_limited_after_decompression() -> None:
    bomb = gzip.compress(b"0" * (4 << 20))
    with FakeServer(metrics=(200, bomb, {"Content-Encoding": "gzip"})) as fake:
        kind, sentence = reason(fake.url + "/metrics")
    assert kind == "too_large"
    assert "1048576 bytes" in sentence


def test_a_smaller_limit_may_be_given_for_one_answer() -> None:
    with (
        FakeServer(metrics=(200, b"0" * 1000)) as fake,
        pytest.raises(FetchError, match="sent more than 999 bytes"),
    ):
        run(client().get(fake.url + "/metrics", 5, 999))


def test_a_connection_is_kept_until_the_client_closes() -> None:
    with FakeServer(metrics=(200, b"a 1\n"), version=(200, b"{}")) as fake:
        sender = client()
        for _ in range(3):
            assert get(fake.url + "/metrics", sender).body == b"a 1\n"
            assert get(fake.url + "/version", sender).body == b"{}"
        assert len(fake.connected) == 1
        other = sender.clone()
        get(fake.url + "/metrics", other)
        assert len(fake.connected) == 2
        for each in (sender, other):
            run(closed(each))
        until(lambda: not fake.connected)


async def closed(sender: HttpClient) -> None:
    sender.close()


def test_an_answer_that_is_given_up_leaves_no_connection() -> None:
    with FakeServer() as fake:
        fake.answers["/metrics"] = fake.hold
        sender = client()
        reason(fake.url + "/metrics", sender, timeout=0.1)
        fake.released.set()
        until(lambda: not fake.connected)


def test_a_connection_the_server_closes_is_opened_again() -> None:
    closing = {"Connection": "close"}
    with FakeServer(metrics=(200, b"a 1\n", closing)) as fake:
        sender = client()
        for _ in range(3):
            assert get(fake.url + "/metrics", sender).body == b"a 1\n"


def test_a_kept_connection_that_is_closed_on_the_request_is_opened_again_once() -> None:
    def one_only(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(OK + b"Content-Length: 4\r\n\r\na 1\n")
        connection.recv(65536)

    with scripted(one_only, one_only, says()) as url:
        sender = client()
        assert get(url, sender).body == b"a 1\n"
        assert get(url, sender).body == b"a 1\n"
        # closed again, and on the new connection too: that is a fault
        assert reason(url, sender)[0] == "protocol"


def test_bytes_nobody_asked_for_end_a_kept_connection() -> None:
    good = OK + b"Content-Length: 4\r\n\r\na 1\n"
    with scripted(says(good + b"HTTP/1.1 200 OK\r\n", keep=True)) as url:
        sender = client()
        assert get(url, sender).body == b"a 1\n"
        assert sender._idle == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/a b\x01c", "GET /a%20b%01c HTTP/1.1"),
        ("/a\r\nX: y", "GET /aX:%20y HTTP/1.1"),
        ("/%41?q=\u20ac", "GET /%41?q=%E2%82%AC HTTP/1.1"),
        ("", "GET / HTTP/1.1"),
    ],
)
def test_a_path_is_one_word_of_the_request(path: str, line: str) -> None:
    request = request_address(f"http://h:1{path}").request("GET", None, None)
    assert request.split(b"\r\n")[0].decode() == line


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://h/x", b"Host: h"),
        ("https://h:443/x", b"Host: h"),
        ("http://h:8000/x", b"Host: h:8000"),
        ("http://[::1]:8000/x", b"Host: [::1]:8000"),
        ("http://b\u00fccher/x", b"Host: xn--bcher-kva"),
    ],
)
def test_the_host_is_named_as_servers_know_it(url: str, host: bytes) -> None:
    assert request_address(url).headers.split("\r\n")[0].encode() == host


@pytest.mark.parametrize("url", ["http://", "ftp://h/", "http://h:99999/", "http://a b/", "x"])
def test_what_is_no_address_is_not_reached(url: str) -> None:
    assert reason(url) == ("connect", f"{url} is no address of a server")


def test_every_address_of_a_name_is_tried() -> None:
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        port = int(fake.url.rpartition(":")[2])
        dead = (socket.AF_INET, ("127.0.0.1", 1))
        resolver = Resolver(lambda host, port: [dead, (socket.AF_INET, ("127.0.0.1", port))])
        sender = HttpClient(HttpSettings(), 1 << 20, resolver=resolver)
        assert get(f"http://two.example:{port}/metrics", sender).body == b"a 1\n"


def test_a_name_that_nobody_looks_up_costs_the_deadline() -> None:
    released = threading.Event()

    def silent(host: str, port: int) -> list[Address]:
        released.wait(30)
        return []

    sender = HttpClient(HttpSettings(), 1 << 20, resolver=Resolver(silent))
    assert reason("http://h.example/metrics", sender, 0.1)[0] == "timeout"
    released.set()


def test_a_thread_may_wait_for_an_answer() -> None:
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        assert BlockingClient(HttpSettings(), 100).get(fake.url + "/metrics", 5).body == b"a 1\n"
        until(lambda: not fake.connected)


def test_credentials_in_a_pipe_hold_nothing(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(CredentialsError, match="pipe with the credentials is no regular file"):
        authorization_header(HttpSettings(bearer_token_file=pipe))


def test_credentials_come_from_files_and_follow_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.fetch.credentials._KEPT_SECONDS", 0.0)
    token = tmp_path / "token"
    token.write_text("first\n", encoding="utf-8")
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        sender = client(HttpSettings(bearer_token_file=token))
        get(fake.url + "/metrics", sender)
        assert fake.headers["Authorization"] == "Bearer first"
        token.write_text("second", encoding="utf-8")
        get(fake.url + "/metrics", sender)
        assert fake.headers["Authorization"] == "Bearer second"
        basic = client(HttpSettings(basic_auth=BasicAuth(username="u", password_file=token)))
        get(fake.url + "/metrics", basic)
        assert fake.headers["Authorization"].startswith("Basic ")
        token.unlink()
        kind, sentence = reason(fake.url + "/metrics", sender)
        assert kind == "connect"
        assert str(token) in sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"hush\nhush", "must hold the credentials alone, on one line"),
        (b"hush\xff", "is not UTF-8 text"),
        ("hush\u20ac".encode(), "holds no token: tokens are ASCII"),
    ],
)
def test_a_secret_that_cannot_be_sent_is_told_without_its_content(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    token = tmp_path / "token"
    token.write_bytes(content)
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        kind, told = reason(fake.url + "/metrics", client(HttpSettings(bearer_token_file=token)))
    assert kind == "connect"
    assert sentence in told
    assert "hush" not in told
    assert not fake.hits


def test_a_password_may_hold_any_letter(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("\u20ac", encoding="utf-8")
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        basic = HttpSettings(basic_auth=BasicAuth(username="u", password_file=password))
        get(fake.url + "/metrics", client(basic))
    assert fake.headers["Authorization"] == "Basic dTrigqw="


def test_a_request_that_is_cancelled_as_its_answer_comes_leaves_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connections, tasks = list[Connection](), list[asyncio.Task[HttpResponse]]()
    original = Connection.data_received

    def received(connection: Connection, data: bytes) -> None:
        original(connection, data)
        connections.append(connection)
        tasks[0].cancel()

    async def cancelled() -> None:
        tasks.append(asyncio.create_task(client().get(url, 5)))
        await asyncio.wait(tasks)

    monkeypatch.setattr(Connection, "data_received", received)
    with scripted(says(OK + b"Content-Length: 4\r\n\r\na 1\n", keep=True)) as url:
        run(cancelled())
    assert tasks[0].cancelled()
    assert all(connection.closed for connection in connections)


def test_a_document_is_posted_as_json() -> None:
    with FakeServer(v1__completions=(200, b"{}")) as fake:
        sender = client()
        answer = run(sender.post(fake.url + "/v1/completions", {"prompt": "1"}, 5))
        assert answer.body == b"{}"
        assert fake.headers["Content-Type"] == "application/json"
        assert get(fake.url + "/v1/completions", sender).body == b"{}"
        assert len(fake.connected) == 1


def test_an_answer_leaves_nothing_for_the_collector_of_cycles() -> None:
    def held() -> int:
        parsers = [one for one in gc.get_objects() if isinstance(one, ResponseParser)]
        return sum(len(part) for one in parsers for part in one._body)

    with FakeServer(metrics=(200, b"a" * 50_000)) as fake:
        gc.collect()
        gc.disable()
        try:
            get(fake.url + "/metrics")
            assert held() == 0
        finally:
            gc.enable()
