"""GPU telemetry as families and samples of the metrics page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .engines.canonical import Family
from .engines.plan import Labels
from .gpu.canonical import FAMILIES
from .gpu.reading import GpuReading
from .gpu.telemetry import SourceState
from .publish_text import pairs
from .vocabulary import PREFIX, TELEMETRY


@dataclass(frozen=True, slots=True)
class ShownGpus:
    """GPU telemetry as one page shows it: every fresh reading by UUID, and how its sources do."""

    gpus: Mapping[str, GpuReading] = field(default_factory=dict)
    sources: Sequence[SourceState] = ()


def gpu_families(telemetry: ShownGpus) -> Iterator[tuple[Family, list[str]]]:
    """Yield every GPU family of which something is known, with its lines.

    Thousands of GPUs are hundred thousands of lines: their labels are few and spelled once.
    """
    lines: dict[str, list[str]] = {}

    def write(family: str, labels: str, value: float | None) -> None:
        if value is not None:
            lines.setdefault(family, []).append(f"{PREFIX}{family}{{{labels}}} {value!r}\n")

    for source in telemetry.sources:
        labels = pairs((("source", source.name),))
        write("gpu_source_up", labels, float(source.up))
        write("gpu_reading_age_seconds", labels, source.age)
    spelled: dict[Labels, str] = {}
    for uuid, gpu in telemetry.gpus.items():
        write("gpu_info", pairs(_who(gpu)), 1.0)
        named = pairs((("uuid", uuid),))
        for (family, own), value in gpu.values.items():
            if own not in spelled:
                spelled[own] = f",{pairs(own)}" if own else ""
            write(family, named + spelled[own], value)
    for known in (*TELEMETRY, *FAMILIES):
        if known.name in lines:
            yield known, lines[known.name]


def _who(gpu: GpuReading) -> Labels:
    return (
        ("uuid", gpu.uuid),
        ("gpu_model", gpu.model),
        ("host", gpu.host),
        ("index", gpu.index),
        ("driver", gpu.driver),
        ("mig_profile", gpu.mig_profile),
        ("source", gpu.source),
    )
