"""What every round of a run shares."""

from dataclasses import dataclass, field
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
    boot: float = field(default=300.0)
    """Seconds that a server may take to start."""

    def patience(self) -> float:
        """Return how long to wait for a server now."""
        return max(0.0, min(self.boot, self.end - monotonic()))
