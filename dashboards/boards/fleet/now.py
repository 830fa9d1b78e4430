"""The Fleet dashboard's first row: what someone who was paged asks before clicking anything."""

from alerts.values import Objectives

from ...grafana.columns import Column
from ...grafana.panels import Panel, Row, alert_list, stat, table, time_series
from ...grafana.style import BLUE, GREEN, RED, YELLOW, value_mapping
from ...queries import alerts
from ...queries import fleet as queries
from ..shared import (
    BACKGROUND_CELL,
    ERROR_THRESHOLDS,
    ROW_TO_SERVER,
    THIRD,
    TO_UPGRADE,
    failure_thresholds,
)


def now(slo: Objectives) -> Row:
    """Return the row."""
    return Row("Now", [*_alerts(), *_counts(slo), *_latency(slo)])


def _alerts() -> list[Panel]:
    severities = enumerate(zip(alerts.SEVERITIES, (BLUE, YELLOW, RED), strict=True), 1)
    return [
        table(
            "Firing alerts",
            "As Prometheus evaluates them, the most severe first; those of no model or server stay "
            "whatever is chosen. Empty: none fires. Each alert's runbook says what to do first.",
            Column("Alert", label="alertname", settings={"custom__width": 260}),
            Column(
                "Severity",
                alerts.SEVERITY,
                settings={
                    "mappings": [value_mapping(dict(severities))],
                    "custom__cellOptions": BACKGROUND_CELL,
                    "custom__width": 90,
                },
            ),
            Column("For", alerts.SINCE, settings={"unit": "s", "decimals": 0, "custom__width": 90}),
            Column("Model", label="model"),
            Column("Release", label="release"),
            Column("Server", label="target", settings={"links": [ROW_TO_SERVER]}),
            Column("Namespace", label="namespace"),
            Column("Workload", label="workload"),
            Column("Cluster", label="cluster"),
            size=(17, 8),
            sort_by=("Severity", True),
        ),
        alert_list(
            "Alerts as Grafana knows them",
            "Rules and states from Grafana's alerting and the rulers it is told of, silences "
            "included. Where it is empty and the table is not, Grafana is not told of the rules.",
            "Inferfleet",
            size=(7, 8),
        ),
    ]


def _counts(slo: Objectives) -> list[Panel]:
    return [
        stat(
            "Servers down",
            "Servers whose page the exporter cannot read; those that have not answered for the "
            "first time yet only load. Above 0: open the first of the table below, and look at "
            "the Exporter dashboard for the reason.",
            queries.DOWN,
            thresholds=ERROR_THRESHOLDS,
            background=True,
        ),
        stat(
            "Stalled",
            "Servers with work, no progress and a healthy answer. They hold their requests for "
            "ever: take them out of rotation and restart them.",
            queries.STALLED,
            thresholds=ERROR_THRESHOLDS,
            background=True,
        ),
        stat(
            "5xx answers",
            "Share of HTTP responses, of the model with the most. Yellow spends more than the "
            "objective allows, red enough to wake someone.",
            queries.WORST_ERRORS,
            unit="percentunit",
            decimals=2,
            thresholds=failure_thresholds(slo, "errors"),
            background=True,
            no_value="no answers",
        ),
        stat(
            "Requests/s",
            "Requests finished by all servers chosen. A fall with requests waiting is lost "
            "capacity; without them, less traffic.",
            queries.REQUESTS_IN_ALL,
            unit="reqps",
            decimals=1,
            sparkline=True,
        ),
        stat(
            "Waiting",
            "Requests not yet in a batch, over all servers chosen. A queue that stays is "
            "saturation: see what bounds the servers below.",
            queries.WAITING_IN_ALL,
            sparkline=True,
        ),
        stat(
            "GPU faults",
            "XID errors and uncorrected memory errors in the time shown. Above 0: GPU and energy "
            "tells which GPU, and under which server.",
            queries.GPU_FAULTS,
            decimals=0,
            thresholds=ERROR_THRESHOLDS,
            background=True,
            no_value="no telemetry",
        ),
        stat(
            "Regressions",
            "Measures of a release that the judge finds worse at equal load. Above 0: open "
            "Upgrade. 'Nothing judged': no two releases ran, or no judge is deployed.",
            queries.REGRESSIONS,
            thresholds=ERROR_THRESHOLDS,
            background=True,
            no_value="nothing judged",
        ),
        stat(
            "Rollouts",
            "Models that run more than one release now: a rollout under way, or one that was "
            "never finished. See Servers by release below.",
            queries.ROLLOUTS,
            thresholds=((GREEN, None), (YELLOW, 1)),
            background=True,
        ),
    ]


def _latency(slo: Objectives) -> list[Panel]:
    return [
        time_series(
            "First token, 95th percentile",
            "By model and release, from the engine's own buckets. Dashed: what the objective "
            "calls in time. Rising with the queue: capacity; without it: longer prompts or fewer "
            "hits.",
            queries.tail("time_to_first_token_seconds"),
            unit="s",
            thresholds=((GREEN, None), (RED, slo.time_to_first_token.threshold)),
            size=THIRD,
            links=[TO_UPGRADE],
        ),
        time_series(
            "Between tokens, 95th percentile",
            "By model and release. Dashed: what the objective calls in time. It rises with the "
            "batch and with prefill in the steps.",
            queries.tail("inter_token_latency_seconds"),
            unit="s",
            thresholds=((GREEN, None), (RED, slo.inter_token_latency.threshold)),
            size=THIRD,
            links=[TO_UPGRADE],
        ),
        time_series(
            "Whole request, 95th percentile",
            "By model and release. It grows with the answers' lengths too: compare with the two "
            "beside it.",
            queries.tail("request_latency_seconds"),
            unit="s",
            size=THIRD,
            links=[TO_UPGRADE],
        ),
    ]
