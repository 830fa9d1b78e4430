"""TLS towards servers: the context of a section, and a session without a socket."""

import logging
import ssl
from typing import Final

from ..base.errors import ConfigError
from ..base.file_stamp import file_stamp
from ..config import HttpSettings
from .problem import root_cause

_CHUNK: Final = 1 << 16
_log = logging.getLogger(__name__)


def tls_context(http: HttpSettings) -> ssl.SSLContext:
    """Return TLS as the section asks for it.

    Raises `ConfigError` naming the file that cannot be used.
    """
    file = http.ca_file
    try:
        context = ssl.create_default_context(cafile=file)
        if http.insecure_skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if http.cert_file:
            file = http.cert_file
            context.load_cert_chain(http.cert_file, http.key_file)
    except OSError as error:
        key = f" with {http.key_file}" if file is http.cert_file and http.key_file else ""
        raise ConfigError(f"{file}{key} cannot be used for TLS: {root_cause(error)}") from error
    return context


class ClientTls:
    """TLS of a section, for any thread. Raises `ConfigError` where a file of it cannot be used.

    Files are read again when they have changed, since certificates are rotated. Those that the
    system trusts are read with the first encrypted connection: they take as long as all else at a
    start, and most servers of a fleet speak plain HTTP.
    """

    def __init__(self, http: HttpSettings) -> None:
        self._http = http
        self.files = tuple(filter(None, (http.ca_file, http.cert_file, http.key_file)))
        self._stamp = file_stamp(self.files)
        self._context = tls_context(http) if self.files else None

    def context(self) -> ssl.SSLContext:
        """Return what the next connection is encrypted with.

        Files that can no longer be used are logged once, and those before serve on: a rotation may
        be half-way. With `files` it waits for their file system.
        """
        stamp = file_stamp(self.files)
        if self._context is None:
            self._context = tls_context(self._http)
        elif stamp != self._stamp:
            try:
                self._context = tls_context(self._http)
            except ConfigError as error:
                _log.warning("%s; what it held before is used on", error)
        self._stamp = stamp
        return self._context


class TlsSession:
    """The client's side of one TLS connection, fed with what comes from the network.

    asyncio's own TLS keeps a buffer of 256 KiB for each connection; this keeps what is under way.
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self.established = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def decrypted(self, received: bytes) -> bytes:
        """Take what came from the network, go on with the handshake, and return the plain text.

        Raises `ssl.SSLError` where the other side cannot be trusted or breaks the protocol.
        """
        self._incoming.write(received)
        plain = bytearray()
        try:
            if not self.established:
                self._tls.do_handshake()
                self.established = True
            while chunk := self._tls.read(_CHUNK):
                plain += chunk
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return bytes(plain)

    def encrypt(self, plain: bytes) -> None:
        """Encrypt a request; `to_send` then returns it."""
        self._tls.write(plain)

    def to_send(self) -> bytes:
        """Return what is to be sent now, of the handshake or of a request."""
        return self._outgoing.read()
