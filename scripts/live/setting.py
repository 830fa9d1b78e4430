"""What every round of a run shares."""

from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from .engines.installation import Installation
from .tally import Tally


@dataclass(frozen=True, slots=True)
class Setting:
    """The installed engine, the folders, and until when (monotonic seconds) the run may go on."""

    installation: Installation
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

    def tally(self, port: int) -> Tally:
        """Return a tally of a server that has just been started."""
        engine = self.installation.engine
        return Tally(port, self.installation.model, engine.finished_has_aborted)
