"""Fetching: bounded reasons, deadlines, size limits, credentials."""

import gzip
import socket
import threading
from pathlib import Path

import pytest

from exporter.base.errors import ConfigError, FetchError
from exporter.config import BasicAuth, HttpSettings
from exporter.fetch import HttpClient
from tests.fakes import FakeServer


def client(http: HttpSettings | None = None, max_bytes: int = 1 << 20) -> HttpClient:
    return HttpClient(http or HttpSettings(), 2, max_bytes)


def reason(url: str, one: HttpClient | None = None, timeout: float = 5) -> tuple[str, str]:
    with pytest.raises(FetchError) as caught:
        (one or client()).get(url, timeout)
    return caught.value.reason, str(caught.value)


def test_an_answer_and_what_was_asked_for() -> None:
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        answer = client().get(fake.url + "/metrics", 5)
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
        answer = client().get(fake.url + "/metrics", 5)
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


def test_a_server_that_drips_is_cut_off_at_the_deadline() -> None:
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                try:
                    while not ended.wait(0.02):
                        connection.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        assert reason(url, timeout=0.3)[0] == "timeout"
        ended.set()
        thread.join()


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def break_off() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\n")

        thread = threading.Thread(target=break_off)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        assert reason(url)[0] == "protocol"
        thread.join()


def test_what_speaks_no_http_is_quoted_in_plain_text() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"\x1b[31m\x00SSH-2.0\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        assert reason(url) == ("protocol", f"{url} broke off its answer: [31m SSH-2.0")
        thread.join()


def test_size_is_limited_after_decompression() -> None:
    bomb = gzip.compress(b"0" * (4 << 20))
    with FakeServer(metrics=(200, bomb, {"Content-Encoding": "gzip"})) as fake:
        kind, sentence = reason(fake.url + "/metrics")
    assert kind == "too_large"
    assert "1048576 bytes" in sentence


def test_a_kept_connection_the_server_closed_is_opened_again() -> None:
    closing = {"Connection": "close"}
    with FakeServer(metrics=(200, b"a 1\n", closing)) as fake:
        one = client()
        for _ in range(3):
            assert one.get(fake.url + "/metrics", 5).body == b"a 1\n"


def test_credentials_come_from_files_and_follow_them(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n", encoding="utf-8")
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        one = client(HttpSettings(bearer_token_file=token))
        one.get(fake.url + "/metrics", 5)
        assert fake.headers["Authorization"] == "Bearer first"
        token.write_text("second", encoding="utf-8")
        one.get(fake.url + "/metrics", 5)
        assert fake.headers["Authorization"] == "Bearer second"
        basic = client(HttpSettings(basic_auth=BasicAuth(username="u", password_file=token)))
        basic.get(fake.url + "/metrics", 5)
        assert fake.headers["Authorization"].startswith("Basic ")
        token.unlink()
        kind, sentence = reason(fake.url + "/metrics", one)
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
        client(HttpSettings(basic_auth=BasicAuth(username="u", password_file=password))).get(
            fake.url + "/metrics", 5
        )
    assert fake.headers["Authorization"] == "Basic dTrigqw="


def test_unusable_tls_files_are_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used for TLS"):
        client(HttpSettings(ca_file=tmp_path / "none.pem"))
