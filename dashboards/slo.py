"""The SLO dashboard: what was promised to users, what they got, how fast the budget burns."""

from typing import Any, Final

from . import uids
from .look import GREEN, ORANGE, RED, YELLOW
from .panels import Row, bargauge, dashboard, stat, timeseries
from .parts import GOOD_IF_HIGH, TO_UPGRADE
from .queries import slo as q
from .variables import SLO

LEFT: Final = ((RED, None), (ORANGE, 0), (YELLOW, 0.25), (GREEN, 0.5))
BURN_STEPS: Final = ((GREEN, None), (ORANGE, 6), (RED, 14.4))


def _one(title: str, name: str, histogram: str) -> Row:
    return Row(
        title,
        [
            stat(
                f"{name}: attained",
                "Share within the objective over the time shown, by model. The objective is a "
                "bound of the engine's own buckets, so this is counted, not guessed.",
                q.attained_in_range(histogram),
                unit="percentunit",
                steps=GOOD_IF_HIGH,
                text="value_and_name",
                decimals=2,
                size=(6, 7),
            ),
            bargauge(
                f"{name}: budget left",
                "Share of the error budget left over the time shown; below 0 it is overspent. Show "
                "the period of your objective, such as 30 days.",
                q.budget(histogram),
                unit="percentunit",
                steps=LEFT,
                low=-1,
                high=1,
                decimals=0,
                size=(6, 7),
            ),
            timeseries(
                f"{name}: burn rate",
                "How many times as fast as allowed the budget is spent. Above 14.4 over both 5 m "
                "and 1 h it is gone in two days: act now. Above 1 over 3 d: plan.",
                *(q.burn(histogram, window) for window in q.WINDOWS),
                unit="none",
                decimals=1,
                steps=BURN_STEPS,
                size=(12, 7),
            ),
            timeseries(
                f"{name}: attained over time",
                "By model.",
                q.attained(histogram),
                unit="percentunit",
                low=None,
                high=1,
                size=(12, 7),
            ),
            timeseries(
                f"{name}: by release",
                "One release below the other while both run is worth a look on Upgrade.",
                q.attained_by_release(histogram),
                unit="percentunit",
                low=None,
                high=1,
                size=(12, 7),
                links=[TO_UPGRADE],
            ),
        ],
    )


def _answers() -> Row:
    return Row(
        "Answers at all",
        [
            timeseries(
                "Finished without an error",
                "Share of requests that the engine did not fail.",
                q.SERVED,
                unit="percentunit",
                low=None,
                high=1,
                size=(6, 8),
            ),
            timeseries(
                "Answered with 5xx",
                "Share of HTTP responses. Engine errors without 5xx, or the reverse, tell where it "
                "fails.",
                q.SERVER_ERRORS,
                unit="percentunit",
                size=(6, 8),
            ),
            timeseries(
                "Rejected",
                "Requests refused at admission, per second.",
                q.REFUSED,
                unit="reqps",
                size=(6, 8),
            ),
            bargauge(
                "Servers with the fewest first tokens in time",
                "The ten worst. One alone is a bad server; all alike is capacity.",
                q.WORST,
                unit="percentunit",
                high=1,
                steps=GOOD_IF_HIGH,
                decimals=1,
                size=(6, 8),
            ),
            timeseries(
                "First tokens in time, as the alerts see it",
                "The recorded share that the alerts use, with the objective of their own "
                "configuration.",
                q.RECORDED,
                unit="percentunit",
                low=None,
                high=1,
                size=(24, 6),
            ),
        ],
    )


def build() -> dict[str, Any]:
    """Return the SLO dashboard."""
    return dashboard(
        uids.SLO,
        "SLO",
        "First tokens and gaps within their objective, budget left, burn rate, errors.",
        SLO,
        [
            _one("First token within $ttft s, objective $objective %", "First token", q.TTFT),
            _one("Gap between tokens within $itl s, objective $objective %", "Gap", q.ITL),
            _answers(),
        ],
        span="now-24h",
    )
