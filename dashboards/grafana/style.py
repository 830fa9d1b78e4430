"""How panels look, as plain data: colours, thresholds, mappings, overrides, links, columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..queries.base import Query

Json = dict[str, Any]
Steps = Sequence[tuple[str, float | None]]

GREEN: Final = "green"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
RED: Final = "red"
BLUE: Final = "blue"
GREY: Final = "text"

_CARRIED: Final = ("datasource", "job", "instance", "model", "release", "target")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its title, and the query of its values where it has one.

    `label` is a label of the rows, shown in place of the query's values; `settings` are overrides
    of how the column looks. A label whose values are numbers is `numeric`.
    """

    title: str
    query: Query | None = None
    label: str = ""
    settings: Mapping[str, Any] | None = None
    numeric: bool = False


def steps_of(steps: Steps) -> list[Json]:
    """Return thresholds as Grafana lists them, the lowest first."""
    return [{"color": color, "value": value} for color, value in steps]


def values(names: Mapping[float, tuple[str, str]]) -> Json:
    """Return a mapping of numbers to a text and a colour each."""
    options = {
        f"{number:g}": {"text": shown, "color": color, "index": i}
        for i, (number, (shown, color)) in enumerate(names.items())
    }
    return {"type": "value", "options": options}


def looks(name: str, *, regex: bool = False, **properties: object) -> Json:
    """Return an override of one series or column; `__` in a property's name stands for a dot."""
    return {
        "matcher": {"id": "byRegexp" if regex else "byName", "options": name},
        "properties": [
            {"id": key.replace("__", "."), "value": value} for key, value in properties.items()
        ],
    }


def fixed(name: str, color: str, *, regex: bool = False, dashed: bool = False) -> Json:
    """Return an override that gives a line its colour, dashed where it is a limit or a promise."""
    more: Json = {"custom__lineStyle": {"fill": "dash", "dash": [8, 6]}} if dashed else {}
    return looks(
        name,
        regex=regex,
        color={"mode": "fixed", "fixedColor": color},
        **(more | ({"custom__fillOpacity": 0} if dashed else {})),
    )


def stepped(steps: Steps) -> Json:
    """Return thresholds as a column's setting."""
    return {"mode": "absolute", "steps": steps_of(steps)}


def link(title: str, uid: str, **variables: str) -> Json:
    """Return a data link to another dashboard that carries time and variables over.

    A variable given here is set to that value, the others go on as they are.
    """
    kept = [f"${{{name}:queryparam}}" for name in _CARRIED if name not in variables]
    given = [f"var-{name}={value}" for name, value in variables.items()]
    return {"title": title, "url": f"/d/{uid}?${{__url_time_range}}&{'&'.join(kept + given)}"}
