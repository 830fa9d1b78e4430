"""How the dashboards show a verdict: colours of its words, and columns of tables."""

from collections.abc import Mapping
from typing import Any, Final

from exporter.vocabulary.verdict import MEASURES, REASONS, VERDICTS, Measure, Verdict

from ..grafana.style import (
    BLUE,
    GREEN,
    NEUTRAL,
    RED,
    YELLOW,
    field_override,
    text_mapping,
)
from .shared import BACKGROUND_CELL

Json = dict[str, Any]

PERCENT_COLUMN: Final = {"unit": "percentunit", "decimals": 1}
_COLORS: Final[Mapping[Verdict, str]] = {
    "regression": RED,
    "improvement": BLUE,
    "equivalent": GREEN,
    "inconclusive": NEUTRAL,
    "not_comparable": NEUTRAL,
}


def panel_title(measure: Measure) -> str:
    """Return the title of a panel about a measure."""
    title = MEASURES[measure].title
    return title[0].upper() + title[1:]


def verdict_colors() -> list[Json]:
    """Return overrides that give each verdict its colour, whatever the measure before it."""
    return [
        field_override(
            f"/{verdict}$/", regex=True, color={"mode": "fixed", "fixedColor": _COLORS[verdict]}
        )
        for verdict in VERDICTS
    ]


def verdict_mapping() -> Json:
    """Return a mapping of verdicts, as texts in a table, to colours."""
    return text_mapping({verdict: (text, _COLORS[verdict]) for verdict, text in VERDICTS.items()})


def reason_mapping() -> Json:
    """Return a mapping of the reasons against a verdict to what to do about each."""
    return text_mapping({reason: (f"{reason}: {text}", YELLOW) for reason, text in REASONS.items()})


VERDICT_COLUMN: Final = {
    "mappings": [verdict_mapping()],
    "custom__cellOptions": BACKGROUND_CELL,
}
