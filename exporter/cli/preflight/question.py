"""The options of the plan as they are written."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LiveQuestion:
    """What the plan is asked for of a fleet: durations in seconds, shares as they are written.

    `prometheus` is empty where there is none to ask.
    """

    prometheus: str
    model: str
    window: float
    effect: str
    margin: str
    http_config: Path | None
    headers: tuple[str, ...]
    keep_labels: tuple[str, ...]
    timeout: float
