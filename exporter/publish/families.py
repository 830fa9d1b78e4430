"""Every family that is published, by the sections of its reference."""

from dataclasses import dataclass
from typing import Final

from ..derive.figures import ENGINE_FAMILIES
from ..derive.figures import FAMILIES as FIGURES
from ..vocabulary.engine import FAMILIES as ENGINE
from ..vocabulary.exporter import (
    ENGINE_NO_PROGRESS,
    ENGINE_STALLED,
    EXPORTER,
    IDENTITY,
    JUDGE,
    LOAD,
    LOAD_EXCLUDED,
    SERIES_LEFT_OUT,
    TARGET,
    TELEMETRY,
)
from ..vocabulary.family import Family
from ..vocabulary.gpu import FAMILIES as GPU


@dataclass(frozen=True, slots=True)
class Section:
    """Families that are documented together, with what holds for all of them.

    `{measures}` in a text stands for the measures that a comparison judges.
    """

    title: str
    text: str
    families: tuple[Family, ...]


SECTIONS: Final = (
    Section("The exporter", "No `target` label.", EXPORTER),
    Section(
        "Each server's reading", "Shown for every target, up or not.", (*TARGET, SERIES_LEFT_OUT)
    ),
    Section(
        "The server's identity",
        "Shown while the reading is fresh, once the server has answered what it is.",
        IDENTITY,
    ),
    Section(
        "Figures over the last window",
        "For people and autoscalers without PromQL; the counters below remain the truth.",
        (*FIGURES, *ENGINE_FAMILIES, ENGINE_STALLED, ENGINE_NO_PROGRESS),
    ),
    Section(
        "Load cells",
        "Each engine's work by the decode batch it ran under: [what they are for](load-cells.md). "
        "Beside `target`: `engine_index` and `model` as below. A cell is there once it was "
        "visited.",
        (*LOAD.values(), LOAD_EXCLUDED),
    ),
    Section(
        "Upgrade verdicts",
        "Published by an exporter that has [`judge`](configuration.md#keys) in its configuration, "
        "or by [`inferfleet judge`](compare.md) beside it; no `target` label. "
        "`measure` is one of {measures}.",
        JUDGE,
    ),
    Section(
        "The engine's own series",
        "One vocabulary for every engine and release. Beside `target`: `engine_index` (the "
        "data-parallel rank, or the labels by which the page tells its engines apart, as in "
        "`worker_addr=http://10.0.0.7:30000`) and `model`, where the page gives them. Histograms "
        "keep the engine's own buckets. What an engine does not give is absent, never 0. "
        "[The engines' own names](support.md#raw-names-by-engine) that each is read from.",
        ENGINE,
    ),
    Section(
        "GPU sources",
        "No `target` label; see [GPUs](gpu.md).",
        TELEMETRY,
    ),
    Section(
        "GPUs",
        "From whichever source has them, each by `uuid`; `inferfleet_server_gpu_info` ties them "
        "to servers.",
        GPU,
    ),
)

PUBLISHED: Final = tuple(family for section in SECTIONS for family in section.families)
"""Every family, canonical ones included."""
