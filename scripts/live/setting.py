"""What every round of a run shares."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from .vllm import Vllm


@dataclass(frozen=True, slots=True)
class Setting:
    """The engine, the folders, and until when (monotonic seconds) the run may go on."""

    engine: Vllm
    version: str
    model: Path
    out: Path
    exporter_path: str
    end: float
    seconds: float = 25.0
    concurrency: int = 8

    def patience(self) -> float:
        """Return how many seconds to wait for a server now."""
        return max(0.0, self.end - monotonic())
