"""GPU telemetry as families and samples of the metrics page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .engines.canonical import Family
from .engines.plan import Labels
from .gpu.canonical import FAMILIES
from .gpu.reading import GpuReading
from .gpu.telemetry import SourceState
from .vocabulary import TELEMETRY

Samples = list[tuple[Labels, float | None]]


@dataclass(frozen=True, slots=True)
class ShownGpus:
    """GPU telemetry as one page shows it: every fresh reading by UUID, and how its sources do."""

    gpus: Mapping[str, GpuReading] = field(default_factory=dict)
    sources: Sequence[SourceState] = ()


def gpu_families(telemetry: ShownGpus) -> Iterator[tuple[Family, Samples]]:
    """Yield every GPU family with its samples, none where nothing is known."""
    sources = [((("source", one.name),), one) for one in telemetry.sources]
    samples: dict[str, Samples] = {
        "gpu_source_up": [(labels, float(one.up)) for labels, one in sources],
        "gpu_reading_age_seconds": [(labels, one.age) for labels, one in sources],
        "gpu_info": [(_who(gpu), 1.0) for gpu in telemetry.gpus.values()],
    }
    for uuid, gpu in telemetry.gpus.items():
        for (family, labels), value in gpu.values.items():
            samples.setdefault(family, []).append(((("uuid", uuid), *labels), value))
    for known in (*TELEMETRY, *FAMILIES):
        yield known, samples.get(known.name, [])


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
