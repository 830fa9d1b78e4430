"""Basic authentication against bcrypt hashes.

A wrong name costs as much time as a wrong password, one hash is computed at a time so that guesses
cannot take every core, and a correct password is cached for as long as it is used: bcrypt is slow
on purpose and Prometheus scrapes every few seconds, so guesses that queue must delay no scrape.
"""

import asyncio
import binascii
import re
import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from hashlib import blake2b
from secrets import token_bytes
from typing import Final

from ..base.errors import ConfigError
from ..base.event_loop import in_thread

_HASH: Final = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_CACHE_SECONDS: Final = 300.0
_BCRYPT_BYTES: Final = 72

PasswordCheck = Callable[[bytes, bytes], bool]


def is_bcrypt(stored: str) -> bool:
    """Whether a text is a bcrypt hash."""
    return _HASH.fullmatch(stored) is not None


def bcrypt_check() -> PasswordCheck:
    """Return bcrypt's (password, hash) check, or raise `ConfigError` where it is not installed."""
    try:
        import bcrypt
    except ImportError as error:
        raise ConfigError(
            'basic_auth_users needs bcrypt, which is not installed: pip install "inferfleet[auth]"'
        ) from error
    check: PasswordCheck = bcrypt.checkpw
    return check


def credentials(header: str) -> tuple[str, bytes] | None:
    """Return user and password of an Authorization header, None where it holds none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


class BasicAuthenticator:
    """Checks Authorization headers. `check` is bcrypt's; `clock` returns monotonic seconds."""

    def __init__(self, check: PasswordCheck, clock: Callable[[], float] = time.monotonic) -> None:
        self._check = check
        self._clock = clock
        self._hash_lock = asyncio.Lock()
        self._secret = token_bytes(32)
        self._valid_until: dict[bytes, float] = {}

    async def is_valid(self, header: str, users: Mapping[str, str]) -> bool:
        """Whether the header names one of the users (name to bcrypt hash) and its password."""
        pair = credentials(header)
        if pair is None:
            return False
        user, password = pair
        stored = users.get(user)
        password_hash = (stored or next(iter(users.values()))).encode()
        key = self._key(user.encode(), password_hash, password)
        if stored and self._valid_until.get(key, 0.0) > self._clock():
            self._cache(key)
            return True
        async with self._hash_lock:
            # As in every implementation of bcrypt, only the first 72 bytes of a password count.
            correct = await in_thread(
                lambda: self._check(password[:_BCRYPT_BYTES], password_hash), "password"
            )
        if not correct or stored is None:
            return False
        self._cache(key)
        return True

    def _key(self, *parts: bytes) -> bytes:
        """Return a digest of user, hash and password; a changed hash misses the cache."""
        digest = blake2b(key=self._secret)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def _cache(self, key: bytes) -> None:
        now = self._clock()
        valid = {old: until for old, until in self._valid_until.copy().items() if until > now}
        self._valid_until = {**valid, key: now + _CACHE_SECONDS}
