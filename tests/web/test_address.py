"""Listen addresses, read and opened."""

import socket

import pytest

from exporter.base.errors import ConfigError
from exporter.web.address import ListenAddress, open_socket, parse_listen


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":10190", "", 10190),
        ("0.0.0.0:1", "0.0.0.0", 1),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:65535", "::1", 65535),
        ("[fe80::1%eth0]:80", "fe80::1%eth0", 80),
        ("exporter.internal:8080", "exporter.internal", 8080),
    ],
)
def test_reads_addresses(text: str, host: str, port: int) -> None:
    assert parse_listen(text) == ListenAddress(host, port)
    assert parse_listen(str(parse_listen(text))) == ListenAddress(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10190",
        "host",
        "host:",
        ":65536",
        ":-1",
        ":1 ",
        "::1:80",
        "[::1]",
        "http://h:1",
        "a b:1",
    ],
)
def test_says_how_to_write_an_address(text: str) -> None:
    with pytest.raises(ConfigError, match=r"no address to listen on; write it like :10190"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("text", "reachable"),
    [
        (":10190", "localhost:10190"),
        ("0.0.0.0:1", "localhost:1"),
        ("[::]:1", "localhost:1"),
        ("[::1]:1", "[::1]:1"),
        ("10.0.0.5:1", "10.0.0.5:1"),
    ],
)
def test_what_is_shown_can_be_opened(text: str, reachable: str) -> None:
    assert str(parse_listen(text).reachable) == reachable


def test_an_empty_host_is_reached_over_ipv4_too() -> None:
    with (
        open_socket(ListenAddress("", 0)) as listening,
        socket.create_connection(("127.0.0.1", listening.getsockname()[1]), timeout=5),
    ):
        pass


def test_a_taken_port_is_said_so() -> None:
    with open_socket(ListenAddress("127.0.0.1", 0)) as taken:
        address = ListenAddress("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(ConfigError, match=rf"cannot listen on {address}: .*in use.*free the"):
            open_socket(address)


def test_a_name_nobody_knows_is_said_so() -> None:
    with pytest.raises(ConfigError, match="cannot listen on no such name:1: "):
        open_socket(ListenAddress("no such name", 1))
