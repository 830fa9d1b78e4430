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
    """One alert. `wait` is Prometheus' `for`, a word that Python keeps for itself."""

    alert: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]+$")]
    expr: str
    wait: str
    keep_firing_for: str = ""
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


def as_dict(rule: Record | Alert) -> dict[str, Any]:
    """Return a rule as Prometheus reads it."""
    if isinstance(rule, Record):
        return rule.model_dump(exclude_defaults=True)
    times = {"for": rule.wait}
    if rule.keep_firing_for:
        times["keep_firing_for"] = rule.keep_firing_for
    return {
        "alert": rule.alert,
        "expr": rule.expr,
        **times,
        "labels": {"severity": rule.severity, **rule.labels},
        "annotations": {
            "summary": rule.summary,
            "description": rule.description,
            "runbook_url": rule.runbook_url,
            "dashboard_url": rule.dashboard_url,
        },
    }
