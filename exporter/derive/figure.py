"""What a figure is: its name and unit, how it is read and written, and its texts for people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ..vocabulary.family import Family
from ..vocabulary.states import StateText
from .ratio import Ratio
from .summary import WindowSummary

Unit = Literal[
    "tok/s",
    "tok/s/GPU",
    "requests/s",
    "requests",
    "sequences",
    "tokens",
    "ratio",
    "J",
    "W",
    "s",
    "state",
]
NumberFormat = Literal["rate", "whole", "percent", "significant", "duration", "state"]

FORMATS: Final[Mapping[Unit, NumberFormat]] = {
    "tok/s": "rate",
    "tok/s/GPU": "rate",
    "requests/s": "rate",
    "requests": "whole",
    "sequences": "rate",
    "tokens": "whole",
    "ratio": "percent",
    "J": "significant",
    "W": "whole",
    "s": "duration",
    "state": "state",
}
"""How numbers of a unit are written for people."""

FigureValue = float | Ratio | str | Mapping[str, Ratio]
"""A number, one of a figure's `states`, or ratios by the value of its `label`."""

Figures = Mapping[str, FigureValue]
"""One server's figures by name; what is unknown is missing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, by the name of its gauge without the prefix; the same name is its JSON key.

    `title` and `meaning` are what people see, `meaning` continuing the title. `help` describes the
    gauge; it is empty where the page has none, because the engine's own series give the figure to
    PromQL. `label` tells several values of one figure apart, `states` are the values of one that
    is no number. `families` are the canonical families it may come from, the first one known is
    named as its source; `limit` is the fact about the server that it is measured against.
    `momentary` is whether it holds at the newest page alone; every other figure is one of the
    window.
    """

    name: str
    unit: Unit
    title: str
    meaning: str
    read: Callable[[WindowSummary], FigureValue | None]
    help: str = ""
    label: str = ""
    states: Mapping[str, StateText] = field(default_factory=dict)
    families: tuple[str, ...] = ()
    limit: str = ""
    momentary: bool = False

    @property
    def family(self) -> Family | None:
        """The gauge, None where the page has none."""
        labels = (self.label,) if self.label else ()
        return Family(self.name, "gauge", self.help, labels) if self.help else None


def number_of(value: FigureValue | None) -> float | None:
    """Return a value that is one number as that, None where it is unknown or something else."""
    if isinstance(value, Ratio):
        return value.value
    return value if isinstance(value, int | float) else None
