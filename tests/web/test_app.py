"""Which path answers what, without sockets."""

import gzip
import json
import logging
from dataclasses import replace
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest

from exporter.web.app import METRICS_TYPE, App, encode_json
from exporter.web.failures import Failures
from exporter.web.message import Request, Response
from tests.loop import run

from .conftest import Desk

PATHS = ["/", "/metrics", "/api/v1/fleet", "/config", "/-/healthy", "/-/ready", "/favicon.ico"]


@pytest.fixture
def app(desk: Desk) -> App:
    return App(desk.pages(), Failures())


def respond(app: App, request: Request) -> Response:
    return run(app.respond(request))


def body(response: Response) -> bytes:
    return b"".join(response.blocks)


def test_metrics_are_the_joined_blocks(desk: Desk, app: App) -> None:
    desk.metrics = lambda: iter([b"a 1\n", b"b 2\n"])
    response = respond(app, Request("GET", "/metrics"))
    assert response.status == 200
    assert response.content_type == METRICS_TYPE == "text/plain; version=0.0.4; charset=utf-8"
    assert body(response) == b"a 1\nb 2\n"


@pytest.mark.parametrize(
    ("accept", "packed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("GZIP ; q=1.0", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.00", False),
        ("xgzip", False),
    ],
)
def test_large_pages_are_compressed_for_those_who_ask(
    desk: Desk, app: App, accept: str, packed: bool
) -> None:
    page = b"inferfleet_requests_running 1\n" * 1000
    desk.metrics = lambda: [page[:10_000], page[10_000:]]
    response = respond(app, Request("GET", "/metrics", {"accept-encoding": accept}))
    assert response.headers["Vary"] == "Accept-Encoding"
    assert (response.headers.get("Content-Encoding") == "gzip") is packed
    assert (gzip.decompress(body(response)) if packed else body(response)) == page
    assert response.length == len(body(response))


def test_small_pages_are_not_worth_compressing(app: App) -> None:
    response = respond(app, Request("GET", "/-/healthy", {"accept-encoding": "gzip"}))
    assert "Content-Encoding" not in response.headers


def test_fleet_is_json(app: App, fleet: dict[str, Any]) -> None:
    response = respond(app, Request("GET", "/api/v1/fleet"))
    assert response.content_type == "application/json"
    assert json.loads(body(response)) == fleet


def test_what_json_cannot_say_is_a_fault_and_not_a_broken_page(
    desk: Desk, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    desk.fleet = {"servers": [{"age_seconds": float("nan")}]}
    with caplog.at_level(logging.ERROR):
        response = respond(app, Request("GET", "/api/v1/fleet"))
    assert response.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert b"nan" not in body(response)
    assert "/api/v1/fleet failed" in caplog.text
    with pytest.raises(ValueError, match="not JSON compliant"):
        b"".join(encode_json(desk.fleet))


def test_the_report_has_a_path_where_there_may_be_one_and_comes_with_its_own_style(
    desk: Desk, app: App
) -> None:
    assert respond(app, Request("GET", "/report")).status == HTTPStatus.NOT_FOUND
    text = None
    app = App(replace(desk.pages(), report=lambda: text), Failures())
    assert b"no report on an upgrade yet" in body(respond(app, Request("GET", "/report")))
    assert b"/report" in body(respond(app, Request("GET", "/nowhere")))
    text = "<h1>b \u2265 a</h1>"
    response = respond(app, Request("GET", "/report"))
    assert response.content_type == "text/html; charset=utf-8"
    assert body(response).decode() == text
    assert response.length == len(body(response))
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_text_that_is_no_utf8_survives_as_json() -> None:
    assert json.loads(b"".join(encode_json({"model": "\udcff<é>"}))) == {"model": "\udcff<é>"}


def test_healthy_is_who_samples(desk: Desk, app: App) -> None:
    desk.is_healthy = False
    response = respond(app, Request("GET", "/-/healthy"))
    assert response.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert b"restart it" in body(response)


def test_ready_turns_with_the_first_round(desk: Desk, app: App) -> None:
    desk.is_ready = False
    assert respond(app, Request("GET", "/-/ready")).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert respond(app, Request("GET", "/-/healthy")).status == HTTPStatus.OK
    desk.is_ready = True
    assert respond(app, Request("GET", "/-/ready")).status == HTTPStatus.OK


def test_reload_answers_the_sentence_of_a_bad_file(desk: Desk, app: App) -> None:
    assert respond(app, Request("POST", "/-/reload")).status == HTTPStatus.OK
    desk.reload_fault = "fleet.yaml: interval: there is no such key"
    response = respond(app, Request("POST", "/-/reload"))
    assert response.status == HTTPStatus.BAD_REQUEST
    assert body(response).startswith(b"fleet.yaml: interval: there is no such key; the old")
    assert desk.reloads == 1


@pytest.mark.parametrize("fault", [None, "fleet.yaml: no"])
def test_pages_are_written_anew_after_a_reload_refused_or_not(
    desk: Desk, app: App, fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.web.rendering.SHARED_SECONDS", 1000.0)
    written = count()
    desk.metrics = lambda: [b"%d" % next(written)]
    desk.reload_fault = fault
    pages = [body(respond(app, Request("GET", "/metrics"))) for _ in range(2)]
    respond(app, Request("POST", "/-/reload"))
    pages.append(body(respond(app, Request("GET", "/metrics"))))
    assert pages == [b"0", b"0", b"1"]


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://other.example.com"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        # an address bound anew to a foreign name makes a foreign page one of ours
        {"sec-fetch-site": "same-origin", "origin": "http://evil.example", "host": "evil.example"},
        {"origin": "http://evil.example:10190", "host": "evil.example:10190"},
    ],
)
def test_reload_is_not_for_pages_in_a_browser(
    desk: Desk, app: App, headers: dict[str, str]
) -> None:
    assert respond(app, Request("POST", "/-/reload", headers)).status == HTTPStatus.FORBIDDEN
    assert desk.reloads == 0


def test_reload_is_for_tools_under_any_name(desk: Desk, app: App) -> None:
    for host in ("inferfleet.monitoring.svc:10190", "10.0.0.5:10190", "fleet.example.com"):
        request = Request("POST", "/-/reload", {"host": host})
        assert respond(app, request).status == HTTPStatus.OK
    assert desk.reloads == 3


@pytest.mark.parametrize("path", PATHS)
def test_reading_pages_answer_get_and_head_only(app: App, path: str) -> None:
    assert respond(app, Request("GET", path)).status == HTTPStatus.OK
    assert respond(app, Request("HEAD", path)).status == HTTPStatus.OK
    refused = respond(app, Request("POST", path))
    assert refused.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert refused.headers["Allow"] == "GET, HEAD"


def test_reload_by_get_does_nothing(desk: Desk, app: App) -> None:
    for method in ("GET", "HEAD", "PUT"):
        refused = respond(app, Request(method, "/-/reload"))
        assert refused.status == HTTPStatus.METHOD_NOT_ALLOWED
        assert refused.headers["Allow"] == "POST"
    assert desk.reloads == 0


@pytest.mark.parametrize("path", ["/nothing", "", "/metrics/", "/../etc/passwd"])
def test_a_missing_page_lists_those_that_exist(app: App, path: str) -> None:
    response = respond(app, Request("GET", path))
    assert response.status == HTTPStatus.NOT_FOUND
    listed = body(response).decode()
    assert all(exists in listed for exists in [*PATHS[:-1], "/-/reload"])


def test_config_is_shown_as_text(app: App) -> None:
    response = respond(app, Request("GET", "/config"))
    assert body(response) == b"targets: [http://10.0.0.5:8000]\n"
    assert response.content_type.startswith("text/plain")
