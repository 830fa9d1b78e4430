"""The web configuration file of Prometheus' exporter toolkit: TLS, basic auth, headers.

Format: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md.
A key that this server cannot honour is refused rather than ignored.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from ..base.errors import ConfigError
from ..base.validation import StrictModel, validation_message
from ..base.yaml_text import YamlError, parse_yaml, read_text
from .basic_auth import is_bcrypt

_ALLOWED_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("", "nosniff"),
    "X-Frame-Options": ("", "deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_UNSUPPORTED: Final = {
    "cert": "write the certificate to a file and name it in cert_file",
    "key": "write the key to a file and name it in key_file",
    "client_ca": "write the certificates to a file and name it in client_ca_file",
    "client_allowed_sans": "let client_ca_file hold an authority that signs allowed clients only",
    "cipher_suites": "leave it out; OpenSSL's own list is used",
    "curve_preferences": "leave it out; OpenSSL's own list is used",
    "prefer_server_cipher_suites": "leave it out; the server's order is used",
    "rate_limit": "limit requests in a proxy; no page is written more than once a second",
}


class _SectionModel(StrictModel):
    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for key in value:
            if key in _UNSUPPORTED:
                raise ValueError(f"{key} cannot be honoured here: {_UNSUPPORTED[key]}")
        return {key: item for key, item in value.items() if item is not None}


class TlsServerConfig(_SectionModel):
    """How connections are encrypted and which client certificates are required."""

    cert_file: Path
    key_file: Path
    client_auth_type: Literal[
        "NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"
    ] = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if (self.client_auth_type == "NoClientCert") is not (self.client_ca_file is None):
            raise ValueError("client_ca_file and a client_auth_type that verifies need each other")
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version")
        return self

    def files(self, folder: Path) -> list[Path]:
        """Return the files this section names; relative paths begin at `folder`."""
        paths = (self.cert_file, self.key_file, self.client_ca_file)
        return [folder / path for path in paths if path is not None]


class HttpServerConfig(_SectionModel):
    """Response headers; a blank one is left out of responses."""

    http2: bool = False
    headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("http2")
    @classmethod
    def _check_http2(cls, http2: bool) -> bool:
        if http2:
            raise ValueError("HTTP/2 is not supported: set it to false or leave it out")
        return http2

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name not in _ALLOWED_HEADERS:
                raise ValueError(f"{name!r} cannot be set; there are {', '.join(_ALLOWED_HEADERS)}")
            if _ALLOWED_HEADERS[name] and value not in _ALLOWED_HEADERS[name]:
                raise ValueError(
                    f"{name} must be one of {', '.join(filter(None, _ALLOWED_HEADERS[name]))}"
                )
            if not value.isprintable() or not value.isascii():
                raise ValueError(f"{name} must be one line of plain ASCII text")
        return headers


class WebConfig(_SectionModel):
    """The whole file."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: dict[str, str] = Field(default_factory=dict)

    @field_validator("tls_server_config", mode="before")
    @classmethod
    def _empty_is_none(cls, value: Any) -> Any:
        return None if value == {} else value

    @field_validator("basic_auth_users")
    @classmethod
    def _check_hashes(cls, users: dict[str, str]) -> dict[str, str]:
        for user, stored in users.items():
            if not is_bcrypt(stored):
                raise ValueError(
                    f"the password of {user!r} is no bcrypt hash; "
                    "make one with: htpasswd -nBC 10 ''"
                )
        return users


def load_web_config(path: Path) -> WebConfig:
    """Read and check a web configuration file, or raise `ConfigError`."""
    try:
        data = parse_yaml(read_text(path))
    except YamlError as error:
        # the fault may quote what stands there, which may be a hash
        place = f" near line {error.line}" if error.line else ""
        raise ConfigError(f"{path} is no valid YAML{place}") from error
    try:
        return WebConfig.model_validate({} if data is None else data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {validation_message(error, WebConfig)}") from error
