"""How panels look, as plain data: colours, thresholds, mappings, overrides and links."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]
Thresholds = Sequence[tuple[str, float | None]]

GREEN: Final = "green"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
RED: Final = "red"
BLUE: Final = "blue"
GREY: Final = "text"
NEUTRAL: Final = "#7b8087"
"""A background that says neither good nor bad, readable in both themes."""

_PROPAGATED: Final = ("datasource", "cluster", "job", "instance", "model", "release", "target")


def threshold_steps(thresholds: Thresholds) -> list[Json]:
    """Return thresholds as Grafana lists them, the lowest first."""
    return [{"color": color, "value": value} for color, value in thresholds]


def value_mapping(states: Mapping[float, tuple[str, str]]) -> Json:
    """Return a mapping of numbers to a text and a colour each."""
    options = {
        f"{number:g}": {"text": text, "color": color, "index": i}
        for i, (number, (text, color)) in enumerate(states.items())
    }
    return {"type": "value", "options": options}


def text_mapping(texts: Mapping[str, tuple[str, str]]) -> Json:
    """Return a mapping of texts to a text and a colour each."""
    options = {
        word: {"text": text, "color": color, "index": i}
        for i, (word, (text, color)) in enumerate(texts.items())
    }
    return {"type": "value", "options": options}


def field_override(name: str, *, regex: bool = False, **properties: object) -> Json:
    """Return an override of one series or column; `__` in a property's name stands for a dot."""
    return {
        "matcher": {"id": "byRegexp" if regex else "byName", "options": name},
        "properties": [
            {"id": key.replace("__", "."), "value": value} for key, value in properties.items()
        ],
    }


def color_override(name: str, color: str, *, regex: bool = False, dashed: bool = False) -> Json:
    """Return an override that gives a line its colour, dashed where it is a limit or a promise."""
    dashes: Json = {
        "custom__lineStyle": {"fill": "dash", "dash": [8, 6]},
        "custom__fillOpacity": 0,
    }
    return field_override(
        name,
        regex=regex,
        color={"mode": "fixed", "fixedColor": color},
        **(dashes if dashed else {}),
    )


def absolute_thresholds(thresholds: Thresholds) -> Json:
    """Return thresholds as a column's setting."""
    return {"mode": "absolute", "steps": threshold_steps(thresholds)}


def link(title: str, uid: str, **variables: str) -> Json:
    """Return a data link to another dashboard that carries time and variables over.

    A variable given here is set to that value, the others go on as they are.
    """
    unchanged = [f"${{{name}:queryparam}}" for name in _PROPAGATED if name not in variables]
    assigned = [f"var-{name}={value}" for name, value in variables.items()]
    query = "&".join(["${__url_time_range}", *unchanged, *assigned])
    return {"title": title, "url": f"/d/{uid}?{query}"}
