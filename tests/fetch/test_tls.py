"""TLS towards servers: whom it trusts, what it shows, and that a deadline bounds it too."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy

import pytest

from exporter.base.errors import ConfigError, FetchError
from exporter.config import HttpSettings
from exporter.fetch import HttpClient
from exporter.fetch.tls import tls_context
from tests.certificates import certificate
from tests.fakes import FakeServer
from tests.fetch.scripted import says, scripted
from tests.loop import run


@contextmanager
def encrypted(fake: FakeServer, cert: Path, key: Path, client: Path | None = None) -> Iterator[str]:
    """Serve a fake over TLS; with `client` it wants that certificate shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client)
    plain = fake._server.socket
    fake._server.socket = context.wrap_socket(
        plain, server_side=True, do_handshake_on_connect=False
    )
    with fake:
        yield fake.url.replace("http:", "https:") + "/metrics"


def get(url: str, http: HttpSettings, timeout: float = 5.0, times: int = 1) -> bytes:
    client = HttpClient(http, 1 << 20)

    async def bodies() -> bytes:
        try:
            return b"".join([(await client.get(url, timeout)).body for _ in range(times)])
        finally:
            client.close()

    return run(bodies())


def refusal(url: str, http: HttpSettings) -> tuple[str, str]:
    with pytest.raises(FetchError) as caught:
        get(url, http)
    return caught.value.reason, str(caught.value)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_tls_to_a_server_without_it_says_so(answer: bytes) -> None:
    with scripted(says(answer)) as url:
        reason, sentence = refusal(url.replace("http:", "https:"), HttpSettings())
    assert reason == "connect"
    assert sentence.endswith("it speaks no TLS: write http:// where https:// stands")


def test_a_server_of_tls_asked_without_it_says_so(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    with encrypted(FakeServer(metrics=(200, b"a 1\n")), cert, key) as url:
        reason, sentence = refusal(url.replace("https:", "http:"), HttpSettings())
    assert reason == "protocol"
    assert sentence.endswith("if it speaks TLS, write https:// where http:// stands")


def test_an_alert_of_tls_says_so() -> None:
    with scripted(says(b"\x15\x03\x01\x00\x02\x02\x16")) as url:
        assert refusal(url, HttpSettings())[1].endswith(
            "it speaks TLS: write https:// where http:// stands"
        )


def test_a_trusted_server_is_read_over_one_connection(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    body = b"a 1\n" * 50_000
    fake = FakeServer(metrics=(200, body))
    with encrypted(fake, cert, key) as url:
        assert get(url, HttpSettings(ca_file=cert), times=3) == body * 3


def mount(folder: Path, version: str, server: Path, own: Path, own_key: Path) -> HttpSettings:
    """Show three files as Kubernetes does a secret: links through one link, which is replaced."""
    files = {"ca.pem": server, "own.pem": own, "own.key": own_key}
    (folder / version).mkdir(parents=True)
    (folder / "new").symlink_to(version)
    for name, file in files.items():
        copy(file, folder / version / name)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "new").replace(folder / "..data")
    ca, cert, key = (folder / name for name in files)
    return HttpSettings(ca_file=ca, cert_file=cert, key_file=key)


def test_files_that_were_rotated_are_read_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (cert, key), own = certificate(tmp_path, "server"), certificate(tmp_path, "own")
    folder, other = tmp_path / "mounted", certificate(tmp_path, "other")
    client = HttpClient(mount(folder, "before", other[0], *other), 1 << 20)
    fake = FakeServer(metrics=(200, b"a 1\n"))

    async def rotate(url: str) -> bytes:
        try:
            with pytest.raises(FetchError, match="not trusted"):
                await client.get(url, 5.0)
            mount(folder, "after", cert, *own)
            answer = (await client.clone().get(url, 5.0)).body
            (folder / "ca.pem").write_text("half a file")
            return answer + (await client.get(url, 5.0)).body
        finally:
            client.close()

    with encrypted(fake, cert, key, client=own[0]) as url:
        assert run(rotate(url)) == b"a 1\n" * 2
    (record,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert str(folder / "ca.pem") in record.message


def test_a_server_that_cannot_be_trusted_is_not_read(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    other, _ = certificate(tmp_path, "other")
    fake = FakeServer(metrics=(200, b"a 1\n"))
    with encrypted(fake, cert, key) as url:
        for http in (HttpSettings(), HttpSettings(ca_file=other)):
            reason, sentence = refusal(url, http)
            assert reason == "connect"
            assert "its certificate is not trusted: self-signed" in sentence
        wrong_name = url.replace("127.0.0.1", "localhost")
        assert "certificate" in refusal(wrong_name, HttpSettings(ca_file=cert))[1]
        assert not fake.hits
        assert get(url, HttpSettings(insecure_skip_verify=True)) == b"a 1\n"


def test_a_client_shows_its_certificate(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    own, own_key = certificate(tmp_path, "client")
    fake = FakeServer(metrics=(200, b"a 1\n"))
    with encrypted(fake, cert, key, client=own) as url:
        assert refusal(url, HttpSettings(ca_file=cert))[0] in ("connect", "protocol")
        shown = HttpSettings(ca_file=cert, cert_file=own, key_file=own_key)
        assert get(url, shown) == b"a 1\n"


def test_a_server_without_tls_is_not_read() -> None:
    def answer(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        ended.wait(30)

    with scripted(answer) as url:
        assert refusal(url.replace("http:", "https:"), HttpSettings())[0] == "connect"


def test_a_handshake_that_hangs_costs_the_deadline() -> None:
    def silent(connection: socket.socket, ended: threading.Event) -> None:
        ended.wait(30)

    with scripted(silent) as url, pytest.raises(FetchError) as caught:
        get(url.replace("http:", "https:"), HttpSettings(), timeout=0.1)
    assert caught.value.reason == "timeout"


def test_unusable_tls_files_are_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used for TLS"):
        tls_context(HttpSettings(ca_file=tmp_path / "none.pem"))
