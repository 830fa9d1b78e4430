"""Credentials that a server sends back: taken out before its text can be shown or logged."""

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import Final

_REDACTED: Final = "[redacted]"
_TELLING: Final = 12
"""A shorter secret may be a word of any page; it is taken out only behind its scheme."""
_PREFIX: Final = 8


def redacted_body(body: bytes, authorization: str | None) -> bytes:
    """Return a body without the credentials of the request that it answers."""
    for secret in _secrets(authorization):
        body = body.replace(secret.encode(), _REDACTED.encode())
    return body


def redacted_text(text: str, authorization: str | None) -> str:
    """Return a sentence that quotes an answer without credentials.

    It may hold the beginning of a secret alone, or all of it in other case.
    """
    for secret in map(str.lower, _secrets(authorization)):
        start = text.lower().find(secret[:_PREFIX])
        while start >= 0:
            end = start + _common(text[start:].lower(), secret)
            text = text[:start] + _REDACTED + text[end:]
            start = text.lower().find(secret[:_PREFIX], start + len(_REDACTED))
    return text


def _common(a: str, b: str) -> int:
    """Return how many characters two texts begin with alike."""
    differing = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return next(differing, min(len(a), len(b)))


def _secrets(authorization: str | None) -> Iterator[str]:
    """Yield a header, what follows its scheme, and the password in that."""
    if not authorization:
        return
    scheme, _, credentials = authorization.partition(" ")
    yield authorization
    password = ""
    if scheme == "Basic":
        try:
            password = b64decode(credentials).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            password = ""
    yield from (secret for secret in (credentials, password) if len(secret) >= _TELLING)
