"""Requests are noted by client, and that every server was asked for its version is said once."""

import pytest

from scripts.bench.page_server import Log


def head(path: str, agent: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}"


def test_pages_are_noted_with_the_client() -> None:
    log = Log(2)
    log.note(head("/s/0/metrics", "Prometheus/2.42.0"))
    log.note(head("/s/1/metrics", "inferfleet/0.1.0"))
    log.note(head("/s/1/v1/models", "inferfleet/0.1.0"))
    assert [agent for _, agent in log.arrivals] == ["prometheus", "inferfleet"]
    assert log.arrivals == sorted(log.arrivals)


def test_it_is_said_once_that_all_were_asked(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(2)
    for path in ("/s/0/version", "/s/0/version", "/s/1/metrics"):
        log.note(head(path, "inferfleet/0.1.0"))
    assert capsys.readouterr().out == ""
    for path in ("/s/1/version", "/s/0/version", "/s/1/version"):
        log.note(head(path, "inferfleet/0.1.0"))
    assert capsys.readouterr().out == "\n"
