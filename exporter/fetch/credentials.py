"""The Authorization header of a section, from files that hold the secrets.

A server may send it back: it is taken out of answers before their text can be shown or logged.
"""

import asyncio
import binascii
import json
import re
from base64 import b64decode, b64encode
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from time import monotonic
from typing import Final
from urllib.parse import quote, quote_plus

from ..base.errors import CredentialsError
from ..base.event_loop import in_thread
from ..config import HttpSettings

_REDACTED: Final = "[redacted]"
_TELLING: Final = 12
"""A shorter secret may be a word of any page; it is taken out only behind its scheme."""
_PREFIX: Final = 8
_ESCAPE: Final = re.compile("%[0-9A-F]{2}")
_KEPT_SECONDS: Final = 1.0
"""A thread for each request would cost more CPU than many a page."""


def authorization_header(http: HttpSettings) -> str | None:
    """Return the Authorization header for a section, None where it has no credentials.

    Its files are read, since secrets are rotated. Raises `CredentialsError`: what a library
    raises over a header it cannot send would put the secret itself into logs.
    """
    if http.bearer_token_file:
        token = _secret(http.bearer_token_file)
        if not token.isascii():
            raise CredentialsError(f"{http.bearer_token_file} holds no token: tokens are ASCII")
        return f"Bearer {token}"
    if http.basic_auth:
        password = _secret(http.basic_auth.password_file)
        pair = f"{http.basic_auth.username}:{password}"
        return f"Basic {b64encode(pair.encode()).decode()}"
    return None


class Credentials:
    """The Authorization header of a section, for the tasks of one event loop.

    It is read in a thread: where the file system hangs, the requests of the section fail at their
    deadlines, and no others. All who wait share one read, and so do the requests of a second.
    """

    def __init__(self, http: HttpSettings) -> None:
        self._http = http
        self._header: str | None = None
        self._renewal = 0.0
        self._read: asyncio.Task[None] | None = None

    async def header(self, deadline: float) -> str | None:
        """Return the header, None where there are no credentials; raise `CredentialsError`."""
        path = self._http.bearer_token_file
        if self._http.basic_auth:
            path = self._http.basic_auth.password_file
        if path is None or monotonic() < self._renewal:
            return self._header
        if self._read is None:
            self._read = asyncio.create_task(self._renew())
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.shield(self._read)
            return self._header
        except TimeoutError:
            fault = "its file system does not answer"
        except OSError as error:
            fault = str(error)
        raise CredentialsError(f"{path} with the credentials cannot be read: {fault}")

    async def _renew(self) -> None:
        try:
            self._header = await in_thread(lambda: authorization_header(self._http), "credentials")
            self._renewal = monotonic() + _KEPT_SECONDS
        finally:
            self._read = None


def _secret(path: Path) -> str:
    try:
        # a pipe would hold every server's requests until somebody writes
        if not S_ISREG(path.stat().st_mode):
            raise CredentialsError(f"{path} with the credentials is no regular file")
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CredentialsError(
            f"{path} with the credentials cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError:
        raise CredentialsError(f"{path} with the credentials is not UTF-8 text") from None
    if not secret.isprintable():
        raise CredentialsError(f"{path} must hold the credentials alone, on one line")
    return secret


def redacted_body(body: bytes, authorization: str | None) -> bytes:
    """Return a body without the credentials of the request that it answers."""
    for secret in _secrets(authorization):
        body = body.replace(secret.encode(), _REDACTED.encode())
    return body


def redacted_text(text: str, authorization: str | None) -> str:
    """Return a sentence that quotes an answer without credentials.

    It may hold the beginning of a secret alone, or all of it in other case.
    """
    secrets = [secret.lower() for secret in _secrets(authorization)]
    prefix, rest = "", text
    while starts := [at for each in secrets if (at := rest.lower().find(each[:_PREFIX])) >= 0]:
        start = min(starts)
        end = start + max(_common(rest[start:].lower(), secret) for secret in secrets)
        prefix, rest = prefix + rest[:start] + _REDACTED, rest[end:]
    return prefix + rest


def _common(a: str, b: str) -> int:
    """Return how many characters two texts begin with alike."""
    differing = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return next(differing, min(len(a), len(b)))


@lru_cache(maxsize=16)
def _secrets(authorization: str | None) -> tuple[str, ...]:
    """Return a header, what follows its scheme, and the password in that, in every form."""
    if not authorization:
        return ()
    scheme, _, credentials = authorization.partition(" ")
    password = ""
    if scheme == "Basic":
        try:
            password = b64decode(credentials).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            password = ""
    telling = (secret for secret in (credentials, password) if len(secret) >= _TELLING)
    return tuple(form for secret in (authorization, *telling) for form in _forms(secret))


def _forms(secret: str) -> list[str]:
    """Return a secret as it is and as JSON and URLs write it, the longest first."""
    quoted = {quote(secret, safe) for safe in ("", "/", "!'()*")} | {quote_plus(secret)}
    escaped = {json.dumps(secret, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    forms = {
        secret,
        *quoted,
        *(_ESCAPE.sub(lambda escape: escape[0].lower(), form) for form in quoted),
        *escaped,
        *(form.replace("/", "\\/") for form in escaped),
    }
    return sorted(forms, key=len, reverse=True)
