"""What several dashboards draw alike: links between them, states and their colours."""

from collections.abc import Mapping
from typing import Any, Final

from exporter.vocabulary.verdict import REASONS, VERDICTS, Verdict

from ..grafana import uids
from ..grafana.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    YELLOW,
    Thresholds,
    color_override,
    field_override,
    link,
    value_mapping,
)

Json = dict[str, Any]

THIRD: Final = (8, 8)
"""The size of a panel of which three stand side by side."""

TO_SERVER: Final = link("This server", uids.SERVER, target="${__field.labels.target}")
TO_UPGRADE: Final = link("Compare this release", uids.UPGRADE, release="${__field.labels.release}")
ROW_TO_SERVER: Final = link(
    "This server",
    uids.SERVER,
    instance="${__data.fields.Exporter}",
    target="${__data.fields.Server}",
)
ROW_TO_GPU: Final = link("Its GPUs", uids.GPU, target="${__data.fields.Server}")
ROW_TO_UPGRADE: Final = link(
    "Compare this release",
    uids.UPGRADE,
    release="${__data.fields.Release}",
    model="${__data.fields.Model}",
)

ATTAINMENT_THRESHOLDS: Final[Thresholds] = ((RED, None), (YELLOW, 0.99), (GREEN, 0.999))
FULLNESS_THRESHOLDS: Final[Thresholds] = ((GREEN, None), (YELLOW, 0.8), (RED, 0.95))
ERROR_THRESHOLDS: Final[Thresholds] = ((GREEN, None), (RED, 1))
PER_SECOND: Final = "suffix: /s"
TOKENS_PER_SECOND: Final = "si:tok/s"
RATIO_THRESHOLDS: Final[Thresholds] = (
    ("transparent", None),
    (RED, 0.001),
    (YELLOW, 0.95),
    (GREEN, 0.98),
)

UP: Final = value_mapping({1: ("up", GREEN), 0: ("down", RED)})
BOUNDS: Final = {
    "demand": GREEN,
    "sequences": YELLOW,
    "token_budget": ORANGE,
    "kv_cache": RED,
}
VERDICT_COLORS: Final[Mapping[Verdict, str]] = {
    "regression": RED,
    "improvement": BLUE,
    "equivalent": GREEN,
    "inconclusive": YELLOW,
    "not_comparable": GREY,
}


def bound_colors() -> list[Json]:
    """Return overrides that give each bound its colour."""
    return [color_override(name, color) for name, color in BOUNDS.items()]


def verdict_colors() -> list[Json]:
    """Return overrides that give each verdict its colour, whatever the measure before it."""
    return [
        field_override(f"/{name}$/", regex=True, color={"mode": "fixed", "fixedColor": color})
        for name, color in VERDICT_COLORS.items()
    ]


def verdict_cells() -> Json:
    """Return a mapping of verdicts, as texts in a table, to colours."""
    return {
        "type": "value",
        "options": {
            name: {"text": VERDICTS[name], "color": color, "index": i}
            for i, (name, color) in enumerate(VERDICT_COLORS.items())
        },
    }


def reason_cells() -> Json:
    """Return a mapping of the reasons against a verdict to what to do about each."""
    return {
        "type": "value",
        "options": {
            name: {"text": f"{name}: {text}", "color": YELLOW, "index": i}
            for i, (name, text) in enumerate(REASONS.items())
        },
    }


BACKGROUND_CELL: Final[Json] = {"type": "color-background", "mode": "basic"}
GAUGE_CELL: Final[Json] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
