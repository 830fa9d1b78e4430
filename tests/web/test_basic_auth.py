"""Basic authentication with a hash check of the tests' own, so that calls can be counted."""

import asyncio
import sys
from base64 import b64encode
from collections.abc import Mapping
from threading import Event, active_count

import pytest

from exporter.base.errors import ConfigError
from exporter.web.basic_auth import BasicAuthenticator, bcrypt_check, credentials, is_bcrypt
from tests.loop import run

HASH = "$2y$10$" + "a" * 53
USERS = {"alice": "hash of secret", "bob": "hash of other"}


def basic(user: str, password: str) -> str:
    """Return the header a client sends."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def is_valid(authenticator: BasicAuthenticator, header: str, users: Mapping[str, str]) -> bool:
    return run(authenticator.is_valid(header, users))


class Checker:
    """Knows a password by its hash's name, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        self.now = 0.0

    def __call__(self, password: bytes, stored: bytes) -> bool:
        self.asked.append((password, stored))
        return stored == b"hash of " + password

    def authenticator(self) -> BasicAuthenticator:
        return BasicAuthenticator(self, lambda: self.now)


def test_admits_the_right_password_only() -> None:
    authenticator = Checker().authenticator()
    assert is_valid(authenticator, basic("alice", "secret"), USERS)
    assert is_valid(authenticator, basic("bob", "other"), USERS)
    assert not is_valid(authenticator, basic("alice", "other"), USERS)
    assert not is_valid(authenticator, basic("alice", ""), USERS)
    assert not is_valid(authenticator, "", USERS)


def test_an_unknown_user_costs_a_check_and_is_never_admitted() -> None:
    checker = Checker()
    authenticator = checker.authenticator()
    assert not is_valid(authenticator, basic("mallory", "secret"), USERS)
    assert not is_valid(authenticator, basic("mallory", "secret"), USERS)
    assert len(checker.asked) == 2


def test_a_right_password_is_remembered_for_as_long_as_it_is_used() -> None:
    checker = Checker()
    authenticator = checker.authenticator()
    for checker.now in (0.0, 200.0, 400.0):
        assert is_valid(authenticator, basic("alice", "secret"), USERS)
    assert len(checker.asked) == 1
    checker.now = 701.0
    assert is_valid(authenticator, basic("alice", "secret"), USERS)
    assert len(checker.asked) == 2


def test_guesses_that_wait_their_turn_delay_nobody_who_is_known() -> None:
    guessing, leave = Event(), Event()

    def check(password: bytes, stored: bytes) -> bool:
        if password == b"guess":
            guessing.set()
            assert leave.wait(10)
        return stored == b"hash of " + password

    authenticator = BasicAuthenticator(check)
    assert is_valid(authenticator, basic("alice", "secret"), USERS)

    async def guess_and_ask() -> list[bool]:
        guesses = [
            asyncio.create_task(authenticator.is_valid(basic("alice", "guess"), USERS))
            for _ in range(50)
        ]
        await asyncio.sleep(0)
        before = active_count()
        known = await authenticator.is_valid(basic("alice", "secret"), USERS)
        assert active_count() <= before + 1
        assert not any(guess.done() for guess in guesses)
        leave.set()
        return [known, *(await asyncio.gather(*guesses))]

    assert run(guess_and_ask()) == [True] + [False] * 50
    assert guessing.is_set()


def test_a_wrong_password_is_checked_each_time() -> None:
    checker = Checker()
    authenticator = checker.authenticator()
    assert not any(is_valid(authenticator, basic("alice", "guess"), USERS) for _ in range(3))
    assert len(checker.asked) == 3


def test_a_changed_hash_forgets_at_once() -> None:
    authenticator = Checker().authenticator()
    assert is_valid(authenticator, basic("alice", "secret"), USERS)
    assert not is_valid(authenticator, basic("alice", "secret"), {"alice": "hash of new"})
    assert not is_valid(authenticator, basic("alice", "secret"), {"bob": "hash of other"})


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !!!", "Bearer YTpi", "Basic YQ==", "Basic /zph", "Basic é"]
)
def test_unreadable_credentials_are_none(header: str) -> None:
    assert credentials(header) is None


def test_a_password_may_hold_colons_and_the_scheme_any_case() -> None:
    assert credentials(basic("a", "b:c").replace("Basic", "bAsIc")) == ("a", b"b:c")


@pytest.mark.parametrize("stored", [HASH, HASH.replace("2y", "2a"), HASH.replace("2y", "2b")])
def test_knows_a_bcrypt_hash(stored: str) -> None:
    assert is_bcrypt(stored)


@pytest.mark.parametrize(
    "stored", ["", "secret", HASH[:-1], HASH + "a", HASH.replace("$10", "$99"), HASH + "\n"]
)
def test_knows_what_is_no_bcrypt_hash(stored: str) -> None:
    assert not is_bcrypt(stored)


def test_missing_bcrypt_is_said_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(ConfigError, match=r'pip install "inferfleet\[auth\]"'):
        bcrypt_check()


def test_real_hashes_match_whatever_the_length_of_the_password() -> None:
    bcrypt = pytest.importorskip("bcrypt", reason="bcrypt is not installed")
    authenticator = BasicAuthenticator(bcrypt_check())
    users = {"alice": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()}
    assert is_valid(authenticator, basic("alice", "x" * 72), users)
    assert is_valid(authenticator, basic("alice", "x" * 100), users)
    assert not is_valid(authenticator, basic("alice", "y" * 100), users)
