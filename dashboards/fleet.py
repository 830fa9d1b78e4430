"""The Fleet dashboard: is anything wrong, what do the GPUs deliver, what was upgraded."""

from typing import Any, Final

from . import uids
from .look import GREEN, ORANGE, RED, YELLOW, Column, stepped
from .panels import Row, dashboard, stat, table, timeseries
from .parts import (
    BACKGROUND,
    FULL,
    GAUGE,
    GOOD_IF_HIGH,
    NONE_WANTED,
    RATIO_STEPS,
    ROW_TO_GPU,
    ROW_TO_SERVER,
    ROW_TO_UPGRADE,
    TO_UPGRADE,
    UP,
    bound_colors,
    verdict_cells,
)
from .queries import fleet as q
from .variables import FLEET

TOKENS: Final = "si:tok/s"
TROUBLE: Final = ((GREEN, None), (YELLOW, 0.2), (ORANGE, 0.5), (RED, 2))


def _wrong() -> Row:
    return Row(
        "Is anything wrong?",
        [
            stat(
                "Servers down",
                "Servers whose page the exporter cannot read. Above 0: sort the table below, open "
                "the server, and look at the Exporter dashboard for the reason.",
                q.DOWN,
                steps=NONE_WANTED,
                filled=True,
            ),
            stat(
                "Stalled",
                "Servers with work, no progress and a healthy answer. They hold their requests for "
                "ever: take them out of rotation and restart them.",
                q.STALLED,
                steps=NONE_WANTED,
                filled=True,
            ),
            stat(
                "Regressions found",
                "Measures of a release found worse at equal load. Above 0: open Upgrade. 'Nothing "
                "to judge' means that no two releases have run comparably.",
                q.REGRESSIONS,
                steps=NONE_WANTED,
                filled=True,
                nothing="nothing to judge",
            ),
            stat(
                "Releases running",
                "Releases in the fleet now. More than one is a rollout under way, or one that was "
                "never finished: see Servers by release below.",
                q.RELEASES,
                steps=((GREEN, None), (YELLOW, 2)),
                filled=True,
            ),
            stat(
                "First tokens in time",
                "Share of first tokens within the objective, by model. Below it: SLO says how fast "
                "the budget burns, Latency below says since when.",
                q.ATTAINMENT,
                unit="percentunit",
                size=(6, 4),
                steps=GOOD_IF_HIGH,
                text="value_and_name",
                graph=True,
                decimals=1,
            ),
            stat(
                "Generated tokens per second and GPU",
                "What one GPU delivers, by model. It follows demand: judge a release by Upgrade, "
                "which compares at equal load, not by this.",
                q.TOKENS_PER_GPU_BY_MODEL,
                unit="none",
                size=(6, 4),
                text="value_and_name",
                graph=True,
                decimals=0,
            ),
        ],
    )


def _servers() -> Row:
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
                Column("tok/s per GPU", q.ROW_TOKENS, settings={"decimals": 0}),
                Column("Occupancy", q.ROW_OCCUPANCY, settings=bar),
                Column(
                    "KV used",
                    q.ROW_KV,
                    settings={**bar, "thresholds": stepped(FULL)},
                ),
                Column("Waiting", q.ROW_WAITING, settings={"decimals": 0}),
                Column("Hit rate", q.ROW_HITS, settings={"unit": "percentunit", "decimals": 0}),
                Column("First token", q.ROW_FIRST_TOKEN, settings={"unit": "s", "decimals": 2}),
                Column("Exporter", label="instance"),
                size=(24, 10),
                worst=("Trouble", True),
            )
        ],
    )


def _delivers() -> Row:
    return Row(
        "What it delivers",
        [
            timeseries(
                "Generated tokens per second and GPU",
                "By model, release and GPU type. A release below its neighbour may only have less "
                "to do: click it to compare at equal load.",
                q.TOKENS_PER_GPU,
                unit=TOKENS,
                links=[TO_UPGRADE],
            ),
            timeseries(
                "Tokens per second",
                "All servers together. Prompt tokens include those read from a cache.",
                q.GENERATED,
                q.PROMPT,
                unit=TOKENS,
            ),
            timeseries(
                "Requests finished per second",
                "Demand as it was served. A fall with waiting requests below is a capacity "
                "problem; a fall without them is less traffic.",
                q.REQUESTS,
                unit="reqps",
                size=(8, 7),
            ),
            timeseries(
                "GPUs in use",
                "GPUs under the servers that answer. A step down is servers lost or scaled away.",
                q.GPUS,
                unit="none",
                decimals=0,
                size=(8, 7),
            ),
            timeseries(
                "Joules per generated token",
                "Energy of the GPUs over tokens generated. It rises when batches are small: "
                "compare releases at equal load on Upgrade.",
                q.JOULES,
                unit="joule",
                size=(8, 7),
            ),
        ],
    )


def _full() -> Row:
    return Row(
        "How full it is",
        [
            timeseries(
                "Batch occupancy",
                "Requests running over those that may run. Near 1 with a queue: add servers or "
                "raise max_num_seqs. Low with high latency: look for another bound.",
                q.OCCUPANCY,
                unit="percentunit",
                high=1,
                links=[TO_UPGRADE],
            ),
            timeseries(
                "What bounds the servers",
                "Servers by what keeps them from doing more. demand is healthy. sequences: raise "
                "max_num_seqs. token_budget: raise max_num_batched_tokens. kv_cache: shorter "
                "contexts, more memory or more servers.",
                q.BOUND,
                unit="none",
                decimals=0,
                stacked=True,
                overrides=bound_colors(),
            ),
            timeseries(
                "Requests running and waiting",
                "A queue that grows while running stays level is saturation.",
                q.RUNNING,
                q.WAITING,
                unit="none",
                decimals=0,
            ),
            timeseries(
                "Prefix-cache hit rate",
                "Tokens found over tokens looked up, by release. A step at an upgrade with the "
                "same traffic is worth a look on Cache and Upgrade.",
                q.HIT_RATIO,
                unit="percentunit",
                high=1,
                links=[TO_UPGRADE],
            ),
        ],
    )


def _upgrades() -> Row:
    ratio_look = {
        "unit": "percentunit",
        "decimals": 1,
        "custom__cellOptions": BACKGROUND,
        "thresholds": stepped(RATIO_STEPS),
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
                links=[TO_UPGRADE],
            ),
            table(
                "Releases at equal load",
                "Candidate over baseline; below 100 % is worse for users, whatever the measure. "
                "Act on a regression; an inconclusive one needs more servers or hours.",
                Column("Model", label="model"),
                Column("GPU type", label="gpu_model"),
                Column("Release", label="release", settings={"links": [ROW_TO_UPGRADE]}),
                Column("Against", label="baseline"),
                Column("Measure", label="measure"),
                Column("Ratio", q.VERDICT_RATIO, settings=ratio_look),
                Column("from", q.VERDICT_LOWER, settings=interval),
                Column("to", q.VERDICT_UPPER, settings=interval),
                Column(
                    "Verdict",
                    q.VERDICT,
                    label="verdict",
                    settings={
                        "mappings": [verdict_cells()],
                        "custom__cellOptions": {"type": "color-text"},
                    },
                ),
                size=(12, 8),
                worst=("Ratio", False),
                nothing="no two releases to compare",
            ),
        ],
    )


def _quality() -> Row:
    return Row(
        "What users feel",
        [
            timeseries(
                "Time to first token, mean",
                "By release. A mean does not depend on the engine's buckets, so releases compare. "
                "Rising with the queue: capacity. Rising without it: longer prompts or fewer hits.",
                q.FIRST_TOKEN,
                unit="s",
                links=[TO_UPGRADE],
            ),
            timeseries(
                "Time between tokens, mean",
                "By release. It rises with the batch: compare at equal load before blaming a "
                "release.",
                q.BETWEEN_TOKENS,
                unit="s",
                links=[TO_UPGRADE],
            ),
            timeseries(
                "Failed and aborted requests",
                "Shares of requests finished. Errors are the engine's fault; aborts are clients "
                "that gave up, often for latency.",
                q.ERRORS,
                q.ABORTS,
                unit="percentunit",
                size=(12, 7),
                steps=((GREEN, None), (RED, 0.01)),
            ),
            timeseries(
                "Power drawn by GPUs",
                "All GPUs the exporter reads, by type.",
                q.POWER,
                unit="watt",
                size=(6, 7),
                stacked=True,
            ),
            stat(
                "Servers watched",
                "Fewer than you run: discovery does not find them.",
                q.SERVERS,
                size=(6, 7),
                graph=True,
            ),
        ],
    )


def build() -> dict[str, Any]:
    """Return the Fleet dashboard."""
    return dashboard(
        uids.FLEET,
        "Fleet",
        "All servers: what is wrong, what the GPUs deliver, how full they are, what was upgraded.",
        FLEET,
        [_wrong(), _servers(), _upgrades(), _delivers(), _full(), _quality()],
    )
