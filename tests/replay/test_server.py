"""Recorded servers over real loopback sockets, with a clock that the tests turn."""

import http.client
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from exporter.base.errors import ConfigError
from exporter.replay.playlist import Playlist
from exporter.replay.recording import Recording, bundled_recordings, load_recording
from exporter.replay.server import ReplayServer, replay

from .conftest import Record, archives

DEADLINE = 10.0


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture(scope="module")
def dense() -> Recording:
    return load_recording(bundled_recordings()["vllm-dense-0.20.2-mrv1"])


def _stripped(page: str) -> list[str]:
    return [line for line in page.split("\n") if not line.startswith("process_start_time")]


def test_serves_the_recorded_page_and_type(session: requests.Session) -> None:
    recording, clock = load_recording(archives()["vllm-0.32.0-basic-cpu"]), Clock()
    with ReplayServer([recording], clock=clock) as server:
        for page in recording.pages[:12:4]:
            clock.now = page.time - recording.pages[0].time + 0.001
            answer = session.get(f"{server.urls[0]}/metrics", timeout=DEADLINE)
            assert answer.status_code == 200
            assert answer.headers["Content-Type"] == page.content_type
            assert page.text is not None
            assert _stripped(answer.text) == _stripped(page.text)


@pytest.mark.parametrize("name", ["vllm-dense-0.26.0", "sglang-0.5.23-basic-cpu"])
def test_serves_other_paths_as_recorded(session: requests.Session, name: str) -> None:
    recording = load_recording(archives()[name])
    with ReplayServer([recording]) as server:
        for path, recorded in recording.answers.items():
            answer = session.get(server.urls[0] + path, timeout=DEADLINE)
            assert (answer.status_code, answer.text) == (recorded.status, recorded.body)
        assert session.get(f"{server.urls[0]}/nothing", timeout=DEADLINE).status_code == 404
        posted = session.post(f"{server.urls[0]}/metrics", timeout=DEADLINE)
        assert posted.status_code == 405


def test_the_config_format_has_its_own_answer(session: requests.Session, dense: Recording) -> None:
    with ReplayServer([dense]) as server:
        plain = session.get(f"{server.urls[0]}/server_info", timeout=DEADLINE).json()
        asked = session.get(f"{server.urls[0]}/server_info?config_format=json", timeout=DEADLINE)
    assert isinstance(plain["vllm_config"], str)
    assert isinstance(asked.json()["vllm_config"], dict)


def test_an_upgrade_over_one_address(session: requests.Session, record: Record) -> None:
    clock = Clock()
    playlist = Playlist((record(1, 2), record(5, 6, version="2.0")))
    with ReplayServer([playlist], clock=clock) as server:
        url = f"{server.urls[0]}/version"
        assert session.get(url, timeout=DEADLINE).json() == {"version": "1.0"}
        clock.now = 21.0
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=DEADLINE)
        clock.now = 23.0
        assert session.get(url, timeout=DEADLINE).json() == {"version": "2.0"}


def test_fifty_copies_share_a_port(session: requests.Session, dense: Recording) -> None:
    clock = Clock()
    with ReplayServer([dense], copies=50, stagger=2.0, clock=clock) as server:
        assert len(set(server.urls)) == 50
        assert len({urlsplit(url).port for url in server.urls}) == 1
        clock.now = 0.5
        for copy, url in enumerate(server.urls):
            text = dense.pages[copy].text
            assert text is not None
            answer = session.get(f"{url}/metrics", timeout=DEADLINE)
            assert _stripped(answer.text) == _stripped(text)
        root = server.urls[0].removesuffix("/s/0")
        assert session.get(f"{server.urls[49]}/version", timeout=DEADLINE).status_code == 200
        for path in ("/s/50/metrics", "/s/x/metrics", "/metrics", "/s", "/"):
            assert session.get(root + path, timeout=DEADLINE).status_code == 404


def test_every_server_has_its_port(session: requests.Session, record: Record) -> None:
    servers = [record(1), record(1, version="2.0"), record(1, version="3.0")]
    with ReplayServer(servers) as server:
        versions = [
            session.get(f"{url}/version", timeout=DEADLINE).json()["version"] for url in server.urls
        ]
    assert versions == ["1.0", "2.0", "3.0"]
    assert server.urls == []


def test_a_taken_port_is_told(record: Record) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = ReplayServer([record(1)], first_port=port)
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1 port {port}: Address"):
            server.start()
        assert server.urls == []
    with pytest.raises(ConfigError, match="there is no port 70000"):
        ReplayServer([record(1)], first_port=70_000).start()


def test_keep_alive_close_and_head(record: Record) -> None:
    with ReplayServer([record(1)]) as server:
        connection = http.client.HTTPConnection(urlsplit(server.urls[0]).netloc, timeout=DEADLINE)
        connection.request("HEAD", "/metrics")
        head = connection.getresponse()
        assert head.read() == b""
        first = connection.sock
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert len(answer.read()) == int(head.headers["Content-Length"])
        assert connection.sock is first
        connection.request("GET", "/metrics", headers={"Connection": "close"})
        answer = connection.getresponse()
        answer.read()
        assert answer.headers["Connection"] == "close"
        assert connection.sock is None
        connection.close()


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET /" + b"x" * 20_000])
def test_what_is_no_request_is_sent_away(record: Record, sent: bytes) -> None:
    with ReplayServer([record(1)]) as server:
        port = urlsplit(server.urls[0]).port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
            client.sendall(sent)
            try:
                received = client.recv(1000)
            except ConnectionResetError:
                received = b""
        assert received == b"" or b" 405 " in received


def test_requests_sent_together_and_in_pieces_are_answered(record: Record) -> None:
    with ReplayServer([record(1)]) as server:
        port = urlsplit(server.urls[0]).port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as client:
            client.sendall(b"GET /version HTTP/1.1\r\n\r\nGET /version HTT")
            client.sendall(b"P/1.1\r\nConnection: close\r\n\r\n")
            received = b"".join(iter(lambda: client.recv(4096), b""))
    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_a_server_can_be_started_again(session: requests.Session, record: Record) -> None:
    server = ReplayServer([record(1)])
    for _ in range(2):
        server.start()
        assert session.get(f"{server.urls[0]}/version", timeout=DEADLINE).status_code == 200
        server.stop()
    server.stop()


def test_replay_names_its_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    until = threading.Event()
    until.set()
    names = ["vllm-moe-0.20.2-mrv1", str(archives()["sglang-0.5.23-basic-cpu"])]
    replay(names, "127.0.0.1", 0, speed=2.0, loop=True, until=until)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines] == [
        "moe-0.20.2-mrv1 (vllm 0.20.2, moe-30b-a3b)",
        "sglang-0.5.23/basic (sglang 0.5.23, tiny-llama)",
    ]
    assert all(line.startswith("http://127.0.0.1:") for line in lines)
