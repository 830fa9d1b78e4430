"""What several dashboards draw alike: links between them, states and their colours."""

from typing import Any, Final

from ..grafana import uids
from ..grafana.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    YELLOW,
    Steps,
    fixed,
    link,
    looks,
    values,
)

Json = dict[str, Any]

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

GOOD_IF_HIGH: Final[Steps] = ((RED, None), (YELLOW, 0.99), (GREEN, 0.999))
FULL: Final[Steps] = ((GREEN, None), (YELLOW, 0.8), (RED, 0.95))
NONE_WANTED: Final[Steps] = ((GREEN, None), (RED, 1))
EACH_SECOND: Final = "suffix: /s"
TOKENS: Final = "si:tok/s"
RATIO_CELL: Final[Steps] = (
    ("transparent", None),
    (RED, 0.001),
    (YELLOW, 0.95),
    (GREEN, 0.98),
)

UP: Final = values({1: ("up", GREEN), 0: ("down", RED)})
BOUNDS: Final = {
    "demand": GREEN,
    "sequences": YELLOW,
    "token_budget": ORANGE,
    "kv_cache": RED,
}
VERDICTS: Final = {
    "regression": RED,
    "improvement": BLUE,
    "equivalent": GREEN,
    "inconclusive": YELLOW,
    "not_comparable": GREY,
}


def bound_colors() -> list[Json]:
    """Return overrides that give each bound its colour."""
    return [fixed(name, color) for name, color in BOUNDS.items()]


def verdict_colors() -> list[Json]:
    """Return overrides that give each verdict its colour, whatever the measure before it."""
    return [
        looks(f"/{name}$/", regex=True, color={"mode": "fixed", "fixedColor": color})
        for name, color in VERDICTS.items()
    ]


def verdict_cells() -> Json:
    """Return a mapping of verdicts, as texts in a table, to colours."""
    return {
        "type": "value",
        "options": {
            name: {"text": name.replace("_", " "), "color": color, "index": i}
            for i, (name, color) in enumerate(VERDICTS.items())
        },
    }


REASONS: Final = {
    "servers": "too few servers: upgrade more, or wait",
    "coverage": "the releases ran at other loads: send them the same traffic",
    "overlap": "too little time at equal load: wait",
    "meaning": "the numbers changed their meaning between the releases: see below",
    "no_servers_beside": "no server of the baseline runs beside it to compare traffic with",
}


def reason_cells() -> Json:
    """Return a mapping of the reasons against a verdict to what to do about each."""
    return {
        "type": "value",
        "options": {
            name: {"text": f"{name}: {what}", "color": YELLOW, "index": i}
            for i, (name, what) in enumerate(REASONS.items())
        },
    }


BACKGROUND: Final[Json] = {"type": "color-background", "mode": "basic"}
GAUGE: Final[Json] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
