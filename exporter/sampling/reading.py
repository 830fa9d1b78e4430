"""What is known of a server after its latest sample, and how its samples went."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..derive.figure import Figures
from ..derive.meter import LoadCells
from ..engines.identity import Identity
from ..engines.plan import Snapshot
from ..gpu.attribution import Link
from .stall_watch import Stalls

STALE_AFTER_MISSES: Final = 2


@dataclass(frozen=True, slots=True)
class ServerReading:
    """A server after its latest sample; replaced whole, never changed.

    `engine_figures` are by `engine_index`, and empty where the server is one engine.

    `time` is when the last good page came (monotonic seconds, None before the first); `error` and
    `reason` say why the samples since then failed, `misses` how many of them did. `link` names the
    GPUs under the server, where telemetry ties any to it, and `gpu_problem` says why it does not,
    half a sentence. `latency_faults` counts by family how often a latency's sum was corrected.
    """

    time: float | None = None
    misses: int = 0
    error: str = ""
    reason: str = ""
    duration: float = 0.0
    page_bytes: int = 0
    page_samples: int = 0
    snapshot: Snapshot | None = None
    identity: Identity | None = None
    figures: Figures = field(default_factory=dict)
    engine_figures: Mapping[str, Figures] = field(default_factory=dict)
    load: LoadCells = field(default_factory=LoadCells)
    latency_faults: Mapping[str, int] = field(default_factory=dict)
    stalls: Stalls = field(default_factory=Stalls)
    link: Link | None = None
    gpu_problem: str = ""

    def fresh(self, now: float, interval: float, timeout: float) -> bool:
        """Whether the data may be shown as live: fewer than two samples missed."""
        return (
            self.time is not None
            and self.misses < STALE_AFTER_MISSES
            and now - self.time <= STALE_AFTER_MISSES * interval + timeout
        )


@dataclass(slots=True)
class SampleCounts:
    """Samples taken, failed (by reason) and skipped because the one before had not ended."""

    scrapes: int = 0
    skipped: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def skip(self, samples: int) -> None:
        """Count samples that could not begin."""
        self.skipped += samples
