"""What several dashboards draw alike: links between them, thresholds, units and cells."""

from typing import Any, Final

from alerts.values import Objectives

from ..grafana import uids
from ..grafana.style import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Thresholds,
    absolute_thresholds,
    color_override,
    field_override,
    link,
    value_mapping,
)
from ..queries.server import BOUNDS

Json = dict[str, Any]

THIRD: Final = (8, 8)
"""The size of a panel of which three stand side by side."""

TO_SERVER: Final = link(
    "This server",
    uids.SERVER,
    cluster="${__field.labels.cluster}",
    target="${__field.labels.target}",
)
TO_UPGRADE: Final = link(
    "Compare this release",
    uids.UPGRADE,
    cluster="${__field.labels.cluster}",
    release="${__field.labels.release}",
)
ROW_TO_SERVER: Final = link(
    "This server",
    uids.SERVER,
    cluster="${__data.fields.Cluster}",
    instance="${__data.fields.Exporter}",
    target="${__data.fields.Server}",
)
ROW_TO_GPU: Final = link("Its GPUs", uids.GPU, target="${__data.fields.Server}")
ROW_TO_UPGRADE: Final = link(
    "Compare this release",
    uids.UPGRADE,
    cluster="${__data.fields.Cluster}",
    baseline="${__data.fields.Against}",
    release="${__data.fields.Release}",
    model="${__data.fields.Model}",
)

FULLNESS_THRESHOLDS: Final[Thresholds] = ((GREEN, None), (YELLOW, 0.8), (RED, 0.95))
ERROR_THRESHOLDS: Final[Thresholds] = ((GREEN, None), (RED, 1))
PER_SECOND: Final = "suffix: /s"
TOKENS_PER_SECOND: Final = "si:tok/s"
UP: Final = value_mapping({1: ("up", GREEN), 0: ("down", RED)})
STATE: Final = value_mapping({1: ("up", GREEN), 0: ("down", RED), 2: ("loading", BLUE)})
BOUND_COLORS: Final = dict(zip(BOUNDS, (GREEN, YELLOW, ORANGE, RED), strict=True))


def bound_colors() -> list[Json]:
    """Return overrides that give each bound its colour."""
    return [color_override(name, color) for name, color in BOUND_COLORS.items()]


def attainment_thresholds(slo: Objectives, name: str) -> Thresholds:
    """Return the colours of a share of good events: green from its objective on.

    Red is where the budget burns fast enough to wake someone.
    """
    return _thresholds(slo, getattr(slo, name).objective)


def attainment_overrides(slo: Objectives, name: str) -> list[Json]:
    """Return the colours of models with an objective of their own, by the name of their series."""
    overrides = []
    # rules take the first pattern that matches, Grafana the last
    for special in reversed(slo.models):
        objective = (getattr(special, name) or getattr(slo, name)).objective
        overrides.append(
            field_override(
                f"/^({special.model})( |$)/",
                regex=True,
                thresholds=absolute_thresholds(_thresholds(slo, objective)),
            )
        )
    return overrides


def failure_thresholds(slo: Objectives, name: str) -> Thresholds:
    """Return the colours of a share of bad events: yellow from what its objective allows on."""
    allowed = 1 - getattr(slo, name).objective
    urgent = min(burn.factor for burn in slo.fast) * allowed
    return ((GREEN, None), (YELLOW, round(allowed, 6)), (RED, round(urgent, 6)))


def _thresholds(slo: Objectives, objective: float) -> Thresholds:
    urgent = 1 - min(burn.factor for burn in slo.fast) * (1 - objective)
    return ((RED, None), (YELLOW, round(urgent, 6)), (GREEN, objective))


BACKGROUND_CELL: Final[Json] = {"type": "color-background", "mode": "basic"}
GAUGE_CELL: Final[Json] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
