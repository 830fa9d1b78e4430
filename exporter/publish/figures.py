"""Figures as others read them: samples of a page, values of the JSON, text for people."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..derive.figure import FORMATS, Figure, FigureValue
from ..derive.ratio import Ratio
from ..engines.plan import Labels

UNKNOWN: Final = "unknown"

Json = dict[str, object]
"""A document that becomes JSON."""


def samples_of(figure: Figure, value: FigureValue) -> Iterator[tuple[Labels, float]]:
    """Yield the samples of a figure's gauge: one, one for each label value or for each state."""
    if isinstance(value, str):
        for state in figure.states:
            yield ((figure.label, state),), float(state == value)
    elif isinstance(value, Mapping):
        for label, ratio in value.items():
            yield ((figure.label, label),), ratio.value
    else:
        yield (), value.value if isinstance(value, Ratio) else value


def json_value(value: FigureValue | None) -> object:
    """Return a figure's value for the JSON, null where it is unknown."""
    if isinstance(value, Ratio):
        return value.value
    if value is None or isinstance(value, int | float | str):
        return value
    return {label: ratio.value for label, ratio in value.items()}


def texts_of(figure: Figure, value: object) -> Iterator[tuple[str, str]]:
    """Yield title and text of a figure's JSON value, one for each label value."""
    if isinstance(value, Mapping) and value:
        for label, number in value.items():
            yield f"{figure.title}, {label}", text_of(figure, number)
    else:
        yield figure.title, text_of(figure, value)


def text_of(figure: Figure, value: object) -> str:
    """Return a number of a figure, or its state, as people read it with its unit."""
    text = number_text(figure, value)
    return f"{text} {unit}" if (unit := unit_text(figure)) and text != UNKNOWN else text


def unit_text(figure: Figure) -> str:
    """Return what stands behind a figure's numbers, empty where they say it themselves."""
    return "" if FORMATS[figure.unit] in ("percent", "duration", "state") else figure.unit


def number_text(figure: Figure, value: object) -> str:
    """Return a number of a figure, or its state, as people read it."""
    if isinstance(value, str):
        state = figure.states.get(value)
        return state.title if state else value
    if not isinstance(value, int | float):
        return UNKNOWN
    if value == 0:
        return {"percent": "0%", "duration": "0 s"}.get(FORMATS[figure.unit], "0")
    match FORMATS[figure.unit]:
        case "percent":
            return f"{value:.1%}" if 0 < value < 0.0995 else f"{value:.0%}"
        case "duration":
            return duration_text(value)
        case "significant":
            return f"{value:.3g}"
        case "whole":
            return f"{value:,.0f}"
        case _:
            return _rate_text(value)


def duration_text(seconds: float) -> str:
    """Return seconds as people read them: whole from 10 s on, in milliseconds below 1 s."""
    if seconds < 1:
        return f"{_rate_text(1000.0 * seconds)} ms"
    whole = seconds >= 10 or seconds == int(seconds)
    return f"{seconds:,.{0 if whole else 1}f} s"


def _rate_text(value: float) -> str:
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{places}f}"
