"""The record of an engine's load client, and what one call of it sends. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

Command = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """Requests to send: mean tokens, relative standard deviations, and tokens of one prefix of all.

    `prompt_spread` is of whole prompts.
    """

    model: str
    tokenizer: str
    prompt_tokens: int
    prompt_spread: float
    output_tokens: int
    output_spread: float
    prefix_tokens: int

    @property
    def own_tokens(self) -> int:
        """Tokens of a prompt behind the prefix."""
        return self.prompt_tokens - self.prefix_tokens

    @property
    def own_spread(self) -> float:
        """Relative standard deviation behind a prefix that is the same in all prompts."""
        return self.prompt_spread * self.prompt_tokens / self.own_tokens


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client: where to, `prompts` in all, `concurrency` of them at a time.

    `seed` is how it draws, `result` the file of what it measures, empty for none. The file is the
    last word of the command.
    """

    base_url: str
    prompts: int
    concurrency: int
    seed: int
    result: str = ""


@dataclass(frozen=True, slots=True)
class LoadClient:
    """A load client: `command` returns a call of it, `notes` what its load is not.

    `program` is what it runs and `since` the first release of the engine that knows all flags;
    `start` is how a server of the engine is started, from a model and a port.
    """

    program: str
    since: str
    command: Callable[[Shape, Call], Command]
    notes: Callable[[Shape], list[str]]
    start: Callable[[str, int], Command]
