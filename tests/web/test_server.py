"""The server over real loopback sockets: keep-alive, bounds, TLS and passwords."""

import gzip
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from exporter.base.errors import ConfigError
from exporter.web.server import WebServer
from tests.certificates import certificate

from .conftest import DEADLINE, Answer, Desk, ask, connect
from .test_basic_auth import basic

ANY = "127.0.0.1:0"


@pytest.fixture
def server(desk: Desk) -> Iterator[WebServer]:
    with WebServer(desk.pages(), ANY) as server:
        yield server


def raw(server: WebServer, request: bytes) -> bytes:
    """Send bytes and return everything that comes back until the server hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
        return received


def test_one_connection_serves_many_requests(server: WebServer) -> None:
    connection = connect(server)
    try:
        for path in ("/metrics", "/-/healthy", "/nothing", "/-/reload", "/metrics?x=1"):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.version == 11
            assert response.read()
            assert not response.will_close
        local = connection.sock.getsockname()
        connection.request("POST", "/-/reload", body=b"ignored")
        assert connection.getresponse().read() == b"configuration read again\n"
        assert connection.sock.getsockname() == local
    finally:
        connection.close()


def test_head_tells_the_length_and_sends_nothing(desk: Desk, server: WebServer) -> None:
    desk.metrics = lambda: [b"a 1\n" * 1000]
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        whole = ask(server, "/metrics", headers=headers)
        head = ask(server, "/metrics", "HEAD", headers=headers)
        assert head.status == 200
        assert head.body == b""
        assert head.headers["Content-Length"] == str(len(whole.body))


def test_a_large_page_arrives_whole(desk: Desk, server: WebServer) -> None:
    blocks = [b"%d 1\n" % i * 5000 for i in range(100)]
    desk.metrics = lambda: blocks
    assert ask(server, "/metrics").body == b"".join(blocks)
    packed = ask(server, "/metrics", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == b"".join(blocks)


def test_every_answer_forbids_framing_sniffing_and_storing(server: WebServer) -> None:
    for path in ("/", "/metrics", "/nothing", "/api/v1/fleet"):
        headers = ask(server, path).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "deny"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert "WebServer" not in headers


def test_the_old_protocol_is_answered_and_closed(server: WebServer) -> None:
    answer = raw(server, b"GET /-/healthy HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in answer


def test_requests_sent_together_are_answered_in_turn(server: WebServer) -> None:
    one = b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"
    last = b"GET /-/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answer = raw(server, one + one + last)
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answer.endswith(b"\r\n\r\nready\n")


def test_closing_lets_a_running_answer_end(desk: Desk) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow() -> Iterable[bytes]:
        inside.set()
        assert leave.wait(DEADLINE)
        return [b"a 1\n"]

    desk.metrics = slow
    answers: list[Answer] = []
    server = WebServer(desk.pages(), ANY)
    server.start()
    idle = connect(server)
    idle.request("GET", "/-/healthy")
    assert idle.getresponse().read()
    asking = threading.Thread(target=lambda: answers.append(ask(server, "/metrics")))
    asking.start()
    assert inside.wait(DEADLINE)
    closing = threading.Thread(target=server.close)
    closing.start()
    leave.set()
    closing.join()
    asking.join()
    assert answers[0].body == b"a 1\n"
    assert idle.sock.recv(1) == b""
    idle.close()


def test_a_server_never_started_closes_too(desk: Desk) -> None:
    server = WebServer(desk.pages(), ANY)
    assert server.url == f"http://127.0.0.1:{server.port}/"
    server.close()


def test_a_fault_of_the_listen_address_is_known_before_anything_starts(desk: Desk) -> None:
    with pytest.raises(ConfigError, match="no address to listen on"):
        WebServer(desk.pages(), "nowhere")


def test_headers_of_the_operator_go_before_ours(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(
        "http_server_config: {headers: {X-Frame-Options: sameorigin, X-Content-Type-Options: ''}}"
    )
    with WebServer(desk.pages(), ANY, file) as server:
        headers = ask(server, "/").headers
        assert headers["X-Frame-Options"] == "sameorigin"
        assert "X-Content-Type-Options" not in headers
        file.write_text("http_server_config: {nonsense: 1}")
        assert ask(server, "/").status == 500


def test_every_path_asks_for_the_password(desk: Desk, tmp_path: Path) -> None:
    bcrypt = pytest.importorskip("bcrypt", reason="bcrypt is not installed")
    file = tmp_path / "web.yaml"
    stored = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    file.write_text(f"basic_auth_users: {{alice: '{stored}'}}")
    with WebServer(desk.pages(), ANY, file) as server:
        for path in ("/", "/metrics", "/-/healthy", "/nothing"):
            refused = ask(server, path)
            assert refused.status == 401
            assert refused.headers["WWW-Authenticate"].startswith("Basic ")
        for user, password in (("alice", "wrong"), ("mallory", "secret")):
            header = {"Authorization": basic(user, password)}
            assert ask(server, "/metrics", headers=header).status == 401
        header = {"Authorization": basic("alice", "secret")}
        assert ask(server, "/metrics", headers=header).status == 200
        assert ask(server, "/-/reload", "POST").status == 401
        assert desk.reloads == 0


Certify = Callable[[str], tuple[Path, Path]]


@pytest.fixture
def certify(tmp_path: Path) -> Certify:
    """Make certificates in the test's own folder."""
    return lambda name: certificate(tmp_path, name)


def test_tls_serves_and_takes_up_a_new_certificate(
    desk: Desk, tmp_path: Path, certify: Certify
) -> None:
    cert, key = certify("first")
    new_cert, new_key = certify("second")
    file = tmp_path / "web.yaml"
    file.write_text("tls_server_config: {cert_file: first.crt, key_file: first.key}")
    with WebServer(desk.pages(), ANY, file) as server:
        assert server.url.startswith("https://")
        first, second = (ssl.create_default_context(cafile=path) for path in (cert, new_cert))
        desk.metrics = lambda: [bytes(300_000)]
        assert len(ask(server, "/metrics", tls=first).body) == 300_000
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(server, "/metrics", tls=second)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(server, "/metrics")
        cert.write_bytes(new_cert.read_bytes())
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(server, "/metrics", tls=second)
        key.write_bytes(new_key.read_bytes())
        assert ask(server, "/-/healthy", tls=second).status == 200
        file.write_text("{}")
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(server, "/-/healthy")


def test_tls_can_ask_for_the_clients_certificate(
    desk: Desk, tmp_path: Path, certify: Certify
) -> None:
    cert, _ = certify("server")
    client = certify("client")
    file = tmp_path / "web.yaml"
    file.write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key, "
        "client_ca_file: client.crt, client_auth_type: RequireAndVerifyClientCert, "
        "min_version: TLS13}"
    )
    with WebServer(desk.pages(), ANY, file) as server:
        tls = ssl.create_default_context(cafile=cert)
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(server, "/metrics", tls=tls)
        tls.load_cert_chain(*client)
        assert ask(server, "/metrics", tls=tls).status == 200
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(OSError, match=r"(?i)version|eof|reset"):
            ask(server, "/metrics", tls=tls)
