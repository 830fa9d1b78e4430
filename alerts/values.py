"""What a user may set of the rules: values.yaml, and a file of their own laid over it.

The shipped values.yaml is the list of all keys; a user's file holds only what differs.
"""

import json
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from exporter.base.errors import ConfigError
from exporter.base.unit_fields import Duration, PrometheusDuration
from exporter.base.unit_fields import Share as AnyShare
from exporter.base.units import prometheus_duration
from exporter.base.validation import validation_message
from exporter.base.yaml_text import read_yaml
from exporter.vocabulary.family import PREFIX

from .model import Severity
from .promql import label_list, series

DURATION_LIMITS: Final = ("window", "age")
"""Limits of alerts that are durations; the others are numbers, and patterns of label values."""

DEFAULTS: Final = Path(__file__).with_name("values.yaml")

_TEXT: Final = r"""("([^"\\]|\\.)*"|'([^'\\]|\\.)*')"""
_MATCHER: Final = rf"\s*[a-zA-Z_][a-zA-Z0-9_]*\s*(=|!=|=~|!~)\s*{_TEXT}\s*"


def _written(pattern: str, fault: str) -> AfterValidator:
    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"{text!r} {fault}")
        return text

    return AfterValidator(check)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no pattern: {error}") from None
    return text


Share = Annotated[AnyShare, Field(gt=0, lt=1)]
Label = Annotated[str, _written(r"[a-zA-Z_][a-zA-Z0-9_]*", "is no label name")]
Limit = Annotated[float, Field(allow_inf_nan=False)] | str
Matchers = Annotated[
    str,
    _written(
        rf"({_MATCHER}(,{_MATCHER})*)?", 'are no label matchers; write them like job="inferfleet"'
    ),
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dashboards(_Model):
    """Where alerts link to: Grafana's address and the uid of each dashboard."""

    base_url: str
    fleet: str
    server: str
    upgrade: str
    gpu: str
    slo: str
    exporter: str


class Latency(_Model):
    """A latency objective: the share of events within `threshold` seconds, a bucket's edge."""

    threshold: Annotated[Duration, Field(gt=0)]
    objective: Share


class Errors(_Model):
    """The share of HTTP responses that are no server error."""

    objective: Share


class Burn(_Model):
    """Budget spent `factor` times as fast as allowed, seen over a long and a short window."""

    factor: Annotated[float, Field(gt=0)]
    long: PrometheusDuration
    short: PrometheusDuration


class ModelObjectives(_Model):
    """What differs for the models whose whole name a pattern (RE2) matches."""

    model: Annotated[str, AfterValidator(_pattern)]
    time_to_first_token: Latency | None = None
    inter_token_latency: Latency | None = None
    errors: Errors | None = None


@dataclass(frozen=True, slots=True)
class ObjectiveSet:
    """The objectives of the models that a matcher selects; of all where it is empty."""

    matcher: str
    time_to_first_token: Latency
    inter_token_latency: Latency
    errors: Errors


class Objectives(_Model):
    """Service level objectives and how fast their budget may burn."""

    time_to_first_token: Latency
    inter_token_latency: Latency
    errors: Errors
    models: tuple[ModelObjectives, ...]
    fast: Annotated[tuple[Burn, ...], Field(min_length=1)]
    slow: Annotated[tuple[Burn, ...], Field(min_length=1)]

    def sets(self) -> tuple[ObjectiveSet, ...]:
        """Return the objectives of each group of models, each model being in one of them.

        A model is in the first group whose pattern matches it, in the last where none does.
        """
        sets, before = [], list[str]()
        for special in self.models:
            matchers = (f"model=~{json.dumps(special.model)}", *before)
            sets.append(
                ObjectiveSet(
                    ", ".join(matchers),
                    special.time_to_first_token or self.time_to_first_token,
                    special.inter_token_latency or self.inter_token_latency,
                    special.errors or self.errors,
                )
            )
            before.append(f"model!~{json.dumps(special.model)}")
        others = ObjectiveSet(
            ", ".join(before), self.time_to_first_token, self.inter_token_latency, self.errors
        )
        return (*sets, others)

    @model_validator(mode="after")
    def _can_fire(self) -> Self:
        worst = max(burn.factor for burn in (*self.fast, *self.slow))
        for objectives in self.sets():
            for name in ("time_to_first_token", "inter_token_latency", "errors"):
                objective = getattr(objectives, name).objective
                if worst * (1 - objective) >= 1:
                    raise ValueError(
                        f"{name}: a budget of {1 - objective:.3g} cannot burn {worst:g} times as "
                        "fast; raise the objective or lower the factor"
                    )
        return self


class GpuPrice(_Model):
    """What an hour of each GPU costs whose whole model name a pattern (RE2) matches."""

    gpu_model: Annotated[str, AfterValidator(_pattern)]
    cost: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Judgement(_Model):
    """How an upgrade is judged: the change that matters, and how long a start is left out."""

    warm_up: Annotated[Duration, Field(ge=0)]
    margin: Share


class AlertValues(_Model):
    """One alert: whether it is written, its severity and durations, and its own limits."""

    enabled: bool
    severity: Severity
    wait: Annotated[PrometheusDuration, Field(alias="for")]
    keep_firing_for: PrometheusDuration | None = None
    limits: dict[str, Limit] = {}

    @model_validator(mode="after")
    def _limits_are_possible(self) -> Self:
        for name, limit in self.limits.items():
            if name in DURATION_LIMITS:
                prometheus_duration(str(limit))
            elif not isinstance(limit, str) and limit < 0:
                raise ValueError(f"the limit {name} must not be below 0, as {limit:g} is")
        return self


class Values(_Model):
    """Everything the rules are made from."""

    selector: Matchers
    dcgm_selector: Matchers
    keep_labels: tuple[Label, ...]
    interval: PrometheusDuration
    runbook_url: str
    dashboards: Dashboards
    cost_per_gpu_hour: tuple[GpuPrice, ...]
    slo: Objectives
    matched: Judgement
    alerts: dict[str, AlertValues]

    def metric(self, name: str, *matchers: str) -> str:
        """Return a selector of one of the exporter's own series, by its name without prefix."""
        return series(f"{PREFIX}{name}", *matchers, self.selector)

    def labels(self, *names: str) -> str:
        """Return a label list in parentheses, with the labels kept at every level."""
        return label_list(*names, *self.keep_labels)


def load(path: Path | None = None) -> Values:
    """Return the shipped values with a user's file laid over them.

    Raises `ConfigError`, one sentence with the file, the key and the mend.
    """
    data = _read(DEFAULTS)
    if path is not None:
        data = _laid_over(data, _read(path), str(path), "")
    try:
        return Values.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path or DEFAULTS}: {validation_message(error)}") from None


def _read(path: Path) -> dict[str, Any]:
    data = read_yaml(path)
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must hold keys and values, as alerts/values.yaml does")
    return data


def _laid_over(
    base: dict[str, Any], upper: dict[str, Any], path: str, place: str
) -> dict[str, Any]:
    """Return `base` with what `upper` sets; a key that `base` lacks is refused."""
    merged = dict(base)
    for key, value in upper.items():
        where = f"{place}{key}"
        if key not in base and key != "keep_firing_for":
            near = get_close_matches(str(key), list(base), 1)
            mend = f"did you mean {near[0]}?" if near else f"known are {', '.join(base)}"
            raise ConfigError(f"{path}: there is no key {where}; {mend}")
        known = base.get(key)
        if place.endswith("limits.") and isinstance(known, str) != isinstance(value, str):
            raise ConfigError(f"{path}: {where} must be written like {known}, not {value}")
        if isinstance(known, dict):
            if not isinstance(value, dict):
                raise ConfigError(f"{path}: {where} must hold keys and values")
            merged[key] = _laid_over(known, value, path, f"{where}.")
        else:
            merged[key] = value
    return merged
