"""The Fleet dashboard's tables: servers with the worst first, models, releases at equal load."""

from typing import Final

from ..grafana.panels import Row, table, timeseries
from ..grafana.style import GREEN, ORANGE, RED, YELLOW, Column, stepped
from ..queries import fleet as q
from .shared import (
    BACKGROUND,
    EACH_SECOND,
    FULL,
    GAUGE,
    RATIO_CELL,
    ROW_TO_GPU,
    ROW_TO_SERVER,
    ROW_TO_UPGRADE,
    TO_UPGRADE,
    TOKENS,
    UP,
    verdict_cells,
)

TROUBLE: Final = ((GREEN, None), (YELLOW, 0.2), (ORANGE, 0.5), (RED, 2))
SHARE: Final = {"unit": "percentunit", "decimals": 1}


def servers() -> Row:
    """Return the row of servers and models."""
    bar = {"custom__cellOptions": GAUGE, "unit": "percentunit", "min": 0, "max": 1}
    return Row(
        "Servers, worst first",
        [
            table(
                "Servers",
                "One row a server. Trouble is 3 for a server that is down, 2 for a stalled one, "
                "and else the share of its requests that wait. Click a server to open it, a "
                "release to compare it.",
                Column("Server", label="target", settings={"links": [ROW_TO_SERVER, ROW_TO_GPU]}),
                Column(
                    "Trouble",
                    q.ROW_TROUBLE,
                    settings={
                        "decimals": 2,
                        "custom__cellOptions": BACKGROUND,
                        "thresholds": stepped(TROUBLE),
                        "custom__width": 90,
                    },
                ),
                Column(
                    "Up",
                    q.ROW_UP,
                    settings={
                        "mappings": [UP],
                        "custom__cellOptions": {"type": "color-text"},
                        "custom__width": 70,
                    },
                ),
                Column("Model", label="model"),
                Column("Release", q.ROW_WHO, label="release", settings={"links": [ROW_TO_UPGRADE]}),
                Column("GPU type", label="gpu_model"),
                Column("tok/s/GPU", q.ROW_TOKENS, settings={"decimals": 0}),
                Column("Occupancy", q.ROW_OCCUPANCY, settings=bar),
                Column(
                    "KV used",
                    q.ROW_KV,
                    settings={**bar, "thresholds": stepped(FULL)},
                ),
                Column("Waiting", q.ROW_WAITING, settings={"decimals": 0}),
                Column("Hit rate", q.ROW_HITS, settings={"unit": "percentunit", "decimals": 0}),
                Column("First token", q.ROW_FIRST_TOKEN, settings={"unit": "s", "decimals": 2}),
                Column("Up for", q.ROW_AGE, settings={"unit": "s", "decimals": 1}),
                Column("Exporter", label="instance"),
                size=(24, 10),
                worst=("Trouble", True),
            ),
            table(
                "Models",
                "One row a model, all its servers together. A model with few tokens in time and a "
                "full cache or a queue needs servers.",
                Column("Model", label="model"),
                Column("Servers", q.MODEL_SERVERS),
                Column("GPUs", q.MODEL_GPUS),
                Column("Requests", q.MODEL_REQUESTS, settings={"unit": "reqps", "decimals": 1}),
                Column("Generated", q.MODEL_TOKENS, settings={"unit": TOKENS}),
                Column("tok/s per GPU", q.MODEL_TOKENS_PER_GPU, settings={"decimals": 0}),
                Column("First token", q.MODEL_FIRST_TOKEN, settings={"unit": "s", "decimals": 2}),
                Column("In time", q.MODEL_ATTAINMENT, settings=SHARE),
                Column("5xx", q.MODEL_ERRORS, settings=SHARE),
                Column("Fullest KV", q.MODEL_KV, settings=SHARE),
                Column(
                    "Preempted", q.MODEL_PREEMPTIONS, settings={"unit": EACH_SECOND, "decimals": 2}
                ),
                Column("Waiting", q.MODEL_WAITING, settings={"decimals": 0}),
                size=(24, 6),
                worst=("In time", False),
            ),
        ],
    )


def upgrades() -> Row:
    """Return the row of the rollout and its verdicts."""
    ratio_look = {
        "unit": "percentunit",
        "decimals": 1,
        "custom__cellOptions": BACKGROUND,
        "thresholds": stepped(RATIO_CELL),
    }
    interval = {"unit": "percentunit", "decimals": 1}
    return Row(
        "Upgrades",
        [
            timeseries(
                "Servers by release",
                "The rollout over time. Purple marks are upgrades. A mix that stays is a rollout "
                "someone forgot.",
                q.ROLLOUT,
                unit="none",
                decimals=0,
                stacked=True,
                size=(8, 9),
                links=[TO_UPGRADE],
            ),
            table(
                "Releases at equal load",
                "Candidate over baseline; below 100 % is worse for users, whatever the measure. "
                "Act on a regression; an inconclusive one needs more servers or hours.",
                Column("Model", label="model"),
                Column("GPU type", label="gpu_model"),
                Column("Release", label="release", settings={"links": [ROW_TO_UPGRADE]}),
                Column("Class", label="class"),
                Column("Against", label="baseline"),
                Column("Measure", label="measure"),
                Column("Ratio", q.VERDICT_RATIO, settings=ratio_look),
                Column("95 % from", q.VERDICT_LOWER, settings=interval),
                Column("95 % to", q.VERDICT_UPPER, settings=interval),
                Column(
                    "Verdict",
                    q.VERDICT,
                    label="verdict",
                    settings={
                        "custom__width": 130,
                        "mappings": [verdict_cells()],
                        "custom__cellOptions": {"type": "color-text"},
                    },
                ),
                size=(16, 9),
                worst=("Ratio", False),
            ),
        ],
    )
