"""Which path answers what, without sockets."""

import gzip
import json
import logging
from http import HTTPStatus
from typing import Any

import pytest

from exporter.web.app import METRICS_TYPE, App, Request, Response, encode_json

from .conftest import Desk

PATHS = ["/", "/metrics", "/api/v1/fleet", "/config", "/-/healthy", "/-/ready", "/favicon.ico"]


@pytest.fixture
def app(desk: Desk) -> App:
    return App(desk.pages())


def body(response: Response) -> bytes:
    return b"".join(response.body)


def test_metrics_are_the_joined_blocks(desk: Desk, app: App) -> None:
    desk.metrics = lambda: iter([b"a 1\n", b"b 2\n"])
    response = app.respond(Request("GET", "/metrics"))
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
    response = app.respond(Request("GET", "/metrics", {"accept-encoding": accept}))
    assert response.headers["Vary"] == "Accept-Encoding"
    assert (response.headers.get("Content-Encoding") == "gzip") is packed
    assert (gzip.decompress(body(response)) if packed else body(response)) == page
    assert response.length == len(body(response))


def test_small_pages_are_not_worth_compressing(app: App) -> None:
    response = app.respond(Request("GET", "/-/healthy", {"accept-encoding": "gzip"}))
    assert "Content-Encoding" not in response.headers


def test_fleet_is_json(app: App, fleet: dict[str, Any]) -> None:
    response = app.respond(Request("GET", "/api/v1/fleet"))
    assert response.content_type == "application/json"
    assert json.loads(body(response)) == fleet


def test_what_json_cannot_say_is_a_fault_and_not_a_broken_page(
    desk: Desk, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    desk.fleet = {"servers": [{"age_seconds": float("nan")}]}
    with caplog.at_level(logging.ERROR):
        response = app.respond(Request("GET", "/api/v1/fleet"))
    assert response.status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert b"nan" not in body(response)
    assert "/api/v1/fleet failed" in caplog.text
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json(desk.fleet)


def test_text_that_is_no_utf8_survives_as_json() -> None:
    assert json.loads(encode_json({"model": "\udcff<é>"})) == {"model": "\udcff<é>"}


def test_healthy_is_who_samples(desk: Desk, app: App) -> None:
    desk.is_healthy = False
    response = app.respond(Request("GET", "/-/healthy"))
    assert response.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert b"restart it" in b"".join(response.body)


def test_ready_turns_with_the_first_round(desk: Desk, app: App) -> None:
    desk.is_ready = False
    assert app.respond(Request("GET", "/-/ready")).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert app.respond(Request("GET", "/-/healthy")).status == HTTPStatus.OK
    desk.is_ready = True
    assert app.respond(Request("GET", "/-/ready")).status == HTTPStatus.OK


def test_reload_answers_the_sentence_of_a_bad_file(desk: Desk, app: App) -> None:
    assert app.respond(Request("POST", "/-/reload")).status == HTTPStatus.OK
    desk.reload_fault = "fleet.yaml: interval: there is no such key"
    response = app.respond(Request("POST", "/-/reload"))
    assert response.status == HTTPStatus.BAD_REQUEST
    assert body(response).startswith(b"fleet.yaml: interval: there is no such key; the old")
    assert desk.reloads == 1


def test_reload_is_not_for_pages_of_other_sites(desk: Desk, app: App) -> None:
    foreign = Request("POST", "/-/reload", {"sec-fetch-site": "cross-site"})
    assert app.respond(foreign).status == HTTPStatus.FORBIDDEN
    assert desk.reloads == 0


@pytest.mark.parametrize("path", PATHS)
def test_reading_pages_answer_get_and_head_only(app: App, path: str) -> None:
    assert app.respond(Request("GET", path)).status == HTTPStatus.OK
    assert app.respond(Request("HEAD", path)).status == HTTPStatus.OK
    refused = app.respond(Request("POST", path))
    assert refused.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert refused.headers["Allow"] == "GET, HEAD"


def test_reload_by_get_does_nothing(desk: Desk, app: App) -> None:
    for method in ("GET", "HEAD", "PUT"):
        refused = app.respond(Request(method, "/-/reload"))
        assert refused.status == HTTPStatus.METHOD_NOT_ALLOWED
        assert refused.headers["Allow"] == "POST"
    assert desk.reloads == 0


@pytest.mark.parametrize("path", ["/nothing", "", "/metrics/", "/../etc/passwd"])
def test_a_missing_page_lists_those_that_exist(app: App, path: str) -> None:
    response = app.respond(Request("GET", path))
    assert response.status == HTTPStatus.NOT_FOUND
    listed = body(response).decode()
    assert all(exists in listed for exists in [*PATHS[:-1], "/-/reload"])


def test_config_is_shown_as_text(app: App) -> None:
    response = app.respond(Request("GET", "/config"))
    assert body(response) == b"targets: [http://10.0.0.5:8000]\n"
    assert response.content_type.startswith("text/plain")
