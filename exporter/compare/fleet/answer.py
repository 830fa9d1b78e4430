"""What an API answers, checked before anything is computed from it. Pure.

Everything raises `AnswerError`, whose text goes on from the name of what was asked: `answered ...`.
A sample without a finite number is left out: unknown is absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...base.untrusted import is_unicode
from .arrays import Floats

_MAX_LENGTH: Final = 80


class AnswerError(ValueError):
    """An answer is none that a Prometheus gives."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One series of a range query: labels, times (Unix seconds) and values."""

    labels: Mapping[str, str]
    times: Floats
    values: Floats


def parse_label_sets(data: object) -> list[dict[str, str]]:
    """Return the label sets in `data` of an answer."""
    if not isinstance(data, list):
        raise AnswerError(f"answered {_description(data)} where a list of label sets belongs")
    return [_labels(item) for item in data]


def parse_matrix(data: object, start: float, end: float) -> list[Series]:
    """Return the series in `data` of an answer, with times from `start` to `end` only."""
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        kind = data.get("resultType") if isinstance(data, dict) else data
        raise AnswerError(f"answered {_description(kind)} where a matrix belongs")
    result = data.get("result")
    if not isinstance(result, list):
        raise AnswerError(f"answered {_description(result)} where the list of a matrix belongs")
    return [_series(item, start, end) for item in result]


def _series(item: object, start: float, end: float) -> Series:
    if not isinstance(item, dict):
        raise AnswerError(f"answered {_description(item)} where a series belongs")
    samples = item.get("values", [])
    if not isinstance(samples, list):
        raise AnswerError(f"answered {_description(samples)} where the samples of a series belong")
    # a million of them: checked in loops of C
    if not (set(map(type, samples)) <= {list} and set(map(len, samples)) <= {2}):
        fault = next(
            sample for sample in samples if not (type(sample) is list and len(sample) == 2)
        )
        raise AnswerError(f"answered {_description(fault)} where a time and a value belong")
    time = _numbers([time for time, _ in samples], "a time")
    value = _numbers([value for _, value in samples], "a value")
    # times come rounded to milliseconds
    outside = ~((time >= start - 1.0) & (time <= end + 1.0))
    if outside.any():
        raise AnswerError(f"answered a sample of the time {time[outside][0]:g}, not asked for")
    # larger ones have no place among 32-bit numbers, and no work comes to so much
    plausible = np.abs(value) < np.finfo(np.float32).max
    return Series(_labels(item.get("metric", {})), time[plausible], value[plausible])


def _labels(item: object) -> dict[str, str]:
    if not isinstance(item, dict):
        raise AnswerError(f"answered {_description(item)} where labels belong")
    for name, value in item.items():
        if not isinstance(value, str):
            raise AnswerError(
                f"answered {_description(value)} as the value of the label {_description(name)}"
            )
        if not is_unicode(name) or not is_unicode(value):
            raise AnswerError(f"answered a label {_description(name)} that is no Unicode text")
    return item


def _numbers(values: list[Any], kind: str) -> Floats:
    kinds = set(map(type, values))
    texts = values if kinds == {str} else [value for value in values if type(value) is str]
    # Python would read 1_000 as a number too
    if kinds <= {int, float, str} and "_" not in "".join(texts):
        try:
            return np.array([*map(float, values)], dtype=np.float64)
        except (ValueError, OverflowError):
            pass
    fault = next(value for value in values if not _is_number(value))
    raise AnswerError(f"answered {_description(fault)} where {kind} belongs")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (ValueError, TypeError, OverflowError):
        return False
    return type(value) is not bool and "_" not in str(value)


def _description(value: object) -> str:
    """Return what stands there instead as a short text of ASCII."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    return ascii(value)[:_MAX_LENGTH]
