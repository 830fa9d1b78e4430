"""The API client: what is tried again, what is queried in halves, what is reported at once."""

import json
import shutil
import ssl
import subprocess
from pathlib import Path

import numpy as np
import pytest

from exporter.base.errors import CompareError
from exporter.compare.fleet.api import PrometheusApi, QueryError, QueryTooLarge
from exporter.compare.options import Options, api_of, parse_headers, read_http_settings
from exporter.config import HttpSettings
from tests.compare.fake_api import FakeApi, Fault, slow
from tests.fetch.scripted import Script, drips, scripted
from tests.sim.comparison import simulate_comparison

FLEET = simulate_comparison(1, before=1, after=2, servers=2)


def fake_and_client(
    fault: Fault | None = None, **options: object
) -> tuple[FakeApi, PrometheusApi, list[float]]:
    pauses: list[float] = []
    fake = FakeApi(FLEET, fault=fault)
    api = PrometheusApi(fake.url, sleep=pauses.append, timeout=5.0, **options)  # type: ignore[arg-type]
    return fake, api, pauses


def test_what_may_pass_is_tried_again_and_later_each_time() -> None:
    fake, api, pauses = fake_and_client(lambda n, path: (503, "busy") if n < 3 else None)
    with fake:
        assert api.series("inferfleet_server_info", 0, 2e9)
    assert len(fake.queries) == 3
    assert len(pauses) == 2
    assert pauses[0] <= 2.0 <= pauses[1] <= 4.0


def test_an_api_that_asks_for_patience_is_given_it() -> None:
    fake, api, pauses = fake_and_client(
        lambda n, path: (429, "too many requests") if n < 2 else None
    )
    with fake:
        assert api.series("inferfleet_server_info", 0, 2e9)
    assert len(pauses) == 1


def test_given_up_in_the_end() -> None:
    fake, api, _ = fake_and_client(lambda n, path: (500, "broken"))
    with fake, pytest.raises(QueryError, match="answered 500: broken; given up after 4 tries"):
        api.series("x", 0, 1)


@pytest.mark.parametrize(
    ("status", "body", "fault"),
    [
        (400, {"status": "error", "error": "parse error: unexpected"}, "parse error"),
        (401, {}, "answered 401: give credentials with --http-config"),
        (404, {}, "answered 404"),
        (200, {"status": "error", "error": "odd"}, "odd"),
        (200, {"status": "success", "data": {"resultType": "vector"}}, "where a matrix belongs"),
    ],
)
def test_what_will_not_pass_is_told_at_once(status: int, body: object, fault: str) -> None:
    fake, api, pauses = fake_and_client(lambda n, path: (status, json.dumps(body)))
    with fake, pytest.raises(QueryError, match=fault):
        api.range("up", 0, 1, 1)
    assert pauses == []


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (422, "query processing would load too many samples into memory"),
        (400, "exceeded maximum resolution of 11,000 points per timeseries"),
        (413, "body"),
        (503, "query timed out in expression evaluation"),
        (422, "the query exceeded the limit of fetched series"),
    ],
)
def test_what_is_too_much_is_told_apart(status: int, error: str) -> None:
    body = json.dumps({"status": "error", "error": error})
    fake, api, pauses = fake_and_client(lambda n, path: (status, body))
    with fake, pytest.raises(QueryTooLarge):
        api.range("up", 0, 1, 1)
    assert pauses == []


def test_a_hung_api_ends_at_the_timeout() -> None:
    fake = FakeApi(FLEET)
    fake.fault = lambda n, path: slow(fake)
    api = PrometheusApi(fake.url, timeout=0.2, sleep=lambda seconds: None)
    with fake, pytest.raises(QueryTooLarge, match=r"did not answer within 0\.2 s"):
        api.range("up", 0, 1, 1)


def test_an_api_that_hangs_is_not_asked_for_less_and_less() -> None:
    fake = FakeApi(FLEET)
    fake.fault = lambda n, path: slow(fake)
    api = PrometheusApi(fake.url, timeout=0.05, sleep=lambda seconds: None)
    with fake, pytest.raises(QueryTooLarge, match="did not answer"):
        list(api.range_in_chunks("up", np.arange(10_000.0), 1.0, 1))
    assert len(fake.queries) == 4


def test_a_run_has_a_limit_over_all_of_its_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("exporter.compare.fleet.api.monotonic", lambda: clock[0])
    fake, api, _ = fake_and_client()
    with fake:
        api.start_run()
        clock[0] += 149.0
        api.series("inferfleet_server_info", 0, 2e9)
        clock[0] += 1.0
        with pytest.raises(QueryError, match=r"longer than 30 times --timeout \(5 s\)"):
            api.series("inferfleet_server_info", 0, 2e9)
        api.start_run()
        api.series("inferfleet_server_info", 0, 2e9)


DRIPS = {
    "headers": drips(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
    "a body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
    "the body of an error": drips(b"HTTP/1.1 503 Oops\r\nContent-Length: 100000\r\n\r\n", b" "),
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_an_api_that_drips_ends_at_the_timeout(drip: Script) -> None:
    with scripted(drip) as url:
        api = PrometheusApi(url.removesuffix("/metrics"), timeout=0.15)
        with pytest.raises(QueryTooLarge, match=r"did not answer within 0\.15 s"):
            api.series("up", 0, 1)


def test_a_redirect_is_not_followed() -> None:
    fake, api, _ = fake_and_client(lambda n, path: (302, ""))
    with fake, pytest.raises(QueryError, match="answered 302: give the address it sends to"):
        api.series("up", 0, 1)


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with FakeApi(FLEET) as fake:
        monkeypatch.setenv("http_proxy", fake.url)
        api = PrometheusApi("http://prometheus.invalid:9090/prom")
        assert api.series("inferfleet_server_info", 0, 2e9)
        assert fake.headers["Host"] == "prometheus.invalid:9090"


@pytest.mark.parametrize(
    ("header", "fault"),
    [
        ("Content-Length: 3", "belongs to the request itself"),
        ("a b: c", "a b is no header that can be sent"),
        ("X-Key: a\r\nY: b", "X-Key is no header that can be sent"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(header: str, fault: str) -> None:
    with pytest.raises(CompareError, match=fault):
        parse_headers((header,), HttpSettings())


def test_nobody_there() -> None:
    api = PrometheusApi("http://127.0.0.1:1", sleep=lambda seconds: None)
    with pytest.raises(QueryError, match="series cannot be reached: connection refused"):
        api.series("up", 0, 1)
    with pytest.raises(CompareError, match="--prometheus: 'prom' is no address"):
        PrometheusApi("prom")


def test_credentials_come_from_files_and_headers_go_along(tmp_path: Path) -> None:
    token, password = tmp_path / "token", tmp_path / "password"
    token.write_text("one\n")
    password.write_text("secret\n")
    http = tmp_path / "http.yaml"
    http.write_text(f"bearer_token_file: {token}\n")
    with FakeApi(FLEET) as fake:
        options = Options(
            margin=0.03,
            warm_up=3600.0,
            prometheus=fake.url,
            http=read_http_settings(http),
            headers=parse_headers(("X-Scope-OrgID: tenant",), HttpSettings()),
        )
        api = api_of(options)
        api.series("inferfleet_server_info", 0, 2e9)
        assert fake.headers["Authorization"] == "Bearer one"
        assert fake.headers["X-Scope-OrgID"] == "tenant"
        # a rotated secret is read anew
        token.write_text("two")
        api.series("inferfleet_server_info", 0, 2e9)
        assert fake.headers["Authorization"] == "Bearer two"
        basic = HttpSettings.model_validate(
            {"basic_auth": {"username": "u", "password_file": str(password)}}
        )
        PrometheusApi(fake.url, basic).series("inferfleet_server_info", 0, 2e9)
        assert fake.headers["Authorization"] == "Basic dTpzZWNyZXQ="
        token.unlink()
        with pytest.raises(QueryError, match="token with the credentials cannot be read"):
            api.series("inferfleet_server_info", 0, 2e9)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("bearer: x", "bearer"),
        ("a: [", "is no valid YAML"),
        ("key_file: /k", "key_file needs cert_file"),
    ],
)
def test_a_wrong_http_config_is_told(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "http.yaml"
    path.write_text(text)
    with pytest.raises(CompareError, match=fault):
        read_http_settings(path)
    with pytest.raises(CompareError, match="--header: without a colon"):
        parse_headers(("nonsense",), HttpSettings())


def test_tls_with_the_own_authority(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=a"
    words += f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run([openssl, *words.split()], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with FakeApi(FLEET, tls=context) as fake:
        trusting = HttpSettings.model_validate({"ca_file": str(certificate)})
        assert PrometheusApi(fake.url, trusting).series("inferfleet_server_info", 0, 2e9)
        with pytest.raises(QueryError, match="certificate is not trusted: self-signed"):
            PrometheusApi(fake.url, sleep=lambda seconds: None).series(
                "inferfleet_server_info", 0, 1
            )
