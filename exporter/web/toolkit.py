"""The web configuration file of Prometheus' exporter toolkit: TLS, basic auth, headers.

Format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md.
As there, a changed file takes effect with the next connection or request, a file that went bad
lets nobody in, and every path is protected, health checks included. A key this server cannot
honour is refused rather than ignored.
"""

import logging
import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from ..errors import ConfigError
from ..validation import StrictModel, validation_message
from .auth import Gatekeeper, bcrypt_check, is_bcrypt

_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_VERIFY: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("", "nosniff"),
    "X-Frame-Options": ("", "deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_REFUSED: Final = {
    "cert": "write the certificate to a file and name it in cert_file",
    "key": "write the key to a file and name it in key_file",
    "client_ca": "write the certificates to a file and name it in client_ca_file",
    "client_allowed_sans": "let client_ca_file hold an authority that signs allowed clients only",
    "cipher_suites": "leave it out; OpenSSL's own list is used",
    "curve_preferences": "leave it out; OpenSSL's own list is used",
    "prefer_server_cipher_suites": "leave it out; the server's order is used",
    "rate_limit": "limit requests in a proxy; at most 40 are answered at once in any case",
}
_log: Final = logging.getLogger(__name__)


class _Section(StrictModel):
    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for key in value:
            if key in _REFUSED:
                raise ValueError(f"{key} cannot be honoured here: {_REFUSED[key]}")
        return {key: item for key, item in value.items() if item is not None}


class TlsServer(_Section):
    """How connections are encrypted and which client certificates are asked for."""

    cert_file: Path
    key_file: Path
    client_auth_type: Literal[
        "NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"
    ] = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.client_auth_type == "NoClientCert") is not (self.client_ca_file is None):
            raise ValueError("client_ca_file and a client_auth_type that verifies need each other")
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version")
        return self

    def files(self, room: Path) -> list[Path]:
        """Return the files this section names; `room` is where relative paths begin."""
        named = (self.cert_file, self.key_file, self.client_ca_file)
        return [room / path for path in named if path is not None]


class HttpServer(_Section):
    """Response headers; a blank one is left out of responses."""

    http2: bool = False
    headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("http2")
    @classmethod
    def _one(cls, http2: bool) -> bool:
        if http2:
            raise ValueError("HTTP/2 is not spoken here: set it to false or leave it out")
        return http2

    @field_validator("headers")
    @classmethod
    def _known(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name not in _HEADERS:
                raise ValueError(f"{name!r} cannot be set; there are {', '.join(_HEADERS)}")
            if _HEADERS[name] and value not in _HEADERS[name]:
                raise ValueError(f"{name} must be one of {', '.join(filter(None, _HEADERS[name]))}")
            if not value.isprintable() or not value.isascii():
                raise ValueError(f"{name} must be one line of plain ASCII text")
        return headers


class WebConfig(_Section):
    """The whole file."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, str] = Field(default_factory=dict)

    @field_validator("tls_server_config", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if value == {} else value

    @field_validator("basic_auth_users")
    @classmethod
    def _hashed(cls, users: dict[str, str]) -> dict[str, str]:
        for user, stored in users.items():
            if not is_bcrypt(stored):
                raise ValueError(
                    f"the password of {user!r} is no bcrypt hash; "
                    "make one with: htpasswd -nBC 10 ''"
                )
        return users


def load(path: Path) -> WebConfig:
    """Read and check a web configuration file, or raise `ConfigError`."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path} cannot be read: {reason}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # The error's own text quotes the line, which may hold a hash.
        place = f" near line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path} is no valid YAML{place}") from error
    try:
        return WebConfig.model_validate({} if data is None else data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {validation_message(error)}") from error


def tls_context(tls: TlsServer, room: Path) -> ssl.SSLContext:
    """Return what encrypts connections; `room` is where the section's relative paths begin."""
    for file in tls.files(room):
        try:
            file.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"tls_server_config: {file} cannot be read: {error.strerror}"
            ) from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[tls.min_version]
    context.maximum_version = _VERSIONS[tls.max_version]
    context.set_alpn_protocols(["http/1.1"])
    cert, key = room / tls.cert_file, room / tls.key_file
    try:
        # An empty password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(cert, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"tls_server_config: {cert} and {key} are no certificate and its own unencrypted key"
        ) from error
    if tls.client_ca_file is not None:
        try:
            context.load_verify_locations(room / tls.client_ca_file)
        except ssl.SSLError as error:
            raise ConfigError(
                f"tls_server_config: {room / tls.client_ca_file} holds no PEM certificates"
            ) from error
        context.verify_mode = _VERIFY[tls.client_auth_type]
    return context


class Guard:
    """The web configuration in force. Files are read again when they change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = (_stamp([path]), load(path))
        self.encrypts = self._read[1].tls_server_config is not None
        self._context: tuple[object, ssl.SSLContext] | None = None
        self._gatekeeper: Gatekeeper | None = None
        if self.encrypts:
            self.context()
        if self._read[1].basic_auth_users:
            self._gatekeeper = Gatekeeper(bcrypt_check())

    def settings(self) -> WebConfig:
        """Return the file's content as it is now, or raise `ConfigError`."""
        stamp, config = self._read
        now = _stamp([self._path])
        if now != stamp:
            config = load(self._path)
            _log.info("%s was read again", self._path)
            self._read = (now, config)
        return config

    def context(self) -> ssl.SSLContext:
        """Return what encrypts the next connection, or raise `ConfigError`."""
        tls, room = self.settings().tls_server_config, self._path.parent
        if tls is None:
            raise ConfigError(
                f"{self._path} lost its tls_server_config: restart to serve without encryption"
            )
        stamp = (tls, _stamp(tls.files(room)))
        if self._context is None or self._context[0] != stamp:
            self._context = (stamp, tls_context(tls, room))
        return self._context[1]

    def admits(self, authorization: str) -> bool:
        """Tell whether a request with this Authorization header may pass."""
        users = self.settings().basic_auth_users
        if not users:
            return True
        if self._gatekeeper is None:
            self._gatekeeper = Gatekeeper(bcrypt_check())
        return self._gatekeeper.admits(authorization, users)


def _stamp(paths: list[Path]) -> tuple[object, ...]:
    """Return what changes when one of the files does."""
    stamps: list[object] = []
    for path in paths:
        try:
            stat = os.stat(path)
        except OSError:
            stamps.append(None)
        else:
            stamps.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(stamps)
