"""What one page shows: every server and GPU with its reading at the moment of asking."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..gpu.reading import GpuReading
from ..gpu.telemetry import SourceState
from .reading import ServerReading
from .served_model import ServedModel


@dataclass(frozen=True, slots=True)
class ServerView:
    """A server as one page shows it: its reading at the moment, and whether that is fresh."""

    server: ServedModel
    reading: ServerReading
    live: bool
    now: float


@dataclass(frozen=True, slots=True)
class GpuView:
    """GPU telemetry as one page shows it: every fresh reading by UUID, and its sources."""

    gpus: Mapping[str, GpuReading] = field(default_factory=dict)
    sources: Sequence[SourceState] = ()
