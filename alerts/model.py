"""Prometheus rules as data: what a rule file or a PrometheusRule resource may hold."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

METRIC_NAME = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"

Severity = Literal["critical", "warning", "info"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Record(_Model):
    """One recording rule; `record` is named level:metric:operations."""

    record: Annotated[str, Field(pattern=METRIC_NAME)]
    expr: str
    labels: dict[str, str] = {}


class Alert(_Model):
    """One alert. `wait` is Prometheus' `for`, `keep` its `keep_firing_for`, as durations."""

    alert: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]+$")]
    expr: str
    wait: str
    keep: str = ""
    severity: Severity
    summary: str
    description: str
    runbook_url: str
    dashboard_url: str
    labels: dict[str, str] = {}


class Group(_Model):
    """Rules evaluated in order, together, once an interval."""

    name: str
    interval: str = ""
    rules: tuple[Record | Alert, ...]


def rule(one: Record | Alert) -> dict[str, Any]:
    """Return a rule as Prometheus reads it."""
    if isinstance(one, Record):
        return one.model_dump(exclude_defaults=True)
    held = {"alert": one.alert, "expr": one.expr, "for": one.wait}
    if one.keep:
        held["keep_firing_for"] = one.keep
    return held | {
        "labels": {"severity": one.severity, **one.labels},
        "annotations": {
            "summary": one.summary,
            "description": one.description,
            "runbook_url": one.runbook_url,
            "dashboard_url": one.dashboard_url,
        },
    }
