"""Credentials that a server echoes are in no body and no sentence, whole or cut."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from threading import Event, Semaphore
from urllib.parse import quote, quote_plus

import pytest

from exporter.base.errors import FetchError
from exporter.config import HttpSettings
from exporter.config.http import BasicAuth
from exporter.fetch import HttpClient, HttpResponse
from exporter.fetch.credentials import authorization_header, redacted_body, redacted_text
from tests.fakes import FakeServer
from tests.fetch.scripted import says, scripted
from tests.loop import run

TOKEN = "s3cret-token-of-the-fleet-0123456789"
PAIR = b64encode(b"scraper:a-long-password").decode()


@pytest.fixture(params=["bearer", "basic"])
def http(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[HttpSettings, str]:
    """A section with credentials, and what it sends."""
    file = tmp_path / "secret"
    if request.param == "bearer":
        file.write_text(TOKEN)
        return HttpSettings(bearer_token_file=file), TOKEN
    file.write_text("a-long-password")
    return HttpSettings(basic_auth=BasicAuth(username="scraper", password_file=file)), PAIR


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense Authorization: %s\r\n\r\n",
        b"HTTP/1.1 2OO OK %s\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nAuthorization %s\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: 0\r\n\r\n",
        # cut by the length of the sentence
        b"nonsense " + b"x" * 165 + b"%s\r\n\r\n",
    ],
)
def test_no_sentence_repeats_them(http: tuple[HttpSettings, str], answer: bytes) -> None:
    settings, secret = http
    with (
        scripted(says(answer % secret.encode(), keep=True)) as url,
        pytest.raises(FetchError) as caught,
    ):
        run(HttpClient(settings, 1 << 20).get(url, 5.0))
    assert "[redacted]" in str(caught.value)
    assert secret[:8].lower() not in str(caught.value).lower()
    assert "a-long-password" not in str(caught.value)


def test_no_body_repeats_them(http: tuple[HttpSettings, str]) -> None:
    settings, secret = http
    body = f'a{{auth="{secret}"}} 1\n# a-long-password {secret}\n'.encode()
    with FakeServer(metrics=(200, body)) as fake:
        answer = run(HttpClient(settings, 1 << 20).get(fake.url + "/metrics", 5.0))
    assert secret.encode() not in answer.body
    assert answer.body.startswith(b'a{auth="[redacted]"} 1\n')


PASSWORD = 'a"long\\pass/wörd+of the=fleet(0)'
ECHOES = {
    "JSON": json.dumps,
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON of PHP": lambda text: json.dumps(text).replace("/", "\\/"),
    "a URL": lambda text: quote(text, safe=""),
    "a path": quote,
    "a form": quote_plus,
    "a URL of a browser": lambda text: quote(text, safe="!'()*"),
    "a URL in small letters": lambda text: re.sub("%..", lambda m: m[0].lower(), quote(text, "")),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("secret", [PASSWORD, b64encode(f"scraper:{PASSWORD}".encode()).decode()])
def test_what_a_server_escaped_is_known_again(echo: Callable[[str], str], secret: str) -> None:
    authorization = f"Basic {b64encode(f'scraper:{PASSWORD}'.encode()).decode()}"
    for echoed in (echo(secret), echo(f"x {secret} y")):
        redacted = redacted_body(f"a {echoed} b".encode(), authorization).decode()
        sentence = redacted_text(f"a {echoed} b", authorization)
        for text in (redacted, sentence):
            assert "[redacted]" in text
            assert not set(re.findall(r"[a-zö]{4,}", secret)) & set(re.findall(r"[a-zö]{4,}", text))
            assert text.endswith(" b")


def test_a_secret_that_is_a_common_word_ruins_no_page() -> None:
    page = b'vllm:num_requests_running{model_name="vllm"} 1\n# Bearer vllm\n'
    assert redacted_body(page, "Bearer vllm") == page.replace(b"Bearer vllm", b"[redacted]")


def test_without_credentials_nothing_changes() -> None:
    assert redacted_body(b"Bearer x", None) == b"Bearer x"
    assert redacted_text("Bearer x", None) == "Bearer x"


def test_a_file_system_that_hangs_costs_the_deadline_of_its_own_section(
    http: tuple[HttpSettings, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, answered = Semaphore(0), Event()

    def hung(section: HttpSettings) -> str | None:
        begun.release()
        answered.wait(30)
        return authorization_header(section)

    monkeypatch.setattr("exporter.fetch.credentials.authorization_header", hung)
    sender, other = HttpClient(http[0], 1000), HttpClient(HttpSettings(), 1000)
    with FakeServer(metrics=(200, b"a 1\n")) as fake:
        url = f"{fake.url}/metrics"

        async def ask_all() -> list[object]:
            asked = [sender.get(url, 0.2), sender.clone().get(url, 0.1), other.get(url, 10)]
            return await asyncio.gather(*asked, return_exceptions=True)

        *failed, sound = run(ask_all())
        for error in failed:
            assert isinstance(error, FetchError)
            assert error.reason == "connect"
            assert "cannot be read: its file system does not answer" in str(error)
        assert isinstance(sound, HttpResponse)
        assert begun.acquire(blocking=False)
        assert not begun.acquire(blocking=False), "two reads of one section at once"
        answered.set()
        assert run(sender.get(url, 10)).body == b"a 1\n"
        assert run(sender.clone().get(url, 10)).body == b"a 1\n"
        assert not begun.acquire(blocking=False), "another read in the same second"
        assert fake.headers["Authorization"].endswith(http[1])
