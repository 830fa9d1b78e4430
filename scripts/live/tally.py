"""What the client knows of one life of a server: everything it was sent, and what came back."""

from dataclasses import dataclass, field
from http.client import HTTPConnection
from random import Random

from .checks import Check, between, equal
from .client import Client, Shape, complete, give_up
from .exporter import Page

SHAPE = Shape(prompt=320, output=64, shared=256)
"""The shared tokens fill whole blocks of any block size up to 256."""
_LONG = Shape(prompt=320, output=2000, shared=256)


@dataclass(slots=True)
class Tally:
    """Requests and tokens of a server since its start."""

    port: int
    model: str
    finished_has_aborted: bool
    """Whether the engine counts those that were given up among its finished requests."""
    finished: int = 0
    aborted: int = 0
    prompt_tokens: int = 0
    generated: int = 0
    received: int = 0
    """Tokens that came for aborted requests; the engine made these, and maybe some more."""
    chance: Random = field(default_factory=lambda: Random(1))

    @property
    def begun(self) -> int:
        """Requests that got a token."""
        return self.finished + self.aborted

    @property
    def unread(self) -> int:
        """The most tokens that an engine can have made for aborted requests."""
        return self.aborted * round(1.2 * _LONG.output)

    def warm(self, rank: int | None = None) -> None:
        """Send one request, to one data-parallel rank where named, so that it has the prefix."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=300)
        headers = {} if rank is None else {"X-data-parallel-rank": str(rank)}
        usage = complete(connection, SHAPE.body(self.model, self.chance), headers)
        connection.close()
        self.finished += 1
        self.prompt_tokens += usage["prompt_tokens"]
        self.generated += usage["completion_tokens"]

    def add(self, client: Client) -> None:
        """Add a load that has ended."""
        self.finished += client.done
        self.prompt_tokens += client.prompt_tokens
        self.generated += client.generated

    def give_up(self, requests: int) -> None:
        """Hang up on so many long requests after five tokens."""
        for _ in range(requests):
            self.received += give_up(self.port, _LONG.body(self.model, self.chance), after=5)
            self.prompt_tokens += _LONG.prompt
            self.aborted += 1

    def counts(self, where: str, page: Page, warmed: int = 1) -> list[Check]:
        """Check the counters of a server that has nothing left to do.

        `warmed` engines computed the prefix once each, before anything else was sent.
        """
        finished = self.begun if self.finished_has_aborted else self.finished
        hits = (self.begun - warmed) * SHAPE.shared
        least = self.generated + self.received
        most = self.generated + self.unread
        tokens = page.total("generation_tokens_total")
        return [
            equal(f"{where}: tokens generated", self.generated, tokens)
            if not self.aborted
            else between(f"{where}: tokens generated", least, most, tokens),
            equal(f"{where}: prompt tokens", self.prompt_tokens, page.total("prompt_tokens_total")),
            equal(f"{where}: requests finished", finished, page.total("requests_finished_total")),
            equal(
                f"{where}: tokens looked up in the prefix cache",
                self.prompt_tokens,
                page.total("prefix_cache_queried_tokens_total", cache="local"),
            ),
            equal(
                f"{where}: tokens found there",
                hits,
                page.total("prefix_cache_hit_tokens_total", cache="local"),
            ),
            equal(
                f"{where}: prompt tokens computed",
                self.prompt_tokens - hits,
                page.total("prompt_tokens_computed_total"),
            ),
        ]
