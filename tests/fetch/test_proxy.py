"""Requests by a proxy: which the environment names, what it is asked, what goes wrong."""

import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from exporter.base.errors import ConfigError, FetchError
from exporter.config import HttpSettings
from exporter.fetch import BlockingClient
from exporter.fetch.proxy import Proxy, proxy_of
from tests.certificates import certificate
from tests.fakes import FakeServer
from tests.fetch.scripted import Script, says, scripted
from tests.fetch.test_tls import encrypted

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "http://prom:9090", None),
        ({"http_proxy": "http://p:3128"}, "http://prom:9090", Proxy("p", 3128)),
        ({"HTTP_PROXY": "p:3128"}, "http://prom:9090", Proxy("p", 3128)),
        ({"http_proxy": "http://p"}, "http://prom", Proxy("p", 80)),
        ({"http_proxy": "http://p:3128"}, "https://prom", None),
        ({"https_proxy": "http://p:3128"}, "https://prom", Proxy("p", 3128)),
        ({"all_proxy": "http://p:3128"}, "https://prom", Proxy("p", 3128)),
        ({"http_proxy": "http://u:p%40ss@p:1"}, "http://h", Proxy("p", 1, "Basic dTpwQHNz")),
        ({"http_proxy": "http://p:1", "no_proxy": "*"}, "http://prom:9090", None),
        ({"http_proxy": "http://p:1", "no_proxy": "a, .svc"}, "http://prom.svc:9090", None),
        ({"http_proxy": "http://p:1", "no_proxy": "10.0.0.0/8"}, "http://10.1.2.3:9090", None),
        ({"http_proxy": "http://p:1", "no_proxy": "10.0.0.0/8"}, "http://11.1.2.3", Proxy("p", 1)),
    ],
)
def test_the_environment_names_a_proxy(
    environment: dict[str, str], url: str, proxy: Proxy | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(url) == proxy


@pytest.mark.parametrize(
    "text", ["socks5://u:secret@p:1080", "https://secret@p", "http://", "http://p:secret"]
)
def test_a_proxy_that_cannot_be_used_is_one_sentence(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", text)
    with pytest.raises(ConfigError, match="write https_proxy=http://HOST:3128") as caught:
        proxy_of("https://prom")
    assert "secret" not in str(caught.value)


def tunnel(asked: list[bytes]) -> Script:
    """Keep the request for a tunnel, and be one to the port it names."""

    def script(connection: socket.socket, ended: threading.Event) -> None:
        asked.append(connection.recv(65536))
        port = int(asked[0].split()[1].rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port)) as server:
            connection.sendall(b"HTTP/1.0 200 Connection established\r\n\r\n")

            def answer() -> None:
                with suppress(OSError):
                    while data := server.recv(65536):
                        connection.sendall(data)

            back = threading.Thread(target=answer)
            back.start()
            with suppress(OSError):
                while data := connection.recv(65536):
                    server.sendall(data)
                server.shutdown(socket.SHUT_RDWR)
            back.join()

    return script


def plain_server(connection: socket.socket, ended: threading.Event) -> None:
    """Open a tunnel to a server that speaks no TLS."""
    for answer in (b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        connection.recv(65536)
        connection.sendall(answer)


def client(url: str, http: HttpSettings | None = None) -> BlockingClient:
    port = int(url.split(":")[2].partition("/")[0])
    return BlockingClient(
        http or HttpSettings(), 1 << 20, proxy=Proxy("127.0.0.1", port, "Basic x")
    )


def test_a_server_without_tls_is_asked_for_by_its_whole_address() -> None:
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        fake.answers["http://prom.invalid:9090/metrics"] = fake.answers["/metrics"]
        answer = client(fake.url).get("http://prom.invalid:9090/metrics", 5)
        assert answer.body == b"a 1\n"
        assert fake.headers["Proxy-Authorization"] == "Basic x"
        assert fake.headers["Host"] == "prom.invalid:9090"


def test_a_server_of_tls_is_reached_through_a_tunnel(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    asked: list[bytes] = []
    with (
        encrypted(FakeServer(metrics=(200, b"a 1\n")), cert, key) as url,
        scripted(tunnel(asked)) as proxy,
    ):
        answer = client(proxy, HttpSettings(ca_file=cert)).get(url, 5)
    assert answer.body == b"a 1\n"
    authority = url.split("/")[2].encode()
    assert asked == [
        b"CONNECT %b HTTP/1.1\r\nHost: %b\r\nProxy-Authorization: Basic x\r\n\r\n"
        % (authority, authority)
    ]


@pytest.mark.parametrize(
    ("script", "timeout", "fault"),
    [
        (says(b"HTTP/1.1 407 Credentials\r\n\r\n"), 10, "the proxy answered 407"),
        (says(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad\r\n\r\n"), 10, "connection was closed"),
        (plain_server, 10, "speaks no TLS: write http:// where https:// stands"),
        (says(keep=True), 0.3, r"did not answer within 0\.3 s"),
        (says(), 10, "the connection was closed"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_is_one_sentence(
    script: Script, timeout: float, fault: str
) -> None:
    with scripted(script) as proxy, pytest.raises(FetchError, match=fault):
        client(proxy).get("https://prom.invalid/metrics", timeout)
