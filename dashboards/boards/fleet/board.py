"""The Fleet dashboard: is anything wrong, what do the GPUs deliver, what was upgraded."""

from typing import Any

from alerts.values import Objectives

from ...grafana import uids
from ...grafana.panels import Row, dashboard, stat, time_series
from ...grafana.style import GREEN, RED
from ...grafana.variables import FLEET_VARIABLES
from ...queries import fleet as queries
from ..shared import (
    THIRD,
    TO_SERVER,
    TO_UPGRADE,
    TOKENS_PER_SECOND,
    attainment_overrides,
    attainment_thresholds,
    bound_colors,
)
from .now import now
from .tables import servers, upgrades


def _saturation() -> Row:
    return Row(
        "What the GPUs deliver, and how full the servers are",
        [
            time_series(
                "Generated tokens per second and GPU",
                "By model, release and GPU type. A release below its neighbour may only have less "
                "to do: click it to compare at equal load.",
                queries.TOKENS_PER_GPU,
                unit=TOKENS_PER_SECOND,
                size=THIRD,
                links=[TO_UPGRADE],
            ),
            time_series(
                "Batch occupancy",
                "Requests running over those that may run. Near 1 with a queue: add servers or "
                "raise max_num_seqs. Low with high latency: look for another bound.",
                queries.OCCUPANCY,
                unit="percentunit",
                maximum=1,
                size=THIRD,
                links=[TO_UPGRADE],
            ),
            time_series(
                "What bounds the servers",
                "Servers by what keeps them from doing more. demand is healthy. sequences: raise "
                "max_num_seqs. token_budget: raise max_num_batched_tokens. kv_cache: shorter "
                "contexts, more memory or more servers.",
                queries.BOUND,
                unit="none",
                decimals=0,
                stacked=True,
                overrides=bound_colors(),
                size=THIRD,
            ),
        ],
    )


def _output() -> Row:
    return Row(
        "What it delivers",
        [
            time_series(
                "Tokens per second",
                "All servers together. Prompt tokens include those read from a cache.",
                queries.GENERATED,
                queries.PROMPT,
                unit=TOKENS_PER_SECOND,
            ),
            time_series(
                "Requests finished per second",
                "Demand as it was served. A fall with waiting requests below is a capacity "
                "problem; a fall without them is less traffic.",
                queries.REQUESTS,
                unit="reqps",
            ),
            time_series(
                "GPUs in use",
                "GPUs under the servers that answer. A step down is servers lost or scaled away.",
                queries.GPUS,
                unit="none",
                decimals=0,
                size=(8, 7),
            ),
            stat(
                "Generated in the time shown",
                "Tokens of all servers, by model: the size of the service, for bills and plans.",
                queries.GENERATED_IN_RANGE,
                unit="short",
                text_mode="value_and_name",
                size=(8, 7),
            ),
            time_series(
                "Work by role",
                "Prompt tokens computed and tokens generated, by the servers' role. With prefill "
                "and decode apart, one that climbs alone has too few servers.",
                queries.COMPUTED_BY_ROLE,
                queries.GENERATED_BY_ROLE,
                unit=TOKENS_PER_SECOND,
                size=(8, 7),
            ),
            time_series(
                "Joules per generated token",
                "Energy of the GPUs over tokens generated, where a GPU makes at least 10 a second. "
                "It rises when batches are small: compare releases on Upgrade.",
                queries.JOULES,
                unit="joule",
                size=(12, 7),
            ),
            time_series(
                "Cost per million generated tokens",
                "By model and release, all their GPUs paid for, in the currency of "
                "cost_per_gpu_hour in the rules' values; nothing where a GPU has no price there. "
                "Where a GPU makes at least 10 a second.",
                queries.COST,
                unit="none",
                decimals=2,
                size=(12, 7),
            ),
        ],
        collapsed=True,
    )


def _queues_and_hits() -> Row:
    return Row(
        "Queues and cache",
        [
            time_series(
                "Requests running and waiting",
                "A queue that grows while running stays level is saturation.",
                queries.RUNNING,
                queries.WAITING,
                unit="none",
                decimals=0,
            ),
            time_series(
                "Prefix-cache hit rate",
                "Tokens found over tokens looked up, by release. A step at an upgrade with the "
                "same traffic is worth a look on Cache and Upgrade.",
                queries.HIT_RATIO,
                unit="percentunit",
                maximum=1,
                links=[TO_UPGRADE],
            ),
        ],
        collapsed=True,
    )


def _latency_and_errors(slo: Objectives) -> Row:
    return Row(
        "What users feel",
        [
            stat(
                "First tokens in time",
                "Share of first tokens within the objective, by model. Below it: SLO says how fast "
                "the budget burns, the means beside it since when.",
                queries.ATTAINMENT,
                unit="percentunit",
                size=(8, 8),
                thresholds=attainment_thresholds(slo, "time_to_first_token"),
                overrides=attainment_overrides(slo, "time_to_first_token"),
                text_mode="value_and_name",
                sparkline=True,
                decimals=1,
            ),
            time_series(
                "Time to first token, mean",
                "By release. A mean does not depend on the engine's buckets, so releases compare. "
                "Rising with the queue: capacity. Rising without it: longer prompts or fewer hits.",
                queries.FIRST_TOKEN,
                unit="s",
                size=THIRD,
                links=[TO_UPGRADE],
            ),
            time_series(
                "Time between tokens, mean",
                "By release. It rises with the batch: compare at equal load before blaming a "
                "release.",
                queries.BETWEEN_TOKENS,
                unit="s",
                size=THIRD,
                links=[TO_UPGRADE],
            ),
            time_series(
                "Slowest servers, first token",
                "The ten slowest. One alone is a bad server: open it. All alike is capacity.",
                queries.SLOWEST_FIRST_TOKEN,
                unit="s",
                size=(12, 7),
                links=[TO_SERVER],
            ),
            time_series(
                "Slowest servers, between tokens",
                "The ten slowest. One alone for long is a slow GPU or a bad spawn: restart it.",
                queries.SLOWEST_BETWEEN_TOKENS,
                unit="s",
                size=(12, 7),
                links=[TO_SERVER],
            ),
            time_series(
                "Failed and aborted requests",
                "Shares of requests finished. Errors are the engine's fault; aborts are clients "
                "that gave up, often for latency.",
                queries.ERRORS,
                queries.ABORTS,
                unit="percentunit",
                size=(12, 7),
                thresholds=((GREEN, None), (RED, 0.01)),
            ),
            time_series(
                "Power drawn by GPUs",
                "All GPUs the exporter reads, by type. A level draw with fewer tokens is idle "
                "money.",
                queries.POWER,
                unit="watt",
                size=(6, 7),
                stacked=True,
            ),
            stat(
                "Servers watched",
                "Fewer than you run: discovery does not find them.",
                queries.SERVERS,
                size=(6, 7),
                sparkline=True,
            ),
        ],
        collapsed=True,
    )


def build(slo: Objectives) -> dict[str, Any]:
    """Return the Fleet dashboard."""
    return dashboard(
        uids.FLEET,
        "Fleet",
        "All servers: what is wrong, what the GPUs deliver, how full they are, what was upgraded.",
        FLEET_VARIABLES,
        [
            now(slo),
            servers(),
            upgrades(),
            _saturation(),
            _output(),
            _queues_and_hits(),
            _latency_and_errors(slo),
        ],
    )
