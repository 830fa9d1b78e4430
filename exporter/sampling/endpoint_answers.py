"""What a server's own endpoints answer about it: requested first, then read all together."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ..base.errors import FetchError, FetchReason
from ..engines.identity import endpoints
from ..fetch import HttpClient

MAX_BYTES: Final = 2**20
"""The largest answer that is read: decoded JSON takes up to thirty times its size in memory."""
_NO_ANSWER: Final[frozenset[FetchReason]] = frozenset({"connect", "timeout", "protocol"})
"""Why a request got no answer: the next one may."""
_TOO_MANY_REQUESTS: Final = 429


class _Failure(NamedTuple):
    """What a `FetchError` is made of: the error itself holds on to all that was at work."""

    reason: FetchReason
    message: str
    status: int = 0


class EndpointAnswers:
    """Answers by path; see `endpoint_answers`."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}
        self._failures: dict[str, _Failure] = {}

    async def add(self, client: HttpClient, base: str, path: str, timeout: float) -> bool:
        """Request a path and return whether it was answered."""
        try:
            response = await client.get(base + path, timeout, MAX_BYTES)
        except FetchError as error:
            self._failures[path] = _Failure(error.reason, str(error), error.status)
            return False
        self._bodies[path] = response.body
        return True

    @property
    def late(self) -> bool:
        """Whether a path was not answered in time."""
        return "timeout" in self._reasons

    @property
    def complete(self) -> bool:
        """Whether every path that was requested was answered, be it by a refusal."""
        return self._reasons.isdisjoint(_NO_ANSWER)

    @property
    def faults(self) -> Sequence[str]:
        """Why paths told nothing, a sentence each; a path that the server lacks is no fault."""
        return tuple(
            failure.message
            for failure in self._failures.values()
            if failure.reason != "http_status"
            or failure.status >= 500
            or failure.status == _TOO_MANY_REQUESTS
        )

    @property
    def _reasons(self) -> set[FetchReason]:
        return {failure.reason for failure in self._failures.values()}

    def get(self, path: str) -> bytes:
        """Return what a path answered; raises `FetchError` as its request did."""
        if path in self._bodies:
            return self._bodies[path]
        unasked = _Failure("http_status", f"{path} was not requested")
        raise FetchError(*self._failures.get(path, unasked))


async def endpoint_answers(
    client: HttpClient, base: str, engine: str, timeout: float
) -> EndpointAnswers:
    """Return the answers that the identity of an engine's server is read from.

    One request after another, each within `timeout` seconds, three or four in all. After one that
    was not answered in time no other is sent: a server that hangs would keep others waiting.
    """
    answers = EndpointAnswers()
    for paths in endpoints(engine):
        for path in paths:
            if answers.late or await answers.add(client, base, path, timeout):
                break
    return answers
