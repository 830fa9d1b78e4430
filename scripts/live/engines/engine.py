"""What is one engine's own: how it is served, and how it counts what was given up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ..checks import Check
from ..exporter import Page
from ..tally import Tally

Device = Literal["cpu", "cuda"]
SEQUENCES: Final = 16
"""The most requests that run at once."""
CONTEXT: Final = 4096
"""The most tokens of a request, prompt and answer."""


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine, the same fields for each."""

    name: str
    """Of its distribution, its module and its command, and what the exporter calls it."""
    title: str
    cpu_package: str
    """The distribution that has a build for CPUs."""
    script: str
    """The text of its console script."""
    arguments: Sequence[str]
    """What follows the script's name; the folder of the model comes next."""
    options: Mapping[Device, Sequence[str]]
    environment: Mapping[Device, Mapping[str, str]]
    ready_path: str
    """Answers once the model is loaded, and makes no work for the engine."""
    ranks: Sequence[str]
    """Options of two data-parallel engines, behind two API servers where it can have them."""
    ranks_environment: Mapping[Device, Mapping[str, str]]
    tokens_by_rank: str
    """The exporter's counter of generated tokens that is kept for each of them."""
    identity: Mapping[str, str]
    """Labels of `server_info` that are known beforehand, beside those of every engine."""
    start_time: bool
    """Whether its page tells when it started."""
    finished_has_aborted: bool
    """Whether its count of finished requests holds those that were given up."""
    aborts: Callable[[Tally, Page, Page], list[Check]]
    """Check what the exporter's page and the engine's own say of requests that were given up."""
