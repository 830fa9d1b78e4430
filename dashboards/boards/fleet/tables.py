"""The Fleet dashboard's tables: servers with the worst first, models, releases at equal load."""

from typing import Final

from ...grafana.columns import Column
from ...grafana.panels import Row, table, time_series
from ...grafana.style import GREEN, ORANGE, RED, YELLOW, absolute_thresholds
from ...queries import fleet as queries
from ..shared import (
    BACKGROUND_CELL,
    FULLNESS_THRESHOLDS,
    GAUGE_CELL,
    PER_SECOND,
    ROW_TO_GPU,
    ROW_TO_SERVER,
    ROW_TO_UPGRADE,
    STATE,
    TO_UPGRADE,
    TOKENS_PER_SECOND,
)
from ..verdicts import PERCENT_COLUMN, VERDICT_COLUMN

TROUBLE_THRESHOLDS: Final = ((GREEN, None), (YELLOW, 0.2), (ORANGE, 0.5), (RED, 2))


def servers() -> Row:
    """Return the row of servers and models."""
    bar = {"custom__cellOptions": GAUGE_CELL, "unit": "percentunit", "min": 0, "max": 1}
    return Row(
        "Servers, worst first",
        [
            table(
                "Servers",
                "One row a server. Trouble is 3 for a server that is down, 2 for one without "
                "progress, and else the share of its requests that wait; loading is one that has "
                "not answered for the first time yet. Click a server to open it, a release to "
                "compare it.",
                Column("Server", label="target", settings={"links": [ROW_TO_SERVER, ROW_TO_GPU]}),
                Column(
                    "Trouble",
                    queries.ROW_TROUBLE,
                    settings={
                        "decimals": 2,
                        "custom__cellOptions": BACKGROUND_CELL,
                        "thresholds": absolute_thresholds(TROUBLE_THRESHOLDS),
                        "custom__width": 90,
                    },
                ),
                Column(
                    "State",
                    queries.ROW_STATE,
                    settings={
                        "mappings": [STATE],
                        "custom__cellOptions": {"type": "color-text"},
                        "custom__width": 80,
                    },
                ),
                Column("Model", label="model"),
                Column(
                    "Release",
                    queries.ROW_INFO,
                    label="release",
                    settings={"links": [ROW_TO_UPGRADE]},
                ),
                Column("GPU type", label="gpu_model"),
                Column("tok/s/GPU", queries.ROW_TOKENS, settings={"decimals": 0}),
                Column("Occupancy", queries.ROW_OCCUPANCY, settings=bar),
                Column(
                    "KV used",
                    queries.ROW_KV,
                    settings={**bar, "thresholds": absolute_thresholds(FULLNESS_THRESHOLDS)},
                ),
                Column("Waiting", queries.ROW_WAITING, settings={"decimals": 0}),
                Column(
                    "Hit rate", queries.ROW_HITS, settings={"unit": "percentunit", "decimals": 0}
                ),
                Column(
                    "First token", queries.ROW_FIRST_TOKEN, settings={"unit": "s", "decimals": 2}
                ),
                Column("Up for", queries.ROW_AGE, settings={"unit": "s", "decimals": 1}),
                Column("Namespace", label="namespace"),
                Column("Workload", label="workload"),
                Column("Cluster", label="cluster"),
                Column("Exporter", label="instance"),
                size=(24, 10),
                sort_by=("Trouble", True),
            ),
            table(
                "Models",
                "One row a model, all its servers together. A model with few tokens in time and a "
                "full cache or a queue needs servers. What a million generated tokens cost is told "
                "where cost_per_gpu_hour in the rules' values prices every GPU.",
                Column("Model", label="model"),
                Column("Servers", queries.MODEL_SERVERS),
                Column("GPUs", queries.MODEL_GPUS),
                Column(
                    "Requests", queries.MODEL_REQUESTS, settings={"unit": "reqps", "decimals": 1}
                ),
                Column("Generated", queries.MODEL_TOKENS, settings={"unit": TOKENS_PER_SECOND}),
                Column("tok/s/GPU", queries.MODEL_TOKENS_PER_GPU, settings={"decimals": 0}),
                Column(
                    "First token", queries.MODEL_FIRST_TOKEN, settings={"unit": "s", "decimals": 2}
                ),
                Column("In time", queries.MODEL_ATTAINMENT, settings=PERCENT_COLUMN),
                Column("Cost/Mtok", queries.MODEL_COST, settings={"decimals": 2}),
                Column("5xx", queries.MODEL_ERRORS, settings=PERCENT_COLUMN),
                Column("Fullest KV", queries.MODEL_KV, settings=PERCENT_COLUMN),
                Column(
                    "Preempted",
                    queries.MODEL_PREEMPTIONS,
                    settings={"unit": PER_SECOND, "decimals": 2},
                ),
                Column("Waiting", queries.MODEL_WAITING, settings={"decimals": 0}),
                Column("Cluster", label="cluster"),
                size=(24, 6),
                sort_by=("In time", False),
            ),
        ],
    )


def upgrades() -> Row:
    """Return the row of the rollout and its verdicts."""
    return Row(
        "Upgrades",
        [
            time_series(
                "Servers by release",
                "The rollout over time, by workload, whose pods may change their names. Purple "
                "marks are upgrades and rollbacks. A mix that stays is a rollout someone forgot.",
                queries.ROLLOUT,
                unit="none",
                decimals=0,
                stacked=True,
                size=(8, 9),
                links=[TO_UPGRADE],
            ),
            table(
                "Releases at equal load",
                "Candidate over baseline; below 100 % is worse for users, whatever the measure. "
                "Act on a regression; an inconclusive one needs more servers or hours. Empty: no "
                "two releases ran, or no judge is deployed (docs/regressions.md).",
                Column("Model", label="model"),
                Column("GPU type", label="gpu_model", settings={"custom__width": 130}),
                Column("Release", label="release", settings={"links": [ROW_TO_UPGRADE]}),
                Column("Class", label="class"),
                Column("Against", label="baseline"),
                Column("Measure", label="measure", settings={"custom__width": 160}),
                Column("Ratio", queries.VERDICT_RATIO, settings=PERCENT_COLUMN),
                Column("From", queries.VERDICT_LOWER, settings=PERCENT_COLUMN),
                Column("To", queries.VERDICT_UPPER, settings=PERCENT_COLUMN),
                Column(
                    "Verdict",
                    queries.VERDICT,
                    label="verdict",
                    settings={"custom__width": 130, **VERDICT_COLUMN},
                ),
                Column("Cluster", label="cluster"),
                size=(16, 9),
                sort_by=("Ratio", False),
            ),
        ],
    )
