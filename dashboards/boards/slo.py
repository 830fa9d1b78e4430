"""The SLO dashboard: what was promised to users, what they got, how fast the budget burns."""

from typing import Any, Final

from alerts.values import Objectives

from ..grafana import uids
from ..grafana.panels import Panel, Row, bar_gauge, dashboard, stat, time_series
from ..grafana.style import GREEN, ORANGE, RED, YELLOW
from ..grafana.variables import slo_variables
from ..queries import slo as queries
from .shared import TO_UPGRADE, attainment_overrides, attainment_thresholds

BUDGET_THRESHOLDS: Final = ((RED, None), (ORANGE, 0), (YELLOW, 0.25), (GREEN, 0.5))
BURN_STEPS: Final = ((GREEN, None), (ORANGE, 6), (RED, 14.4))


def _budget(slo: Objectives, name: str, objective: str) -> list[Panel]:
    promise = f"{objective}_objective"
    return [
        stat(
            f"{name}: good",
            "Share of good events over the time shown, by model. Good is what the rules' values "
            f"say under slo.{objective}; events are counted by the engine's own buckets.",
            queries.attained_in_range(objective),
            unit="percentunit",
            thresholds=attainment_thresholds(slo, objective),
            overrides=attainment_overrides(slo, objective),
            text_mode="value_and_name",
            decimals=2,
            size=(6, 7),
        ),
        bar_gauge(
            f"{name}: budget left",
            "Share of the error budget left over the time shown; below 0 it is overspent. Show the "
            "period of your objective, such as 30 days.",
            queries.budget(objective, promise),
            unit="percentunit",
            thresholds=BUDGET_THRESHOLDS,
            minimum=-1,
            maximum=1,
            decimals=0,
            size=(6, 7),
        ),
        time_series(
            f"{name}: burn rate",
            "How many times as fast as allowed the budget is spent. Above 14.4 over 1 h it is "
            "gone in two days: act now. Above 1 over 3 d: plan.",
            *(queries.burn(objective, promise, window) for window in queries.WINDOWS),
            unit="none",
            decimals=1,
            thresholds=BURN_STEPS,
            size=(12, 7),
        ),
    ]


def _latency(slo: Objectives, title: str, name: str, objective: str) -> Row:
    record = f"{objective}_slo:ratio_rate5m"
    return Row(
        title,
        [
            *_budget(slo, name, objective),
            time_series(
                f"{name}: good over time",
                "By release. One release below the other while both run is worth a look on "
                "Upgrade.",
                queries.by_release(record),
                queries.attained(objective),
                unit="percentunit",
                minimum=None,
                maximum=1,
                size=(16, 7),
                links=[TO_UPGRADE],
            ),
            bar_gauge(
                f"{name}: worst servers",
                "The ten worst. One alone is a bad server; all alike is capacity.",
                queries.lowest_servers(record),
                unit="percentunit",
                maximum=1,
                thresholds=attainment_thresholds(slo, objective),
                decimals=1,
                size=(8, 7),
            ),
        ],
    )


def _errors(slo: Objectives) -> Row:
    return Row(
        "Answers without an error, objective $errors_objective %",
        [
            *_budget(slo, "Answers", "errors"),
            time_series(
                "Answered with 5xx",
                "Share of HTTP responses, by release. One release apart: stop its rollout.",
                queries.ERRORS_OF_RELEASE,
                unit="percentunit",
                size=(8, 7),
                links=[TO_UPGRADE],
            ),
            time_series(
                "Failed or given up",
                "Share of requests finished. Failures without 5xx, or the reverse, tell where it "
                "fails: engine or API server.",
                queries.FAILED,
                queries.ABORTED,
                unit="percentunit",
                size=(8, 7),
            ),
            time_series(
                "Rejected",
                "Requests refused at admission: clients must back off, or the fleet grow.",
                queries.REFUSED,
                unit="reqps",
                size=(8, 7),
            ),
        ],
    )


def build(slo: Objectives) -> dict[str, Any]:
    """Return the SLO dashboard."""
    return dashboard(
        uids.SLO,
        "SLO",
        "First tokens, gaps between tokens and errors: share good, budget left, burn rate.",
        slo_variables(
            {name: getattr(slo, name).objective for name in queries.OBJECTIVES},
        ),
        [
            _latency(
                slo,
                "Time to first token, objective $time_to_first_token_objective %",
                "First token",
                "time_to_first_token",
            ),
            _latency(
                slo,
                "Time between tokens, objective $inter_token_latency_objective %",
                "Gap",
                "inter_token_latency",
            ),
            _errors(slo),
        ],
        time_from="now-24h",
    )
