"""GPU telemetry as families and samples of the metrics page."""

from collections.abc import Iterator

from ..engines.plan import Labels
from ..gpu.reading import GpuReading
from ..sampling.view import GpuView
from ..vocabulary.exporter import TELEMETRY
from ..vocabulary.family import PREFIX, Family
from ..vocabulary.gpu import FAMILIES
from .text import pairs


def gpu_families(telemetry: GpuView) -> Iterator[tuple[Family, list[str]]]:
    """Yield every GPU family of which something is known, with its lines.

    Thousands of GPUs are hundred thousands of lines: their labels are few and written once.
    """
    lines: dict[str, list[str]] = {}

    def write(family: str, labels: str, value: float | None) -> None:
        if value is not None:
            lines.setdefault(family, []).append(f"{PREFIX}{family}{{{labels}}} {value!r}\n")

    for source in telemetry.sources:
        labels = pairs((("source", source.name),))
        write("gpu_source_up", labels, float(source.up))
        write("gpu_reading_age_seconds", labels, source.age)
    texts: dict[Labels, str] = {}
    for uuid, gpu in telemetry.gpus.items():
        write("gpu_info", pairs(_info_labels(gpu)), 1.0)
        uuid_label = pairs((("uuid", uuid),))
        for (family, own_labels), value in gpu.values.items():
            if own_labels not in texts:
                texts[own_labels] = f",{pairs(own_labels)}" if own_labels else ""
            write(family, uuid_label + texts[own_labels], value)
    for published in (*TELEMETRY, *FAMILIES):
        if published.name in lines:
            yield published, lines[published.name]


def _info_labels(gpu: GpuReading) -> Labels:
    return (
        ("uuid", gpu.uuid),
        ("gpu_model", gpu.model),
        ("host", gpu.host),
        ("index", gpu.index),
        ("driver", gpu.driver),
        ("mig_profile", gpu.mig_profile),
        ("source", gpu.source),
    )
