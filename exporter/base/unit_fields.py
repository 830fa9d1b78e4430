"""Types of fields of pydantic models that hold a duration, a size, a share or a count."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from .units import LONGEST_SECONDS, parse_duration, parse_share, parse_size, prometheus_duration
from .untrusted import EXACT


def _duration(value: object) -> object:
    # a switch would pass as 0 or 1 second
    if isinstance(value, bool):
        raise ValueError(f"{value} is no duration; write it like 5s, 500ms or 1m30s")
    return parse_duration(value) if isinstance(value, str) else value


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


def _share(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value} is no share; write it like 3% or 0.03")
    if isinstance(value, int | float) and value > 1:
        # the sentence says what was left out
        value = f"{value:g}"
    return parse_share(value) if isinstance(value, str) else value


Duration = Annotated[
    float, BeforeValidator(_duration), Field(allow_inf_nan=False, le=LONGEST_SECONDS)
]
"""Seconds, written as a duration or as a number of seconds."""

PrometheusDuration = Annotated[str, AfterValidator(prometheus_duration)]
"""A duration that is handed on to Prometheus as it is written."""

Size = Annotated[int, BeforeValidator(_size), Field(ge=1, lt=EXACT)]
"""Bytes, written as a size or as a number of bytes."""

Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1, allow_inf_nan=False)]
"""A share of 1, written as such or in per cent."""

Count = Annotated[int, Field(ge=1, lt=EXACT)]
"""A whole number of things, at least one."""
