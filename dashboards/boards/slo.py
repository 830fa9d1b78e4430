"""The SLO dashboard: what was promised to users, what they got, how fast the budget burns."""

from typing import Any, Final

from ..grafana import uids
from ..grafana.panels import Panel, Row, bargauge, dashboard, stat, timeseries
from ..grafana.style import GREEN, ORANGE, RED, YELLOW
from ..grafana.variables import SLO
from ..queries import slo as q
from .shared import GOOD_IF_HIGH, TO_UPGRADE

LEFT: Final = ((RED, None), (ORANGE, 0), (YELLOW, 0.25), (GREEN, 0.5))
BURN_STEPS: Final = ((GREEN, None), (ORANGE, 6), (RED, 14.4))


def _budget(name: str, objective: str, promise: str) -> list[Panel]:
    return [
        stat(
            f"{name}: good",
            "Share of good events over the time shown, by model. Good is what the rules' values "
            f"say under slo.{objective}; events are counted by the engine's own buckets.",
            q.attained_in_range(objective),
            unit="percentunit",
            steps=GOOD_IF_HIGH,
            text="value_and_name",
            decimals=2,
            size=(6, 7),
        ),
        bargauge(
            f"{name}: budget left",
            "Share of the error budget left over the time shown; below 0 it is overspent. Show the "
            "period of your objective, such as 30 days.",
            q.budget(objective, promise),
            unit="percentunit",
            steps=LEFT,
            low=-1,
            high=1,
            decimals=0,
            size=(6, 7),
        ),
        timeseries(
            f"{name}: burn rate",
            "How many times as fast as allowed the budget is spent. Above 14.4 over 1 h it is "
            "gone in two days: act now. Above 1 over 3 d: plan.",
            *(q.burn(objective, promise, window) for window in q.WINDOWS),
            unit="none",
            decimals=1,
            steps=BURN_STEPS,
            size=(12, 7),
        ),
    ]


def _latency(title: str, name: str, objective: str) -> Row:
    record = f"{objective}_slo:ratio_rate5m"
    return Row(
        title,
        [
            *_budget(name, objective, "objective"),
            timeseries(
                f"{name}: good over time",
                "By release. One release below the other while both run is worth a look on "
                "Upgrade.",
                q.by_release(record),
                q.attained(objective),
                unit="percentunit",
                low=None,
                high=1,
                size=(16, 7),
                links=[TO_UPGRADE],
            ),
            bargauge(
                f"{name}: worst servers",
                "The ten worst. One alone is a bad server; all alike is capacity.",
                q.worst(record),
                unit="percentunit",
                high=1,
                steps=GOOD_IF_HIGH,
                decimals=1,
                size=(8, 7),
            ),
        ],
    )


def _errors() -> Row:
    return Row(
        "Answers without an error, objective $error_objective %",
        [
            *_budget("Answers", "errors", "error_objective"),
            timeseries(
                "Answered with 5xx",
                "Share of HTTP responses, by release. One release apart: stop its rollout.",
                q.ERRORS_OF_RELEASE,
                unit="percentunit",
                size=(8, 7),
                links=[TO_UPGRADE],
            ),
            timeseries(
                "Failed or given up",
                "Share of requests finished. Failures without 5xx, or the reverse, tell where it "
                "fails: engine or API server.",
                q.FAILED,
                q.ABORTED,
                unit="percentunit",
                size=(8, 7),
            ),
            timeseries(
                "Rejected",
                "Requests refused at admission: clients must back off, or the fleet grow.",
                q.REFUSED,
                unit="reqps",
                size=(8, 7),
            ),
        ],
    )


def build() -> dict[str, Any]:
    """Return the SLO dashboard."""
    return dashboard(
        uids.SLO,
        "SLO",
        "First tokens, gaps between tokens and errors: share good, budget left, burn rate.",
        SLO,
        [
            _latency(
                "Time to first token, objective $objective %", "First token", "time_to_first_token"
            ),
            _latency("Time between tokens, objective $objective %", "Gap", "inter_token_latency"),
            _errors(),
        ],
        span="now-24h",
    )
