"""The web configuration file: what is honoured, what is refused, and re-reading."""

import os
import sys
from pathlib import Path

import pytest

from exporter.base.errors import ConfigError
from exporter.web.access_control import AccessControl, make_tls_context
from exporter.web.web_config import TlsServerConfig, load_web_config
from tests.loop import run

from .test_basic_auth import HASH, basic


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.yaml"


def write(file: Path, text: str) -> Path:
    """Write the file so that the change shows even within one tick of the file system's clock."""
    file.write_text(text, encoding="utf-8")
    before = file.stat()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + len(text)))
    return file


@pytest.mark.parametrize("text", ["", "{}", "tls_server_config:\n", "tls_server_config: {}\n"])
def test_an_empty_file_protects_nothing(file: Path, text: str) -> None:
    access = AccessControl(write(file, text))
    assert not access.encrypts
    assert run(access.is_authorized(""))
    assert access.config().http_server_config.headers == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rate_limit: {interval: 1s}", "rate_limit cannot be honoured here: limit requests in a"),
        ("tls_server_config: {cipher_suites: [A]}", "cipher_suites cannot be honoured here"),
        ("tls_server_config: {client_allowed_sans: [a]}", "client_allowed_sans cannot be"),
        ("tls_server_config: {cert: PEM, key: PEM}", "cert cannot be honoured.*name it in cert_f"),
        ("tls_server_config: {key_file: k}", "tls_server_config.cert_file: this key is needed"),
        (
            "tls_server_config: {cert_file: c, key_file: k, min_version: TLS10}",
            "'TLS12' or 'TLS13'",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, client_auth_type: RequestClientCert}",
            "client_auth_type: .*'RequireAndVerifyClientCert'",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, client_ca_file: a}",
            "client_ca_file and a client_auth_type that verifies need each other",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, "
            "client_auth_type: RequireAndVerifyClientCert}",
            "need each other",
        ),
        (
            "tls_server_config: {cert_file: c, key_file: k, "
            "min_version: TLS13, max_version: TLS12}",
            "min_version is above max_version",
        ),
        ("http_server_config: {http2: true}", "http2: HTTP/2 is not supported"),
        (
            "http_server_config: {headers: {X-Mine: a}}",
            "'X-Mine' cannot be set; there are Content-",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: maybe}}",
            "X-Frame-Options must be one of deny, sameorigin",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "0\\r\\nSet-Cookie: a"}}',
            "must be one line",
        ),
        ("basic_auth_users: {alice: secret}", "the password of 'alice' is no bcrypt hash"),
        ("users: {}", "users: there is no such key"),
        ("[]", "must be a mapping of keys"),
    ],
)
def test_refuses_with_a_sentence(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as refused:
        load_web_config(write(file, text))
    assert str(file) in str(refused.value)


def test_no_error_repeats_a_hash(file: Path) -> None:
    for text in (f"basic_auth_users: {{alice: '{HASH}x'}}", f"alice: {HASH}\n  : ]"):
        with pytest.raises(ConfigError) as refused:
            load_web_config(write(file, text))
        assert HASH not in str(refused.value)


def test_unreadable_files_are_named(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"web\.yaml cannot be read: No such file"):
        AccessControl(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        AccessControl(file)
    with pytest.raises(ConfigError, match="no valid YAML near line 2"):
        AccessControl(write(file, "a: 1\n b: ]"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("[" * 100_000, "no valid YAML near line 1", id="deep"),
        pytest.param(
            "a: &a0 [x, x]\n" + "".join(f"b{i}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(30)),
            "no valid YAML near line 1[0-9]",
            id="aliases",
        ),
        ("basic_auth_users: !!set {a}\n", "no valid YAML near line 1"),
        ("http_server_config: {}\nhttp_server_config: {}\n", "no valid YAML near line 2"),
        ('basic_auth_users: {"\\ud800": x}\n', "no valid YAML near line 1"),
        ("basic_auth_user: {}\n", "basic_auth_user: there is no such key; did you mean basic_auth"),
        pytest.param("#" * (9 << 20), "cannot be read: it has more than 8 MiB", id="huge"),
    ],
)
def test_what_no_file_should_hold_is_refused_at_once(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        AccessControl(write(file, text))


def test_certificates_that_cannot_be_used_are_named(file: Path) -> None:
    tls = TlsServerConfig(cert_file=Path("c.pem"), key_file=Path("k.pem"))
    with pytest.raises(ConfigError, match=r"c\.pem cannot be read: No such file"):
        make_tls_context(tls, file.parent)
    for name in ("c.pem", "k.pem"):
        (file.parent / name).write_text("nothing of the kind", encoding="utf-8")
    with pytest.raises(ConfigError, match="no certificate and its own unencrypted key"):
        AccessControl(write(file, "tls_server_config: {cert_file: c.pem, key_file: k.pem}"))


def test_bcrypt_is_asked_for_at_start(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(ConfigError, match="pip install"):
        AccessControl(write(file, f"basic_auth_users: {{alice: '{HASH}'}}"))


def test_users_change_with_the_file(file: Path) -> None:
    bcrypt = pytest.importorskip("bcrypt", reason="bcrypt is not installed")
    hashes = {word: bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode() for word in "ab"}
    access = AccessControl(write(file, f"basic_auth_users: {{alice: '{hashes['a']}'}}"))
    assert run(access.is_authorized(basic("alice", "a")))
    write(file, f"basic_auth_users: {{alice: '{hashes['b']}', bob: '{hashes['a']}'}}")
    assert not run(access.is_authorized(basic("alice", "a")))
    assert run(access.is_authorized(basic("alice", "b")))
    assert run(access.is_authorized(basic("bob", "a")))


def test_a_file_gone_bad_lets_nobody_in_until_it_is_mended(file: Path) -> None:
    access = AccessControl(write(file, "{}"))
    write(file, "basic_auth_user: {}")
    for _ in range(2):
        with pytest.raises(ConfigError, match="there is no such key"):
            run(access.is_authorized(""))
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        run(access.is_authorized(""))
    write(file, "http_server_config: {headers: {X-Frame-Options: sameorigin}}")
    assert run(access.is_authorized(""))
    assert access.config().http_server_config.headers == {"X-Frame-Options": "sameorigin"}
