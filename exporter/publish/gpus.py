"""GPU telemetry as families and samples of the metrics page."""

import logging
from collections.abc import Iterator

from ..base.untrusted import is_unicode, one_line
from ..engines.plan import Labels
from ..gpu.reading import GpuReading
from ..sampling.view import GpuView
from ..vocabulary.exporter import TELEMETRY
from ..vocabulary.family import PREFIX, Family
from ..vocabulary.gpu import FAMILIES
from .text import pairs

log = logging.getLogger(__name__)


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
        try:
            info, uuid_label = _text(_info_labels(gpu)), _text((("uuid", uuid),))
            for _, own_labels in gpu.values:
                if own_labels not in texts:
                    texts[own_labels] = f",{_text(own_labels)}" if own_labels else ""
        except Exception as error:
            log.error("GPU %s is left out of the page", one_line(uuid), exc_info=error)
            continue
        write("gpu_info", info, 1.0)
        for (family, own_labels), value in gpu.values.items():
            write(family, uuid_label + texts[own_labels], value)
    for published in (*TELEMETRY, *FAMILIES):
        if published.name in lines:
            yield published, lines[published.name]


def _text(labels: Labels) -> str:
    text = pairs(labels)
    if not is_unicode(text):
        raise ValueError(f"a label is not Unicode: {one_line(text)}")
    return text


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
