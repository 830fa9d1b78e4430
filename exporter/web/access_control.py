"""TLS and basic authentication as the web configuration file has them, read again when it changes.

As in Prometheus' exporter toolkit, a changed file takes effect with the next connection or
request, an unusable file refuses everybody, and every path is protected, health checks included.
"""

import logging
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

from ..base.errors import ConfigError
from ..base.file_stamp import file_stamp
from .basic_auth import BasicAuthenticator, bcrypt_check
from .message import Request, Response, text_response
from .web_config import TlsServerConfig, WebConfig, load_web_config

_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_VERIFY: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_log: Final = logging.getLogger(__name__)


def make_tls_context(tls: TlsServerConfig, folder: Path) -> ssl.SSLContext:
    """Return the TLS context of the section; its relative paths begin at `folder`."""
    for file in tls.files(folder):
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
    cert, key = folder / tls.cert_file, folder / tls.key_file
    try:
        # An empty password keeps OpenSSL from prompting for one on the terminal.
        context.load_cert_chain(cert, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"tls_server_config: {cert} and {key} are no certificate and its own unencrypted key"
        ) from error
    if tls.client_ca_file is not None:
        try:
            context.load_verify_locations(folder / tls.client_ca_file)
        except ssl.SSLError as error:
            raise ConfigError(
                f"tls_server_config: {folder / tls.client_ca_file} holds no PEM certificates"
            ) from error
        context.verify_mode = _VERIFY[tls.client_auth_type]
    return context


class AccessControl:
    """The web configuration in force. Its files are read again when they change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._current = (file_stamp([path]), load_web_config(path))
        self.encrypts = self._current[1].tls_server_config is not None
        self._context: tuple[object, ssl.SSLContext] | None = None
        self._authenticator: BasicAuthenticator | None = None
        if self.encrypts:
            self.tls_context()
        if self._current[1].basic_auth_users:
            self._authenticator = BasicAuthenticator(bcrypt_check())

    def config(self) -> WebConfig:
        """Return the file's content as it is now, or raise `ConfigError`."""
        stamp, config = self._current
        now = file_stamp([self._path])
        if now != stamp:
            config = load_web_config(self._path)
            _log.info("%s was read again", self._path)
            self._current = (now, config)
        return config

    def tls_context(self) -> ssl.SSLContext:
        """Return the TLS context of the next connection, or raise `ConfigError`."""
        tls, folder = self.config().tls_server_config, self._path.parent
        if tls is None:
            raise ConfigError(
                f"{self._path} lost its tls_server_config: restart to serve without encryption"
            )
        stamp = (tls, file_stamp(tls.files(folder)))
        if self._context is None or self._context[0] != stamp:
            self._context = (stamp, make_tls_context(tls, folder))
        return self._context[1]

    def extra_headers(self) -> Mapping[str, str]:
        """Return the headers that the file sets, none while it is unusable."""
        try:
            return self.config().http_server_config.headers
        except ConfigError:
            return {}

    async def rejection(self, request: Request) -> Response | None:
        """Return the response to a request that is not allowed, None for one that is."""
        try:
            if await self.is_authorized(request.headers.get("authorization", "")):
                return None
        except ConfigError as error:
            _log.error("a request was rejected: %s", error)
            sentence = "The web configuration file is unusable; the log says why."
            return text_response(HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
        challenge = {"WWW-Authenticate": 'Basic realm="inferfleet", charset="UTF-8"'}
        return text_response(HTTPStatus.UNAUTHORIZED, "Give user name and password.", challenge)

    async def is_authorized(self, authorization: str) -> bool:
        """Whether a request with this Authorization header may pass; raises `ConfigError`."""
        users = self.config().basic_auth_users
        if not users:
            return True
        if self._authenticator is None:
            self._authenticator = BasicAuthenticator(bcrypt_check())
        return await self._authenticator.is_valid(authorization, users)
